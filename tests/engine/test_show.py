"""What people read of a run and of watching, as plain lines."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from engine.duplicates.groups import Duplicates
from engine.duplicates.show import show_duplicates
from engine.query.hits import Hit
from engine.session import out
from engine.show import show_failures, show_hits, show_summary, show_watch_event
from indexer.keep_up import WatchEvent
from indexer.options import IndexSummary
from indexer.transcripts import TranscriptSummary
from storage.records import Failure, FileState

UNREAD = Failure("/nowhere", FileState(0, 0), "no such file or folder")


def summary(indexed: int = 0, unchanged: int = 0, failed: tuple[Failure, ...] = ()) -> IndexSummary:
    return IndexSummary(indexed, 0, unchanged, 0, failed, {"text": indexed} if indexed else {}, TranscriptSummary(), ())


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (WatchEvent("indexed", "/a [b].txt"), "+ /a [b].txt"),
        (WatchEvent("failed", "/a.jpg", "the file is empty"), "failed /a.jpg: the file is empty"),
        (WatchEvent("paused", reason="paused; `synesthete resume` goes on"), "waiting: paused; `synesthete resume`"),
        (WatchEvent("offline", "/disk", "it is not there now"), "offline /disk: it is not there now"),
        (WatchEvent("ready", summary=summary(1, 2)), "ready: 1 file indexed, 2 unchanged; changes are followed now"),
    ],
)
def test_a_line_says_what_happened_where_and_why(event: WatchEvent, line: str) -> None:
    console = Console(file=io.StringIO(), width=200)
    show_watch_event(console, event)
    assert console.file.getvalue().startswith(line)  # type: ignore[attr-defined]


SLY = "/a\x1b[2J\n 1 0.99 text     /b:cat:.txt"
PLAIN = r"/a\x1b[2J\n 1 0.99 text     /b:cat:.txt"


def test_a_name_has_no_power_over_the_terminal() -> None:
    console = Console(file=io.StringIO(), width=200, soft_wrap=True, emoji=out._emoji)
    failure = Failure(SLY, FileState(0, 0), "empty")
    show_hits(console, [Hit(SLY, "text", 0.5, 0.9, None, None, None, "red\x1b[31m", ())], Path("/x"))
    show_failures(console, summary(failed=(failure,)))
    show_watch_event(console, WatchEvent("indexed", SLY))
    show_duplicates(console, Duplicates((), (failure,)), Path("/x"))
    said: str = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b" not in said and r"red\x1b[31m" in said
    assert said.count(PLAIN) == 4 and said.count("\n") == 6


@pytest.mark.parametrize(
    ("done", "line"),
    [
        (summary(1, 0), "1 file indexed, 0 unchanged, 0 removed in 2.0 s; pieces: 1 text"),
        (summary(0, 1), "nothing has changed: 1 file up to date"),
        (summary(failed=(UNREAD,)), "no file indexed, 1 could not be read"),
    ],
)
def test_a_summary_counts_what_there_was(done: IndexSummary, line: str) -> None:
    console = Console(file=io.StringIO(), width=200)
    show_summary(console, done, 2.0)
    assert console.file.getvalue().strip() == line  # type: ignore[attr-defined]
