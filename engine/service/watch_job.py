"""The watcher inside the service: it keeps the library up while the service answers, and says what it is at."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.paths import absolute_path
from engine.search_engine import SearchEngine
from indexer.keep_up import WatchEvent
from storage.errors import SynestheteError

_OBSTACLES = ("paused", "busy", "polling", "offline")
_SECONDS_TO_END = 10.0


@dataclass(frozen=True)
class WatchState:
    """``version`` grows with every change. ``ready``: all of ``folders`` has been looked through once.

    ``done``: how many files have been taken in, moved or removed; ``name``: the last one. ``notice``: what stands in
    the way now; ``problem``: why watching has ended though the service goes on.
    """

    version: int
    running: bool
    folders: tuple[str, ...] = ()
    ready: bool = False
    done: int = 0
    name: str = ""
    notice: str | None = None
    problem: str | None = None


class WatchJob:
    """Runs ``engine.watch`` in a thread from ``start`` to ``stop``; before and without that it is at rest."""

    def __init__(self, engine: SearchEngine) -> None:
        self._engine = engine
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._obstacles: dict[str, str] = {}
        self.state = WatchState(0, running=False)

    def start(self, paths: Sequence[Path]) -> None:
        """Watch ``paths``, or, if there are none, what the library holds already."""
        folders = tuple(str(absolute_path(path)) for path in paths) or tuple(self._engine.catalog.roots())
        self._change(lambda old: replace(old, running=True, folders=folders))
        self._thread = threading.Thread(target=self._run, args=(folders,), name="watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it; what is committed stays. Returns when it has ended, within seconds."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_SECONDS_TO_END)

    def _run(self, folders: Sequence[str]) -> None:
        problem = None
        try:
            self._engine.watch(*folders, stop=self._stop, on_event=self._heard)
        except SynestheteError as error:
            problem = str(error)
            logging.getLogger(__name__).warning("the folders are no longer watched: %s", problem)
        finally:
            self._change(lambda old: replace(old, running=False, notice=None, problem=problem))

    def _heard(self, event: WatchEvent) -> None:
        """In the watcher's thread."""
        if event.what in _OBSTACLES:
            self._obstacles[event.what] = event.reason or event.what
        elif event.what in ("resumed", "online"):
            self._obstacles.pop("paused" if event.what == "resumed" else "offline", None)
        else:
            self._obstacles.pop("busy", None)
        has_changed = event.what in ("indexed", "moved", "removed")
        name = (event.path or "").rpartition("/")[2]
        self._change(
            lambda old: replace(
                old,
                ready=old.ready or event.what == "ready",
                done=old.done + has_changed,
                name=name if has_changed else old.name,
                notice=next((self._obstacles[each] for each in _OBSTACLES if each in self._obstacles), None),
            )
        )

    def _change(self, change: Callable[[WatchState], WatchState]) -> None:
        self.state = replace(change(self.state), version=self.state.version + 1)
