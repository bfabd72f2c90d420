"""Progress as a log has it: a line now and then, with a pace as soon as there is one."""

import io
import time

import pytest
from rich.console import Console

from engine import show_progress
from engine.show_progress import progress_on
from indexer.options import Progress


def test_a_name_on_the_bar_is_neither_markup_nor_a_command_to_the_terminal() -> None:
    console = Console(file=io.StringIO(), width=200, force_terminal=True)
    with progress_on(console) as advance:
        advance(Progress(1, 3, "/a/[red] \x1b[31m :cat:.txt"))
    assert r"[red] \x1b[31m :cat:.txt" in console.file.getvalue()  # type: ignore[attr-defined]


def test_in_a_log_a_line_says_how_far_a_run_is_and_how_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(show_progress, "_SECONDS_BETWEEN_LINES", 0.0)
    console = Console(file=io.StringIO(), width=200)
    with progress_on(console) as advance:
        advance(Progress(1, 3, "/a"))
        time.sleep(0.01)
        advance(Progress(2, 3, "/b"))
        advance(Progress(2, 3, "", paused="paused; `synesthete resume` goes on"))
        advance(Progress(2, 3, "", paused="paused; `synesthete resume` goes on"))
    first, second, third = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert first == "indexing: 1 of 3 files"  # no pace can be told from one
    assert second.startswith("indexing: 2 of 3 files, ") and second.endswith("/s, 0:00 left")
    assert third == "waiting: paused; `synesthete resume` goes on"
