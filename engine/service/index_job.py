"""Indexing in the background of the service, one run at a time, whose progress can be watched."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from engine.search_engine import SearchEngine
from indexer.options import Progress
from indexer.priority import step_back
from storage.errors import SynestheteError


@dataclass(frozen=True)
class JobState:
    """``version`` grows with every change; ``problem`` is why the last run could not be finished."""

    version: int
    running: bool
    stage: str = ""
    done: int = 0
    total: int = 0
    name: str = ""
    problem: str | None = None


class IndexJob:
    """Runs ``engine.index`` over the folders of the library in a thread that steps back behind searches."""

    def __init__(self, engine: SearchEngine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self.state = JobState(0, running=False)

    def start(self) -> bool:
        """Look for what has changed in all folders; False if a run is going on."""
        with self._lock:
            if self.state.running:
                return False
            self._change(lambda old: JobState(old, running=True))
        threading.Thread(target=self._run, name="index", daemon=True).start()
        return True

    def _run(self) -> None:
        problem = None
        step_back(self._engine.priority)
        try:
            self._engine.index(*self._engine.catalog.roots(), on_progress=self._advance)
        except SynestheteError as error:
            problem = str(error)
        finally:
            with self._lock:
                self._change(lambda old: JobState(old, running=False, problem=problem))

    def _advance(self, progress: Progress) -> None:
        name = progress.path.rpartition("/")[2]
        with self._lock:
            self._change(lambda old: JobState(old, True, progress.stage, progress.done, progress.total, name))

    def _change(self, make: Callable[[int], JobState]) -> None:
        self.state = make(self.state.version + 1)
