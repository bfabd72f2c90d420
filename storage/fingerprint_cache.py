"""A cache of what files are compared by, by the content of the file: losing it costs time and nothing else.

A SQLite file of its own beside the catalog, because whoever only asks may write to it, and it can be deleted.
"""

import contextlib
import sqlite3
from collections.abc import Set
from pathlib import Path
from types import TracebackType

_NAME = "fingerprints.sqlite"


class FingerprintCache:
    """Open (or create) the cache in ``folder``; in memory alone where it cannot be written. A context manager.

    ``version`` names how the fingerprints are made: those of another version are forgotten. For one thread at a time.
    """

    def __init__(self, folder: Path, version: int) -> None:
        try:
            self._connection = _opened(folder / _NAME, version)
        except sqlite3.DatabaseError as error:
            damaged = getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
            if damaged:
                with contextlib.suppress(OSError):
                    (folder / _NAME).unlink()
            try:
                self._connection = _opened(folder / _NAME if damaged else Path(":memory:"), version)
            except sqlite3.DatabaseError:
                self._connection = _opened(Path(":memory:"), version)

    def __enter__(self) -> "FingerprintCache":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def known(self) -> set[tuple[bytes, str]]:
        """Content hash and kind of every file that has a fingerprint here."""
        return set(self._connection.execute("SELECT content_hash, kind FROM fingerprint"))

    def get(self, content_hash: bytes, kind: str) -> bytes | None:
        """The fingerprint of a file with this content, read as of this kind."""
        row = self._connection.execute(
            "SELECT data FROM fingerprint WHERE content_hash = ? AND kind = ?", (content_hash, kind)
        ).fetchone()
        return None if row is None else row[0]

    def put(self, content_hash: bytes, kind: str, data: bytes) -> None:
        """Keep a fingerprint."""
        self._connection.execute("INSERT OR REPLACE INTO fingerprint VALUES (?, ?, ?)", (content_hash, kind, data))

    def keep_only(self, content_hashes: Set[bytes]) -> None:
        """Forget what no file has any more."""
        gone = {held for held, _ in self.known() if held not in content_hashes}
        self._connection.executemany("DELETE FROM fingerprint WHERE content_hash = ?", [(each,) for each in gone])


def _opened(path: Path, version: int) -> sqlite3.Connection:
    # Each statement is committed by itself: what was computed is kept whenever the program is stopped.
    connection = sqlite3.connect(path, timeout=30.0, isolation_level=None, check_same_thread=False)
    try:
        if str(path) != ":memory:":
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = OFF")
        if connection.execute("PRAGMA user_version").fetchone()[0] != version:
            connection.execute("DROP TABLE IF EXISTS fingerprint")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS fingerprint "
            "(content_hash BLOB NOT NULL, kind TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (content_hash, kind))"
        )
        connection.execute(f"PRAGMA user_version = {version:d}")
        if str(path) != ":memory:":
            path.chmod(0o600)  # it holds small versions of private pictures
    except BaseException:
        connection.close()
        raise
    return connection
