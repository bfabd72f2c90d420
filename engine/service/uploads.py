"""Files that clients sent to ask with: kept in a folder of their own until they are old or there are too many."""

import contextlib
import fcntl
import os
import re
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

from engine.errors import QueryError
from indexer.extract.registry import Format, format_of

_MOST = 64
_SECONDS = 3600.0
_NAME = re.compile(r"[0-9a-f]{32}")
_FOLDER, _LOCK = "synesthete-uploads-", "lock"


class Uploads:
    """A temporary folder that only this user can enter, removed by ``close``, or after a crash by the next service."""

    def __init__(self) -> None:
        _remove_abandoned(Path(tempfile.gettempdir()))
        self._folder = Path(tempfile.mkdtemp(prefix=_FOLDER))
        self._lock_file = os.open(self._folder / _LOCK, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock_file, fcntl.LOCK_EX)
        self._lock = threading.Lock()
        self._held: dict[str, tuple[Path, float]] = {}

    def close(self) -> None:
        """Remove what is left."""
        shutil.rmtree(self._folder, ignore_errors=True)
        os.close(self._lock_file)

    async def keep(self, name: str, chunks: AsyncIterator[bytes]) -> tuple[str, Format]:
        """Keep a file that is called ``name`` on the client's side; returns under which name it can be asked with.

        Nothing of ``name`` but the extension is used. Raises QueryError for a kind of file that is not read.
        """
        format = format_of(Path(name))
        if format is None:
            raise QueryError(f"files named {Path(name).suffix or 'without an extension'} are not read")
        number = secrets.token_hex(16)
        path = self._folder / (number + Path(name).suffix.lower())
        try:
            with path.open("xb") as file:
                async for chunk in chunks:
                    file.write(chunk)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        with self._lock:
            self._held[number] = (path, time.monotonic())
            self._clear()
        return number, format

    def path(self, number: str) -> Path:
        """Where upload ``number`` lies. Raises QueryError if it is not kept any more."""
        with self._lock:
            if not _NAME.fullmatch(number) or number not in self._held:
                raise QueryError("this upload is not kept any more; send the file again")
            return self._held[number][0]

    def unnamed(self, text: str) -> str:
        """``text`` without the places at which uploads lie, which say nothing to those who sent them."""
        return re.sub(re.escape(f"{self._folder}/") + r"[0-9a-f]{32}[.\w]*", "the file that was sent", text)

    def _clear(self) -> None:
        oldest_first = sorted(self._held, key=lambda number: self._held[number][1])
        too_many = oldest_first[: max(0, len(oldest_first) - _MOST)]
        too_old = [number for number in oldest_first if time.monotonic() - self._held[number][1] > _SECONDS]
        for number in {*too_many, *too_old}:
            self._held.pop(number)[0].unlink(missing_ok=True)


def _remove_abandoned(temporary: Path) -> None:
    """Remove the folders of this user's services that were killed: nobody holds their lock."""
    for folder in temporary.glob(f"{_FOLDER}*"):
        with contextlib.suppress(OSError):  # another user's, or no folder
            lock = os.open(folder / _LOCK, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
