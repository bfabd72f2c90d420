"""Looking for changes because somebody asked for it."""

import threading
import time
from pathlib import Path

from engine import SearchEngine
from engine.service.index_job import IndexJob
from engine.settings import IndexSettings, Settings
from indexer.options import Progress


def niceness() -> set[int]:
    """Of the threads of this process (proc(5): the 19th field, counted behind the name)."""
    found = set()
    for thread in Path("/proc/self/task").iterdir():
        try:
            found.add(int((thread / "stat").read_text().rpartition(")")[2].split()[16]))
        except OSError:  # it has ended
            continue
    return found


def test_it_steps_back_behind_searches(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "boat.txt").write_text("We sailed the little boat across the bay.")
    settings = Settings(index=IndexSettings(priority="low"))
    with SearchEngine.open(tmp_path / "data", settings) as engine:
        job, seen, asked = IndexJob(engine), set[int](), threading.Event()
        engine.index(tmp_path / "notes")
        before = niceness()
        told = job._advance

        def advance(progress: Progress) -> None:
            seen.update(niceness())
            asked.set()
            told(progress)

        job._advance = advance  # type: ignore[method-assign]
        (tmp_path / "notes" / "boat.txt").write_text("The wind dropped.")
        assert job.start()
        while job.state.running:
            time.sleep(0.01)
        assert asked.is_set() and job.state.problem is None
        assert seen - before == {10} and niceness() == before
