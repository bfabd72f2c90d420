"""How far a run is, while it goes on: a bar on a terminal, a line now and then in a log."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar
from rich.text import Text

from engine.printed import printed
from indexer.options import Progress

_SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def progress_on(console: Console) -> Iterator[Callable[[Progress], None]]:
    """Something to be told of each progress, and shows it on ``console`` as suits that."""
    if not console.is_terminal:
        yield _Lines(console).advance
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[name]}", markup=False),
    )
    with ProgressBar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("looking", total=None, name="")

        def advance(progress: Progress) -> None:
            if progress.paused is not None:
                bar.update(task, description="waiting", name=progress.paused)
            elif progress.change != "removed":
                name = printed(Path(progress.path).name[:40])
                bar.update(task, description=_doing(progress), completed=progress.done, total=progress.total, name=name)

        yield advance


class _Rate(ProgressColumn):
    """Files a second."""

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:.1f}/s")


class _Lines:
    """A line each ten seconds at most, so that a log stays readable, and one whenever the run comes to wait."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._stage, self._paused = "", ""
        self._began = self._said = time.monotonic()
        self._done_at_begin = 0

    def advance(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.paused is not None:
            if progress.paused != self._paused:
                self._console.print(f"waiting: {progress.paused}", markup=False)
            self._paused = progress.paused
            return
        self._paused = ""
        if progress.stage != self._stage:
            self._stage, self._began, self._done_at_begin = progress.stage, now, progress.done
        if now - self._said < _SECONDS_BETWEEN_LINES or progress.change == "removed":
            return
        self._said = now
        rate = (progress.done - self._done_at_begin) / max(now - self._began, 1e-3)
        pace = f", {rate:.1f}/s, {_duration((progress.total - progress.done) / rate)} left" if rate > 0 else ""
        line = f"{_doing(progress)}: {progress.done} of {progress.total} files{pace}"
        self._console.print(line, markup=False)


def _doing(progress: Progress) -> str:
    return {"files": "indexing", "words": "reading words", "comparing": "comparing"}[progress.stage]


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
