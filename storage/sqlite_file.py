"""How the catalog's SQLite file is opened, and what the driver's errors mean to a user."""

import contextlib
import os
import sqlite3
import stat
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event
from sqlalchemy.engine import ExceptionContext

from storage.errors import DamagedCatalogError, DataFolderError, LibraryBusyError
from storage.name_words import name_words

# In it a kept connection has the upper pages of the table of pieces: 3 MB at a million.
_CACHE_KIB = 8_000
# A search has two at once.
_KEPT = 2

REPAIR = "`synesthete check --repair` saves what can be read"


def damaged(path: Path, why: str) -> DamagedCatalogError:
    """The error that says why the catalog at ``path`` cannot be used."""
    return DamagedCatalogError(f"{path}: the catalog is damaged ({why}); {REPAIR}")


def make_private(path: Path) -> None:
    """Make the file at ``path`` if it is not there, and let nobody but its owner read it and the files beside it.

    What SQLite puts beside it later gets its mode. Whatever stands in the way, SQLite will say, or it is not ours.
    """
    with contextlib.suppress(OSError):
        if not path.exists():
            path.touch(mode=0o600)
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            file = path.with_name(path.name + suffix)
            status = file.stat()
            if status.st_uid == os.geteuid() and status.st_mode & 0o077:
                file.chmod(stat.S_IMODE(status.st_mode) & 0o700)


def open_engine(path: Path) -> Engine:
    """Connections to the catalog at ``path``, which the first of them makes if it is not there."""
    # Only the first connection may make the file: a later one would make an empty one where a superseded one stood.
    modes = iter(["rwc"])

    def connect() -> sqlite3.Connection:
        mode = _read_only_mode(path) or f"mode={next(modes, 'rw')}"
        return sqlite3.connect(f"file:{quote(str(path))}?{mode}", uri=True, timeout=30.0, check_same_thread=False)

    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool)

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        # The driver's own transaction handling would commit table definitions on its own; SQLAlchemy emits BEGIN below.
        connection.isolation_level = None
        pragmas = ["foreign_keys = ON", "trusted_schema = OFF"]
        if _read_only_mode(path) is None:
            # FULL: a commit survives a power cut too, and with it the promise that no piece's number is given twice.
            pragmas += ["journal_mode = WAL", "synchronous = FULL"]
        try:
            if _read_only_mode(path) is None and connection.execute("PRAGMA page_count").fetchone() == (0,):
                pragmas.insert(0, "auto_vacuum = INCREMENTAL")
            for pragma in pragmas:
                connection.execute(f"PRAGMA {pragma}")
        except (UnicodeDecodeError, MemoryError) as error:
            raise_own_error(path, error)
            raise
        connection.create_function("name_words", 1, name_words, deterministic=True)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("immediate", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    @event.listens_for(engine, "handle_error")
    def _explain(context: ExceptionContext) -> None:
        raise_own_error(path, context.original_exception)

    return engine


def rows(connection: Connection, query: str, values: Sequence[object] | Mapping[str, object]) -> list[Any]:
    """All rows of a query in the transaction of ``connection``, as the driver hands them on: for many, and in every
    search. Raises sqlite3.Error."""
    return driver_of(connection).execute(query, values).fetchall()


def driver_of(connection: Connection) -> sqlite3.Connection:
    """The driver's own connection under ``connection``."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


class KeptConnections:
    """Connections of ``engine`` for those who read, used again and again: with what they remember of the file, and
    without the pool's work each time. Any thread may read; who comes when none is free gets another one."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._free: list[Connection] = []
        self._lock = threading.Lock()
        self._closed = False

    @contextmanager
    def lent(self) -> Iterator[Connection]:
        """A connection that nobody else has now, outside any transaction; what was begun and not committed is undone.
        Where anything is raised it is given up."""
        with self._lock:
            connection = self._free.pop() if self._free else None
        if connection is None:
            connection = self._engine.connect()
            driver_of(connection).execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        try:
            yield connection
            if connection.in_transaction():
                connection.rollback()
        except BaseException:
            connection.close()
            raise
        with self._lock:
            if not self._closed and len(self._free) < _KEPT:
                self._free.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Give them back to the engine, as those will be that are lent now or later."""
        with self._lock:
            free, self._free, self._closed = self._free, [], True
        for connection in free:
            connection.close()


def open_reader(path: Path) -> sqlite3.Connection:
    """A bare connection that changes nothing, for looking at a file that may be damaged. Raises sqlite3.Error.

    All it reads is of one state of the file, whoever writes meanwhile.
    """
    connection = sqlite3.connect(f"file:{quote(str(path))}?{_read_only_mode(path) or 'mode=ro'}", uri=True)
    connection.execute("PRAGMA writable_schema = ON")  # what cannot be understood of the schema does not hide the rest
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    connection.execute("BEGIN")
    return connection


def _read_only_mode(path: Path) -> str | None:
    """How to open a catalog in a folder that cannot be written to, where SQLite cannot make the files it needs."""
    if not path.exists() or os.access(path.parent, os.W_OK):
        return None
    # Without a log left by a writer the file itself is all there is, and nobody here can change it.
    return "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "mode=ro&immutable=1"


def raise_own_error(path: Path, error: BaseException | None) -> None:
    """Raise what ``error`` of the SQLite driver means to a user, if it is not a mistake of ours."""
    if isinstance(error, UnicodeDecodeError):  # SQLite's message quotes what it found, which is no text any more
        raise damaged(path, "its schema cannot be read") from error
    if isinstance(error, MemoryError):  # most likely a damaged length
        raise damaged(path, "a length in it is absurd") from error
    if not isinstance(error, sqlite3.DatabaseError):
        return
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    # SQLite has no codes of its own for a header of an unknown format, and for tables and texts that are not as made.
    words = ("unsupported file format", "no such column", "no such table", "Could not decode")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or str(error).startswith(words):
        raise damaged(path, str(error)) from error
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        raise LibraryBusyError(f"{path}: another process is writing to the catalog; try again") from error
    if code in (
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_PERM,
    ):
        raise DataFolderError(
            f"{path}: the catalog cannot be used ({error}); check the folder's permissions and free space"
        ) from error
