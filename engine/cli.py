"""The command line. It turns options into calls of ``SearchEngine`` and results into lines or JSON; no more."""

import logging
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.model_cli import app as model_app
from engine.paths import expanded, is_there, typed_path
from engine.printed import json_line, let_all_be_printed, printed
from engine.search_cli import duplicates, search
from engine.service_cli import desktop, install_service, mcp, serve
from engine.session import INTERRUPTED, Globals, Json, Session, err, out, print_json
from engine.settings import load_settings
from engine.show import (
    show_failures,
    show_findings,
    show_incomplete,
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
from storage.records import Failure

app = typer.Typer(
    name="synesthete",
    help="Search a folder of text, pictures, documents, sound and video by meaning, on your own machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(model_app, name="model")


def _print_version(is_asked: bool) -> None:
    if is_asked:
        out.print(f"synesthete {version('synesthete')}", markup=False)
        raise typer.Exit


@app.callback()
def _globals(
    context: typer.Context,
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", parser=typed_path, help="Folder of the library; default: the user data folder."),
    ] = None,
    settings: Annotated[
        Path | None,
        typer.Option(metavar="FILE", parser=typed_path, help="A settings file that wins over the user's own."),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    session: Session | None = context.obj
    if session is not None and settings is not None:
        settings = session.here / expanded(settings)
    context.obj = Globals(data, load_settings(settings), session, settings)


def index(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", parser=typed_path, help="Folders or files.")],
    retry: Annotated[bool, typer.Option("--retry", help="Read once more what could not be read.")] = False,
    as_json: Json = False,
) -> None:
    """Index folders or files once; run it again to take in what has changed."""
    step_back(context.obj.settings.index.priority)
    with context.obj.open() as engine:
        summary = _index(lambda on_progress: engine.index(*paths, on_progress=on_progress, retry=retry), as_json)
    if not summary.removed and not any(is_there(expanded(path)) for path in paths):
        raise typer.Exit(MissingPathError.exit_code)


def watch(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", parser=typed_path, help="Folders or files.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each thing that happens.")] = False,
) -> None:
    """Index folders or files, then keep up with what changes there, until it is interrupted."""
    stop = threading.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, lambda *_: stop.set())

    def tell(event: WatchEvent) -> None:
        if as_json:
            print(json_line(_watch_event_fields(event)), flush=True)
        else:
            show_watch_event(out, event)

    with context.obj.open() as engine:
        engine.watch(*paths, stop=stop, on_event=tell)


def pause(context: typer.Context) -> None:
    """Let running indexers of this library wait until `resume`; also those that are started later."""
    pause_folder(context.obj.folder)


def resume(context: typer.Context) -> None:
    """Let them go on."""
    resume_folder(context.obj.folder)


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
            if as_json:
                print_json({"pieces": engine.status().counts.pieces})
            else:
                err.print("the vector index has been built anew")
        else:
            _index(lambda on_progress: engine.rebuild(on_progress=on_progress), as_json)


def status(
    context: typer.Context,
    failed: Annotated[bool, typer.Option("--failed", help="Which files could not be read, and why.")] = False,
    as_json: Json = False,
) -> None:
    """What the library holds, how far each folder is, and which files could not be read."""
    with context.obj.open() as engine:
        state = engine.status()
    if as_json:
        print_json(
            {
                "data": str(state.data),
                "model": state.model,
                "sources": state.counts.sources,
                "pieces": state.counts.pieces,
                "roots": [asdict(folder) for folder in state.folders],
                "failed": _failures(state.failures),
                "incomplete": _failures(state.incomplete),
                "disk_bytes": state.disk_bytes,
                "index": {modality: asdict(size) for modality, size in state.index.items()},
                "paused": state.paused,
                "reembedding": None if state.reembedding is None else asdict(state.reembedding),
            }
        )
    else:
        show_status(out, state, with_failures=failed)


def forget(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="PATH", parser=typed_path, help="A file or folder.")],
    as_json: Json = False,
) -> None:
    """Take a file or folder out of the library; the files themselves stay."""
    with context.obj.open() as engine:
        gone = engine.forget(path)
    if as_json:
        print_json({"forgotten": gone})
    else:
        out.print(
            f"{gone} file{'' if gone == 1 else 's'} taken out of the library"
            if gone
            else printed(f"{path}: nothing of it was in the library"),
            markup=False,
        )


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
        print_json({**repaired, "findings": [asdict(finding) for finding in findings]})
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
        raise typer.Exit(INTERRUPTED) from None
    took = time.perf_counter() - started
    for reason in summary.transcripts.unusable:
        err.print(printed(f"synesthete: {reason}"), markup=False)
    if as_json:
        show_incomplete(err, summary)
        print_json(
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


# In the order in which `--help` lists them.
for command in (
    index, search, serve, watch, status, duplicates, check, forget, rebuild, pause, resume,
    install_service, desktop, mcp,
):  # fmt: skip
    app.command()(command)


def main() -> None:
    """Run the program: one line on standard error and the error's exit code instead of a traceback."""
    let_all_be_printed()
    logging.basicConfig(format="synesthete: %(message)s", level=logging.WARNING)
    try:
        app()
    except SynestheteError as error:
        err.print(printed(f"synesthete: {error}"), markup=False)
        sys.exit(error.exit_code)
    except (MemoryError, ImportError) as error:
        if not isinstance(error, MemoryError) and "failed to map segment" not in str(error):
            raise
        err.print("synesthete: there is too little memory for this; close other programs, or take a smaller model")
        sys.exit(SynestheteError.exit_code)


if __name__ == "__main__":
    main()
