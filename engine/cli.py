"""The command line. It turns options into calls of ``SearchEngine`` and results into lines or JSON; no more."""

import contextlib
import dataclasses
import json
import logging
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from engine.duplicates.show import duplicates_fields, show_duplicates
from engine.model_cli import app as model_app
from engine.query.hits import Hit, SearchResult
from engine.query.parse import (
    parse_date,
    parse_duration,
    parse_folder,
    parse_kinds,
    parse_like,
    parse_size,
    parse_words,
)
from engine.query.query import Filters, Query
from engine.search_engine import SearchEngine
from engine.service.hint import service_hint
from engine.service_cli import add_service_commands
from engine.settings import Settings, load_settings
from engine.show import (
    show_apart,
    show_failures,
    show_findings,
    show_hits,
    show_incomplete,
    show_kinds,
    show_status,
    show_summary,
    show_watch_event,
)
from engine.show_progress import progress_on
from indexer.errors import MissingPathError
from indexer.keep_up import WatchEvent
from indexer.options import IndexSummary
from indexer.pause import pause as pause_folder
from indexer.pause import resume as resume_folder
from indexer.priority import step_back
from storage.check import check_folder
from storage.check import repair as repair_folder
from storage.errors import DamagedCatalogError, SynestheteError
from storage.records import Failure, Modality

app = typer.Typer(
    name="synesthete",
    help="Search a folder of text, pictures, documents, sound and video by meaning, on your own machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(model_app, name="model")
add_service_commands(app)

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
_INTERRUPTED = 130


@dataclasses.dataclass(frozen=True)
class Session:
    """A command that a service runs for another process: in which folder, what it prints to, on which library."""

    here: Path
    out: Console
    err: Console
    engine: SearchEngine
    data: Path
    settings: Settings


class OtherLibraryError(Exception):
    """A service was asked about another library than its own, or under other settings."""


@dataclasses.dataclass(frozen=True)
class _Globals:
    data: Path | None
    settings: Settings
    session: Session | None
    settings_file: Path | None = None

    @property
    def options(self) -> list[str]:
        """What stands before the command of another process that is to mean the same; nothing if nothing was said."""
        if self.data is None and self.settings_file is None:
            return []
        named = [] if self.settings_file is None else ["--settings", str(self.settings_file.expanduser().absolute())]
        return ["--data", str(self.folder), *named]

    @property
    def folder(self) -> Path:
        folder = self.settings.data_folder if self.data is None else self.here / self.data.expanduser()
        return folder.absolute()

    @property
    def here(self) -> Path:
        return Path() if self.session is None else self.session.here

    @property
    def out(self) -> Console:
        return out if self.session is None else self.session.out

    @property
    def err(self) -> Console:
        return err if self.session is None else self.session.err

    @contextlib.contextmanager
    def open(self) -> Iterator[SearchEngine]:
        if self.session is None:
            with SearchEngine.open(self.folder, self.settings) as engine:
                yield engine
        elif (self.folder, self.settings) == (self.session.data, self.session.settings):
            yield self.session.engine
        else:
            raise OtherLibraryError


@app.callback()
def _globals(
    context: typer.Context,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the library; default: the user data folder.")
    ] = None,
    settings: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A settings file that wins over the user's own.")
    ] = None,
) -> None:
    session: Session | None = context.obj
    if session is not None and settings is not None:
        settings = session.here / settings.expanduser()
    context.obj = _Globals(data, load_settings(settings), session, settings)


@app.command()
def index(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Folders or files.")],
    retry: Annotated[bool, typer.Option("--retry", help="Read once more what could not be read.")] = False,
    as_json: Json = False,
) -> None:
    """Index folders or files once; run it again to take in what has changed."""
    step_back(context.obj.settings.index.priority)
    with context.obj.open() as engine:
        summary = _index(lambda on_progress: engine.index(*paths, on_progress=on_progress, retry=retry), as_json)
    if not summary.removed and not any(path.expanduser().exists() for path in paths):
        raise typer.Exit(MissingPathError.exit_code)


@app.command()
def watch(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Folders or files.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each thing that happens.")] = False,
) -> None:
    """Index folders or files, then keep up with what changes there, until it is interrupted."""
    stop = threading.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, lambda *_: stop.set())

    def tell(event: WatchEvent) -> None:
        if as_json:
            print(json.dumps(_watch_event_fields(event), ensure_ascii=False), flush=True)
        else:
            show_watch_event(out, event)

    with context.obj.open() as engine:
        engine.watch(*paths, stop=stop, on_event=tell)


@app.command()
def pause(context: typer.Context) -> None:
    """Let running indexers of this library wait until `resume`; also those that are started later."""
    pause_folder(context.obj.folder)


@app.command()
def resume(context: typer.Context) -> None:
    """Let them go on."""
    resume_folder(context.obj.folder)


@app.command()
def rebuild(
    context: typer.Context,
    vectors: Annotated[bool, typer.Option("--vectors", help="Only the vector index, from stored embeddings.")] = False,
    as_json: Json = False,
) -> None:
    """Embed everything anew that was ever indexed; the old embeddings answer until that is done."""
    step_back(context.obj.settings.index.priority)
    with context.obj.open() as engine:
        if vectors:
            engine.rebuild_vectors()
            err.print("the vector index has been built anew")
        else:
            _index(lambda on_progress: engine.rebuild(on_progress=on_progress), as_json)


@app.command()
def search(
    context: typer.Context,
    words: Annotated[list[str] | None, typer.Argument(metavar="[WORDS]", help="What to look for.")] = None,
    and_words: Annotated[
        list[str] | None, typer.Option("--and", metavar="WORDS", help="More words, weighed on their own.")
    ] = None,
    like: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="A file to be resembled; FILE@START-END a span of it in seconds, FILE#PAGE a page, "
            "#N line N of the last answer.",
        ),
    ] = None,
    not_words: Annotated[
        list[str] | None, typer.Option("--not", metavar="WORDS", help="What to keep away from.")
    ] = None,
    not_like: Annotated[
        list[str] | None, typer.Option(metavar="FILE", help="A file not to be resembled, written like --like.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option(metavar="KIND,...", help="Only text, image, video, audio or document files.")
    ] = None,
    under: Annotated[str | None, typer.Option(metavar="DIR", help="Only files below this folder.")] = None,
    glob: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Only files whose names match, such as '*.jpg'.")
    ] = None,
    after: Annotated[
        str | None, typer.Option(metavar="DATE", help="Only files recorded (else: changed) on or after this date.")
    ] = None,
    before: Annotated[
        str | None, typer.Option(metavar="DATE", help="Only files recorded (else: changed) before this date.")
    ] = None,
    longer: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only sounds and videos of this length or more (90, 1:30).")
    ] = None,
    shorter: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only sounds and videos shorter than this.")
    ] = None,
    larger: Annotated[str | None, typer.Option(metavar="SIZE", help="Only files of this size or more (2MB).")] = None,
    smaller: Annotated[str | None, typer.Option(metavar="SIZE", help="Only files smaller than this.")] = None,
    results: Annotated[int | None, typer.Option("-n", metavar="N", help="How many lines to show.")] = None,
    moments: Annotated[
        bool, typer.Option("--moments", help="A line for every moment, page or passage, not one for every file.")
    ] = False,
    each_kind: Annotated[
        bool, typer.Option("--each-kind", help="As many lines of every kind, the kind with the best hit first.")
    ] = False,
    include_self: Annotated[
        bool, typer.Option("--include-self", help="Show exact copies of the files asked with, too.")
    ] = False,
    cutoff: Annotated[
        float | None,
        typer.Option(metavar="R", help="Relevance from which a hit is close, 0 to 1; 0 takes all for close."),
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Only the words as they stand, whatever they mean; needs no model.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Find files by words, by files they should resemble, or any mix of these.

    Any part may end in ^WEIGHT: "beach^2" counts twice as much as a part without. What stands in quotation marks, as in
    'harbour "green light"', must stand in the file.
    """
    session: _Globals = context.obj
    filters = Filters(
        kinds=frozenset() if kind is None else parse_kinds(kind),
        under=None if under is None else parse_folder(under, session.here),
        globs=tuple(glob or ()),
        after=None if after is None else parse_date(after),
        before=None if before is None else parse_date(before),
        longer=None if longer is None else parse_duration(longer),
        shorter=None if shorter is None else parse_duration(shorter),
        larger=None if larger is None else parse_size(larger),
        smaller=None if smaller is None else parse_size(smaller),
    )
    wanted_words = [*([" ".join(words)] if words else []), *(and_words or [])]
    with session.open() as engine:
        query = Query(
            wanted=(
                *map(parse_words, wanted_words),
                *(parse_like(each, engine.kept_hit, session.here) for each in like or ()),
            ),
            unwanted=(
                *map(parse_words, not_words or ()),
                *(parse_like(each, engine.kept_hit, session.here) for each in not_like or ()),
            ),
            filters=filters,
            limit=session.settings.search.results if results is None else results,
            each_moment=moments,
            each_kind=each_kind,
            include_self=include_self,
            cutoff=cutoff,
            exact=exact,
        )
        result = engine.ask(query)
        engine.keep_answer(result)
        if as_json:
            _print_json(_result_fields(result), session.out)
        elif result.all_hits:
            here = Path.cwd() / session.here
            if not result.close and not each_kind:
                session.out.print("nothing close; the nearest:")
            if each_kind:
                least = session.settings.search.cutoff if cutoff is None else cutoff
                show_kinds(session.out, result.hits, here, query.words, least)
            else:
                show_hits(session.out, result.hits, relative_to=here, words=query.words)
            if result.apart is not None:
                show_apart(session.out, result.apart, here, query.words, first=len(result.hits) + 1)
            if session.session is None and not exact and (hint := service_hint(session.folder)) is not None:
                session.err.print(hint, style="dim", markup=False)
        elif not engine.catalog.counts().sources:
            session.err.print("the library is empty; `synesthete index FOLDER` fills it")
        else:
            session.err.print("nothing found")


@app.command()
def duplicates(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="[PATH...]", help="Only groups that one of these has a part in.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option(metavar="KIND,...", help="Only text, image, video, audio or document files.")
    ] = None,
    under: Annotated[
        str | None, typer.Option(metavar="DIR", help="Look at nothing but files below this folder.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Group files that are copies of each other, exact or near (re-encoded, resized, trimmed); nothing is deleted."""
    kinds = frozenset[Modality]() if kind is None else parse_kinds(kind)
    folder = None if under is None else parse_folder(under)
    with context.obj.open() as engine:
        try:
            with progress_on(err) as advance:
                found = engine.duplicates(*(paths or ()), kinds=kinds, under=folder, on_progress=advance)
        except KeyboardInterrupt:
            err.print("stopped; what was read is remembered, the next run is quicker")
            raise typer.Exit(_INTERRUPTED) from None
    if as_json:
        _print_json(duplicates_fields(found))
    else:
        show_duplicates(out, found, relative_to=Path.cwd())


@app.command()
def status(
    context: typer.Context,
    failed: Annotated[bool, typer.Option("--failed", help="Which files could not be read, and why.")] = False,
    as_json: Json = False,
) -> None:
    """What the library holds, how far each folder is, and which files could not be read."""
    with context.obj.open() as engine:
        state = engine.status()
    if as_json:
        _print_json(
            {
                "data": str(state.data),
                "model": state.model,
                "sources": state.counts.sources,
                "pieces": state.counts.pieces,
                "roots": [dataclasses.asdict(folder) for folder in state.folders],
                "failed": _failures(state.failures),
                "incomplete": _failures(state.incomplete),
                "disk_bytes": state.disk_bytes,
                "index": {modality: dataclasses.asdict(size) for modality, size in state.index.items()},
                "paused": state.paused,
                "reembedding": None if state.reembedding is None else dataclasses.asdict(state.reembedding),
            }
        )
    else:
        show_status(out, state, with_failures=failed)


@app.command()
def forget(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A file or folder.")],
    as_json: Json = False,
) -> None:
    """Take a file or folder out of the library; the files themselves stay."""
    with context.obj.open() as engine:
        gone = engine.forget(path)
    if as_json:
        _print_json({"forgotten": gone})
    else:
        out.print(
            f"{gone} file{'' if gone == 1 else 's'} taken out of the library"
            if gone
            else f"{path}: nothing of it was in the library"
        )


@app.command()
def check(
    context: typer.Context,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be mended first, and say what.")] = False,
    as_json: Json = False,
) -> None:
    """Hold the library against its own promises; exit code 13 if something is wrong."""
    folder = context.obj.folder
    done = repair_folder(folder) if repair else []
    findings = check_folder(folder)
    if as_json:
        repaired = {"repaired": done} if repair else {}
        _print_json({**repaired, "findings": [dataclasses.asdict(finding) for finding in findings]})
    else:
        for line in done:
            out.print(line, markup=False)
        show_findings(out, findings)
    if findings:
        raise typer.Exit(DamagedCatalogError.exit_code)


def _index(run: Any, as_json: bool) -> IndexSummary:
    started = time.perf_counter()
    try:
        summary: IndexSummary = _with_progress(run)
    except KeyboardInterrupt:
        err.print("stopped; what was done is kept, the next run goes on from there")
        raise typer.Exit(_INTERRUPTED) from None
    took = time.perf_counter() - started
    for reason in summary.transcripts.unusable:
        err.print(f"synesthete: {reason}", markup=False)
    if as_json:
        show_incomplete(err, summary)
        _print_json(
            {
                "indexed": summary.indexed,
                "unchanged": summary.unchanged,
                "failed": _failures(summary.failed),
                "pieces": summary.pieces,
                "took_s": round(took, 3),
            }
        )
    else:
        show_failures(err, summary)
        show_summary(out, summary, took)
    return summary


def _with_progress(run: Any) -> IndexSummary:
    with progress_on(err) as advance:
        summary: IndexSummary = run(advance)
        return summary


def _watch_event_fields(event: WatchEvent) -> dict[str, Any]:
    """What a program is told: only the fields that say something."""
    fields: dict[str, Any] = {"event": event.what, "time": round(time.time(), 3)}
    if event.path is not None:
        fields["path"] = event.path
    if event.reason is not None:
        fields["reason"] = event.reason
    if event.summary is not None:
        fields["indexed"], fields["unchanged"] = event.summary.indexed, event.summary.unchanged
        fields["failed"] = _failures(event.summary.failed)
    return fields


def _failures(failures: Sequence[Failure]) -> list[dict[str, str]]:
    return [{"path": failure.path, "reason": failure.reason} for failure in failures]


def _result_fields(result: SearchResult) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "took_ms": round(result.took_ms, 1),
        "close": result.close,
        "hits": [_hit_fields(hit) for hit in result.hits],
    }
    if result.apart is not None:
        hits = [_hit_fields(hit) for hit in result.apart.hits]
        fields["apart"] = {"model": result.apart.model, "modalities": result.apart.modalities, "hits": hits}
    return fields


def _hit_fields(hit: Hit) -> dict[str, Any]:
    fields = dataclasses.asdict(hit)
    del fields["pieces"]  # numbers inside the library, of no use outside it
    return fields


def _print_json(value: Any, console: Console = out) -> None:
    print(json.dumps(value, ensure_ascii=False), file=console.file)


def main() -> None:
    """Run the program: one line on standard error and the error's exit code instead of a traceback."""
    logging.basicConfig(format="synesthete: %(message)s", level=logging.WARNING)
    try:
        app()
    except SynestheteError as error:
        err.print(f"synesthete: {error}", markup=False)
        sys.exit(error.exit_code)
    except (MemoryError, ImportError) as error:
        if not isinstance(error, MemoryError) and "failed to map segment" not in str(error):
            raise
        err.print("synesthete: there is too little memory for this; close other programs, or take a smaller model")
        sys.exit(SynestheteError.exit_code)


if __name__ == "__main__":
    main()
