"""Events of the file system -> paths at which something has happened. What it was, only the disk can say by then."""

import ctypes
import errno
import logging
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

from indexer.extract.registry import format_of
from indexer.ignore import CACHE_TAG, IGNORE_FILE, MARKERS
from storage.file_identity import file_identity

_EVENTS: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileModifiedEvent,
    FileClosedEvent,
    FileMovedEvent,
    FileDeletedEvent,
    DirCreatedEvent,
    DirMovedEvent,
    DirDeletedEvent,
]
_log = logging.getLogger(__name__)
_LIBRARY_LOG = logging.getLogger("watchdog.observers")

_RULES = frozenset((IGNORE_FILE, CACHE_TAG, *MARKERS))
_FLOOD_EVENTS, _FLOOD_SECONDS = 8_000, 10.0
"""The kernel drops events when 16,384 wait (its default); so many, and some may be missing."""

_LIMIT = (
    "the system watches no more folders (fs.inotify.max_user_watches, max_user_instances): folders are looked through "
    "from time to time instead"
)


class Watcher:
    """Watches roots. ``on_path(path)`` hears, in a thread of the watcher, of every path that may have changed.

    Use it from one thread. ``polling``: why events cannot be relied on, once they cannot; the caller then has to look
    for itself.
    """

    def __init__(self, on_path: Callable[[str], None]) -> None:
        self._on_path = on_path
        self._observer: BaseObserver | None = None
        self._watches: dict[str, tuple[ObservedWatch | None, tuple[int, int]]] = {}
        self._handler = _Handler(self._take, self._miss)
        self._complaints = _Complaints(self._miss)
        self._count, self._counted_since = 0, 0.0
        self._has_missed = False
        self._lock = threading.Lock()
        self.polling: str | None = None

    def start(self) -> None:
        # A folder that was moved out of a root and comes back is watched still, of which the library would warn.
        warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning)
        _LIBRARY_LOG.addHandler(self._complaints)
        _LIBRARY_LOG.propagate = False
        try:
            self._observer = Observer()
            self._observer.start()
        except OSError as error:
            self._fall_back(error)

    def close(self) -> None:
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()
            self._observer = None
        _LIBRARY_LOG.removeHandler(self._complaints)

    def watch(self, root: str) -> bool:
        """Watch ``root``, a folder with all below it or a file; it is not watched yet. Whether it is there."""
        identity = file_identity(root)
        if identity is None:
            return False
        self._watches[root] = None, identity
        if self._observer is not None:
            folder, recursive = (root, True) if Path(root).is_dir() else (str(Path(root).parent), False)
            try:
                watch = self._observer.schedule(self._handler, folder, recursive=recursive, event_filter=_EVENTS)
                self._watches[root] = watch, identity
            except OSError as error:
                self._fall_back(error)
        self.check_limit(root)
        return True

    def let_go(self, root: str) -> None:
        """Watch ``root`` no longer."""
        watch, _ = self._watches.pop(root, (None, None))
        others = [other for other, _ in self._watches.values()]
        if watch is not None and self._observer is not None and watch not in others:
            self._observer.unschedule(watch)

    def is_watching(self, root: str) -> bool:
        """Whether what is watched is what is at ``root`` now: it may have been removed, renamed, or unmounted."""
        return root in self._watches and self._watches[root][1] == file_identity(root)

    def check_limit(self, root: str) -> None:
        """Fall back on polling if the system would not watch one more folder: some below a root may be unwatched.

        The library passes over folders it cannot watch in silence, so this asks for one watch more, and gives it back.
        """
        if self.polling is None and self._observer is not None and not _has_room(root):
            self._fall_back(OSError(errno.ENOSPC, "no room"))

    def flooded(self) -> bool:
        """Whether something that has happened since this was asked last was missed, or may have been: there was so
        much of it."""
        with self._lock:
            count, self._count = self._count, 0
            has_missed, self._has_missed = self._has_missed, False
            return has_missed or count >= _FLOOD_EVENTS

    def _take(self, event: FileSystemEvent) -> None:
        with self._lock:
            now = time.monotonic()
            if self._count < _FLOOD_EVENTS and now - self._counted_since > _FLOOD_SECONDS:
                self._count, self._counted_since = 0, now
            self._count += 1  # whatever it is of: the kernel has room for so many
        for path in _paths_of(event):
            self._on_path(path)

    def _miss(self) -> None:
        with self._lock:
            self._has_missed = True

    def _fall_back(self, error: OSError) -> None:
        if error.errno not in (errno.ENOSPC, errno.EMFILE, errno.ENFILE):
            self.polling = f"folders cannot be watched ({error.strerror or error}): they are looked through instead"
        else:
            self.polling = _LIMIT


class _Handler(FileSystemEventHandler):
    """Hands events on, in a thread of the library's, which any exception would end, and with it all watching."""

    def __init__(self, take: Callable[[FileSystemEvent], None], miss: Callable[[], None]) -> None:
        self._take, self._miss = take, miss

    def on_any_event(self, event: FileSystemEvent) -> None:
        try:
            self._take(event)
        except Exception as error:
            self._miss()
            _log.warning("an event cannot be followed (%r); all folders are looked through instead", error)


class _Complaints(logging.Handler):
    """Hears what the library says for itself: that events were lost. It is no line for a user."""

    def __init__(self, miss: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._miss = miss

    def emit(self, record: logging.LogRecord) -> None:
        self._miss()


def _paths_of(event: FileSystemEvent) -> Iterator[str]:
    """The paths that are to be looked at after ``event``."""
    for each in (event.src_path, event.dest_path):
        if each:
            path = os.fsdecode(each)
            folder, _, name = path.rpartition("/")
            if name in _RULES:
                yield folder
            elif event.is_directory or format_of(name) is not None:
                yield path


def _has_room(path: str) -> bool:
    """Whether one more folder can be watched."""
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        handle = libc.inotify_init1(os.O_CLOEXEC)
    except AttributeError:  # another system, with limits of its own
        return True
    if handle < 0:
        return ctypes.get_errno() not in (errno.EMFILE, errno.ENFILE)
    try:
        created = 0x100
        return bool(libc.inotify_add_watch(handle, os.fsencode(path), created) >= 0) or (
            ctypes.get_errno() != errno.ENOSPC
        )
    finally:
        os.close(handle)
