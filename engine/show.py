"""How results look on a terminal: plain lines that read well, and survive being piped into another program."""

import time
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from engine.printed import printed
from engine.query.excerpt import matches
from engine.query.hits import Apart, Hit, Moment
from engine.status import Status
from indexer.keep_up import WatchEvent
from indexer.options import IndexSummary
from storage.check import Finding
from storage.records import MODALITIES, Origin, RootState

_INDENT = " " * 17
_MOMENTS_SHOWN = 3
_NEARLY = 0.7
_TRANSCRIPTS: dict[Origin, str] = {
    "subtitle": "for subtitles",
    "recognised": "for text in pictures",
    "speech": "for speech",
}


def show_hits(
    console: Console, hits: Sequence[Hit], relative_to: Path, words: Sequence[str] = (), first: int = 1
) -> None:
    """One line a hit (number, relevance, kind, path, place), then its text or its other moments, indented.

    Paths below ``relative_to`` are shown as seen from there, as a shell would take them. In a text, ``words`` are
    marked. ``first`` is the number of the first line.
    """
    for number, hit in enumerate(hits, start=first):
        where = f"{shown_path(hit.path, relative_to)}{_place(hit)}"
        console.print(f"[dim]{number:2}[/] [bold]{hit.relevance:4.2f}[/] {hit.kind:<8} {where}")
        others = [clock_span(moment.start, moment.end) for moment in _other_moments(hit)]
        if others:
            console.print(f"{_INDENT}[dim]also {', '.join(others)}[/]")
        if hit.snippet:
            console.print(_INDENT, _marked(hit.snippet, words), sep="")


def show_kinds(console: Console, hits: Sequence[Hit], relative_to: Path, words: Sequence[str], cutoff: float) -> None:
    """Hits that are grouped by kind, each kind under its name; of which none reaches ``cutoff`` it says so."""
    first = 1
    for kind, group in groupby(hits, key=lambda hit: hit.kind):
        shown = list(group)
        is_close = any(hit.relevance >= cutoff for hit in shown)
        console.print(f"[bold]{kind}[/]" + ("" if is_close else ": nothing close; the nearest:"))
        show_hits(console, shown, relative_to, words, first)
        first += len(shown)


def show_apart(console: Console, apart: Apart, relative_to: Path, words: Sequence[str], first: int) -> None:
    """What another model answers, under a line that says so."""
    if apart.hits:
        what = ", ".join(apart.modalities)
        console.print(f"{what}, by the {apart.model} model: an order of its own, not to be compared with the above")
        show_hits(console, apart.hits, relative_to, words, first)


def show_summary(console: Console, summary: IndexSummary, took: float) -> None:
    """What a run of ``index`` did, in one line; in a second one for whose words it looked."""
    if summary.model_changed:
        console.print("everything has been embedded anew, and the new embeddings answer from now on")
    if summary.transcripts.made:
        made = ", ".join(f"{count} {_TRANSCRIPTS[origin]}" for origin, count in summary.transcripts.made.items())
        console.print(f"files looked through for words: {made}")
    if not summary.indexed and not summary.removed:
        held = (
            f"nothing has changed: {_files(summary.unchanged)} up to date" if summary.unchanged else "no file indexed"
        )
        console.print(f"{held}{_failed(summary)}")
        return
    moved = f" ({summary.moved} moved or copied)" if summary.moved else ""
    pieces = ", ".join(f"{summary.pieces[kind]} {kind}" for kind in MODALITIES if summary.pieces.get(kind))
    console.print(
        f"{_files(summary.indexed)} indexed{moved}, {summary.unchanged} unchanged, {summary.removed} removed"
        f"{_failed(summary)} in {took:.1f} s; pieces: {pieces or 'none new'}"
    )


def show_failures(console: Console, summary: IndexSummary) -> None:
    """One line a file that could not be read, or of which some words are missing."""
    for failure in summary.failed:
        console.print(printed(f"{failure.path}: {failure.reason}"), markup=False)
    show_incomplete(console, summary)


def show_incomplete(console: Console, summary: IndexSummary) -> None:
    """One line a file of which some words are missing."""
    for failure in summary.incomplete:
        told = f"{failure.path}: indexed, but some of its words are missing: {failure.reason}"
        console.print(printed(told), markup=False)


def show_status(console: Console, status: Status, *, with_failures: bool) -> None:
    """What the library holds; ``with_failures``: which files could not be read, and why."""
    counts = status.counts
    console.print(f"library   {escape(printed(str(status.data)))} ({status.disk_bytes / 1e6:.1f} MB)")
    console.print(f"model     {_model(status)}", markup=False)
    if status.reembedding is not None:
        change = status.reembedding
        console.print(f"re-embedding: {change.done} of {change.total} files, for model {change.fingerprint[:12]}")
    elif status.model_name and status.model_name != status.settings_model:
        console.print(
            f"the settings name model {status.settings_model}; the next `index` embeds all anew", markup=False
        )
    pieces = sum(counts.pieces.values())
    if pieces:
        memory = sum(each.memory_bytes for each in status.index.values())
        kinds = ", ".join(sorted({each.kind for each in status.index.values()}))
        disk = status.disk_bytes / pieces
        console.print(f"index     {kinds}; {disk:.0f} bytes a piece on disk, {memory / pieces:.0f} in memory")
    for kind in MODALITIES:
        if counts.sources.get(kind) or counts.pieces.get(kind):
            console.print(f"{kind:<9} {_files(counts.sources.get(kind, 0))}, {counts.pieces.get(kind, 0)} pieces")
    for folder in status.folders:
        console.print(printed(f"folder    {_folder(folder)}"), markup=False)
    if not status.roots:
        console.print("nothing is indexed yet; `synesthete index FOLDER` does it")
    if status.paused is not None:
        console.print(f"indexing waits: {status.paused}", markup=False)
    for failure in status.failures if with_failures else ():
        console.print(printed(f"unread    {failure.path}: {failure.reason}"), markup=False)
    for failure in status.incomplete if with_failures else ():
        console.print(printed(f"wordless  {failure.path}: {failure.reason}"), markup=False)
    if not with_failures and (status.failures or status.incomplete):
        unread, wordless = len(status.failures), len(status.incomplete)
        lacks = f", {wordless} lack some words" if wordless else ""
        console.print(f"{_files(unread)} could not be read{lacks}; `status --failed` says why")


def show_findings(console: Console, findings: Sequence[Finding]) -> None:
    """What is wrong with the library and what to do, or that all is well."""
    for finding in findings:
        console.print(f"{finding.what}; {finding.advice}", markup=False)
    if not findings:
        console.print("the library is sound")


def shown_path(path: str, relative_to: Path) -> str:
    """A path for printing as markup; below ``relative_to`` as seen from there."""
    absolute = Path(path)
    shown = absolute.relative_to(relative_to) if absolute.is_relative_to(relative_to) else absolute
    return escape(printed(str(shown)))


def clock_span(start: float, end: float) -> str:
    """Seconds as clock times: 75.0 to 82.5 is 1:15-1:22.5."""
    return f"{clock(start)}-{clock(end)}"


def clock(seconds: float) -> str:
    """Seconds as a clock time: 75.0 is 1:15."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    text = f"{rest // 10:02d}" + (f".{rest % 10}" if rest % 10 else "")
    return f"{hours}:{minutes:02d}:{text}" if hours else f"{minutes}:{text}"


def _folder(folder: RootState) -> str:
    if folder.offline is not None:
        return f"{folder.path}: offline ({folder.offline}); {_files(folder.indexed)} kept"
    parts = [_files(folder.indexed)]
    if folder.waiting:
        parts.append(f"{folder.waiting} waiting")
    if folder.failed:
        parts.append(f"{folder.failed} could not be read")
    parts.append(f"last scanned {time.strftime('%Y-%m-%d %H:%M', time.localtime(folder.scanned_at))}")
    if folder.files_per_second is not None:
        parts.append(f"{folder.files_per_second:.1f} files/s")
    return f"{folder.path}: {', '.join(parts)}"


def show_watch_event(console: Console, event: WatchEvent) -> None:
    """A line for whoever looks on."""
    what = {"indexed": "+", "moved": ">", "removed": "-", "words": "w", "paused": "waiting"}.get(event.what, event.what)
    if event.what == "unchanged" or (event.what == "words" and event.reason is None):
        return
    if event.summary is not None:
        counts = f"{_files(event.summary.indexed)} indexed, {event.summary.unchanged} unchanged"
        console.print(f"ready: {counts}{_failed(event.summary)}; changes are followed now", markup=False)
        return
    told = what if event.path is None else f"{what} {event.path}"
    console.print(printed(told if event.reason is None else f"{told}: {event.reason}"), markup=False)


def _model(status: Status) -> str:
    if status.model is None:
        return "none yet"
    return status.model[:12] + (f" ({status.model_name})" if status.model_name else "")


def _marked(snippet: str, words: Sequence[str]) -> Text:
    text = Text(printed(snippet), style="dim")
    for start, end in matches(text.plain, words):
        text.stylize("not dim bold underline", start, end)
    return text


def _other_moments(hit: Hit) -> list[Moment]:
    """What else of the file is worth a look: spans apart from the best one that score nearly as well."""
    others = [
        moment
        for moment in hit.moments
        if hit.start is not None
        and hit.end is not None
        and (moment.end <= hit.start or moment.start >= hit.end)
        and moment.score >= _NEARLY * hit.score
    ]
    return others[:_MOMENTS_SHOWN]


def _place(hit: Hit) -> str:
    if hit.start is not None and hit.end is not None:
        return f"  at {clock_span(hit.start, hit.end)}"
    return f"  page {hit.page}" if hit.page is not None else ""


def _files(count: int) -> str:
    return f"{count} file" if count == 1 else f"{count} files"


def _failed(summary: IndexSummary) -> str:
    return f", {len(summary.failed)} could not be read" if summary.failed else ""
