"""Keep a library up with its folders: index all, then what changes, for as long as it is let.

Events only say where to look (``watcher.py``); what is still (``settle.py``) is scanned and indexed like anything else,
and now and then all is looked through, whatever the events said.
"""

import stat
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

from indexer.control import Control
from indexer.mounts import concerning, is_on_network, mounted
from indexer.options import IndexSummary, Progress
from indexer.plan import Scope
from indexer.scan import is_at_or_below, nearest_printable, require_printable
from indexer.settle import Settling
from indexer.subtitle_files import companions
from indexer.transcripts import TranscriptSummary
from indexer.watcher import Watcher
from storage.errors import LibraryBusyError
from storage.records import FileState

Happening = Literal[
    "indexed", "moved", "unchanged", "failed", "removed", "words",
    "ready", "offline", "online", "polling", "paused", "resumed", "busy", "stopped",
]  # fmt: skip

_SECONDS_BETWEEN_CHECKS = 1.0
_SECONDS_UNTIL_NEXT_TRY = 2.0
_MOST_SETTLINGS = 10
"""How many times as long as a file takes to settle a file that is gone is waited for at most."""

_MOST_PARTS = 100
"""From so many changes on it is cheaper to look through the whole root."""

_ON_NETWORK = "{} is on a network, where others can change files unnoticed: it is looked through from time to time"


@dataclass(frozen=True)
class WatchOptions:
    """``settle_seconds``: how long nothing may happen to a file before it is read. ``rescan_minutes``: how often all is
    looked through behind the events; ``poll_seconds``: how often where there are none. ``hidden``: take in names that
    begin with a dot. ``apart``: a folder to keep away from, the library's own."""

    settle_seconds: float = 1.0
    rescan_minutes: float = 60.0
    poll_seconds: float = 60.0
    hidden: bool = False
    apart: Path | None = None


@dataclass(frozen=True)
class WatchEvent:
    """Something that has been done, or has come to stand in the way. ``summary`` comes with "ready": all is indexed."""

    what: Happening
    path: str | None = None
    reason: str | None = None
    summary: IndexSummary | None = None


class Indexing(Protocol):
    """By whom files are indexed. Each raises LibraryBusyError while another process changes the library.

    ``roots``: what the library holds; a root leaves it when the user forgets it.
    """

    def roots(self) -> Collection[str]: ...

    def everything(
        self, roots: Sequence[Path], on_progress: Callable[[Progress], None], control: Control
    ) -> IndexSummary: ...

    def parts(
        self, parts: Sequence[Scope], on_progress: Callable[[Progress], None], control: Control
    ) -> IndexSummary: ...

    def words(
        self, roots: Sequence[Path], on_progress: Callable[[Progress], None], control: Control
    ) -> TranscriptSummary: ...


class KeepUp:
    """Watches ``roots`` (absolute, without links) from ``run`` on. ``paused``: why to wait, asked about once a second.

    ``on_event`` is called in the thread of ``run``. Raises MissingPathError for a root whose name is not valid UTF-8.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        indexing: Indexing,
        options: WatchOptions,
        paused: Callable[[], str | None],
        on_event: Callable[[WatchEvent], None],
    ) -> None:
        self._roots = [str(root) for root in roots]
        for root in self._roots:
            require_printable(root)
        self._indexing, self._options, self._paused, self._on_event = indexing, options, paused, on_event
        self._settling, self._lock = Settling(options.settle_seconds), threading.Lock()
        self._watcher = Watcher(self._heard)
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._due: set[str] = set()
        self._unscanned = set(self._roots)
        self._offline: set[str] = set()
        self._scanned: set[str] = set()
        self._mounts: dict[str, str] = {}
        self._words_left = self._is_ready = False
        self._said: dict[Happening, str] = {}
        self._scanned_at = self._not_before = 0.0
        self._gone_since: float | None = None
        self._control = Control(
            stop=self._must_end, give_way=self._has_due, is_still=self._is_still, is_quiet=self._is_quiet
        )

    def run(self, stop: threading.Event) -> None:
        """Keep up until ``stop`` is set; what is under way then is given up, what is committed stays.

        Raises what ``Indexing`` raises, LibraryBusyError excepted.
        """
        self._stop = stop
        self._watcher.start()
        try:
            while not stop.is_set():
                self._check_roots()
                if self._may_work():
                    self._work()
                self._wake.wait(self._seconds_to_wait())
                self._wake.clear()
        finally:
            self._watcher.close()
            self._say("stopped")

    # --- what happens

    def _heard(self, path: str) -> None:
        """An event, in a thread of the watcher."""
        root = self._root_of(path)
        if root is None or (self._options.apart is not None and is_at_or_below(path, str(self._options.apart))):
            return
        if not self._options.hidden and "/." in path[len(root.rstrip("/")) :]:
            return
        path = nearest_printable(path)
        for each in [path, *(str(other) for other in companions(Path(path)))]:
            with self._lock:
                self._settling.note(each, time.monotonic(), _look(each))
        self._wake.set()

    def _check_roots(self) -> None:
        """See whether each root is still what is watched: it may have been unmounted, removed or replaced."""
        now = mounted()
        for root in self._roots:
            moved = concerning(root, now) != concerning(root, self._mounts)
            if self._watcher.is_watching(root) and not moved:
                continue
            self._watcher.let_go(root)
            is_there = self._watcher.watch(root)
            self._scanned.discard(root)
            self._unscanned.add(root)
            if is_there and root in self._offline:
                self._offline.discard(root)
                self._say("online", root)
            elif not is_there and root not in self._offline:
                self._offline.add(root)
                self._say("offline", root, "it is not there now; what is indexed below it is kept")
            elif not is_there:
                self._unscanned.discard(root)
        self._mounts = now
        if self._watcher.flooded():
            self._unscanned.update(self._roots)
        self._say_once("polling", self._why_polling())

    def _let_go_of_forgotten(self) -> None:
        """Follow no longer what the user has forgotten since it was scanned: a later scan would bring it back."""
        for root in self._scanned.difference(self._indexing.roots() if self._scanned else ()):
            if self._watcher.is_watching(root):  # a single file that is gone leaves the library, too, and may come back
                self._roots = [each for each in self._roots if each != root]  # another thread may be going through them
                self._unscanned.discard(root)
                self._scanned.discard(root)
                self._watcher.let_go(root)
                self._say("offline", root, "it is in the library no longer, so it is not followed any more")

    def _may_work(self) -> bool:
        reason = self._paused()
        if reason is None and "paused" in self._said:
            self._say("resumed")
        self._say_once("paused", reason)
        return reason is None and time.monotonic() >= self._not_before

    def _work(self) -> None:
        try:
            self._let_go_of_forgotten()
            interval = self._options.poll_seconds if self._why_polling() else self._options.rescan_minutes * 60
            if self._is_ready and time.monotonic() - self._scanned_at >= interval:
                self._unscanned.update(self._roots)
            if self._unscanned:
                self._scan()
            elif self._take_due():
                self._index_due()
            elif self._words_left:
                roots = [Path(root) for root in self._roots]
                self._words_left = self._indexing.words(roots, self._progress, self._control).left > 0
        except LibraryBusyError as error:
            self._not_before = time.monotonic() + _SECONDS_UNTIL_NEXT_TRY
            self._say_once("busy", str(error))

    def _scan(self) -> None:
        roots = sorted(self._unscanned, key=self._roots.index)
        began = time.monotonic()
        control = replace(self._control, is_quiet=lambda: True)  # to look through all again would cost too much
        summary = self._indexing.everything([Path(root) for root in roots], self._progress, control)
        self._say_once("busy", None)
        if summary.stopped:
            return
        self._unscanned.difference_update(roots)
        self._scanned.update(set(roots).intersection(self._indexing.roots()))
        for root in roots:
            if root not in self._offline:
                self._watcher.check_limit(root)
        if set(roots) == set(self._roots):
            self._scanned_at = began
        self._words_left |= summary.transcripts.left > 0
        if not self._is_ready:
            self._is_ready = True
            self._on_event(WatchEvent("ready", summary=summary))

    def _index_due(self) -> None:
        parts = [Scope(root, path) for path in _topmost(self._due) if (root := self._root_of(path)) is not None]
        if len(parts) > _MOST_PARTS:
            parts = [Scope(root, root) for root in dict.fromkeys(part.root for part in parts)]
        summary = self._indexing.parts(parts, self._progress, self._control)
        self._say_once("busy", None)
        if not summary.stopped:
            self._due.clear()
            self._words_left |= summary.transcripts.left > 0
        elif self._gone_since is not None:
            self._not_before = time.monotonic() + self._options.settle_seconds

    # --- what a run asks

    def _must_end(self) -> bool:
        return self._stop.is_set() or self._paused() is not None

    def _has_due(self) -> bool:
        with self._lock:
            due = self._settling.next_due()
        return due is not None and due <= time.monotonic()

    def _is_still(self, path: str, state: FileState) -> bool:
        with self._lock:
            if path in self._settling:
                return False
            age = time.time() - state.modified_ns / 1e9
            if path in self._due or not 0 <= age < self._options.settle_seconds:
                return True
            self._settling.note(path, time.monotonic(), state)  # it was there before it was watched
            return False

    def _is_quiet(self) -> bool:
        """While anything settles, what is gone may be about to appear there; but not for ever."""
        with self._lock:
            settles = len(self._settling) > 0
        now = time.monotonic()
        if settles and self._gone_since is None:
            self._gone_since = now
        limit = _MOST_SETTLINGS * self._options.settle_seconds
        if settles and self._gone_since is not None and now - self._gone_since < limit:
            return False
        self._gone_since = None
        return True

    # --- small things

    def _take_due(self) -> bool:
        with self._lock:
            self._due.update(self._settling.take_due(time.monotonic(), _look))
        return bool(self._due)

    def _seconds_to_wait(self) -> float:
        if self._paused() is not None:
            return _SECONDS_BETWEEN_CHECKS
        with self._lock:
            due = self._settling.next_due()
        now = time.monotonic()
        until = now + _SECONDS_BETWEEN_CHECKS
        if due is not None:
            until = min(until, max(due, self._not_before))
        return max(0.02, until - now)

    def _root_of(self, path: str) -> str | None:
        """The innermost root that ``path`` is or lies in."""
        return max((root for root in self._roots if is_at_or_below(path, root)), key=len, default=None)

    def _why_polling(self) -> str | None:
        if self._watcher.polling is not None:
            return self._watcher.polling
        return next((_ON_NETWORK.format(root) for root in self._roots if is_on_network(root, self._mounts)), None)

    def _progress(self, progress: Progress) -> None:
        if progress.paused is None:
            what: Happening = "words" if progress.stage == "words" else progress.change
            self._say(what, progress.path, progress.failure)

    def _say(self, what: Happening, path: str | None = None, reason: str | None = None) -> None:
        self._on_event(WatchEvent(what, path, reason))

    def _say_once(self, what: Happening, reason: str | None) -> None:
        """Say what stands in the way when it comes, not as long as it stays; None: it is gone."""
        if reason is None:
            self._said.pop(what, None)
        elif what not in self._said:
            self._said[what] = reason
            self._say(what, reason=reason)


def _topmost(paths: Iterable[str]) -> list[str]:
    """Those of ``paths`` that lie in no other one."""
    found: list[str] = []
    for path in sorted(paths, key=lambda path: path.rstrip("/") + "/"):
        if not found or not is_at_or_below(path, found[-1]):
            found.append(path)
    return found


def _look(path: str) -> FileState | None:
    try:
        status = Path(path).lstat()
    except OSError:
        return None
    return None if stat.S_ISDIR(status.st_mode) else FileState.of(status)
