"""One writer at a time: an advisory lock on the data folder that the kernel frees however its holder ends."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from storage.errors import DataFolderError, LibraryBusyError


class WriterLock:
    """Held while a process changes the library; readers need none. Raises LibraryBusyError if another one has it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "writer.lock"
        self._descriptor: int | None = None

    def __enter__(self) -> "WriterLock":
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DataFolderError(
                f"{self._path.parent}: the data folder cannot be written ({error.strerror})"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise LibraryBusyError(
                f"{self._path.parent}: process {holder} is changing this library; try again when it has finished"
            ) from None
        with suppress(OSError):  # on a full disk the lock holds all the same, only without a name
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode("ascii"), 0)
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
