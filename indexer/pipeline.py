"""Index paths: scan (``plan.py``) -> extract, embed, store (``run.py``) -> words (``transcripts.py``)."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from indexer.control import FREE, Control
from indexer.decoders import Decoders
from indexer.embedder import Embedder
from indexer.ledger import Ledger
from indexer.memory import give_back
from indexer.options import IndexSummary, PipelineOptions, Progress
from indexer.plan import Plan, Scope
from indexer.run import Run
from indexer.transcripts import Job, TranscriptSummary, make_transcripts, pending, take_over
from storage import generations
from storage.catalog import Catalog
from storage.library import Library
from storage.records import Failure
from storage.transcripts import problems_under

__all__ = ["IndexSummary", "PipelineOptions", "Progress", "index", "index_parts", "index_under_lock", "index_words"]

OnProgress = Callable[[Progress], None]


def index(
    library: Library,
    embedder: Embedder,
    roots: Sequence[Path],
    options: PipelineOptions,
    on_progress: OnProgress = lambda progress: None,
    control: Control = FREE,
) -> IndexSummary:
    """Make the library hold exactly what is at and below ``roots``, by ``embedder``.

    A file that cannot be read is recorded with its reason and never stops the rest; so is a root that does not exist.
    Interrupted at any point, all that was committed stays, and the next run goes on from there.
    Raises ModelMismatchError, LibraryBusyError, DataFolderError.
    """
    with library.writer_lock():
        return index_under_lock(library, embedder, roots, options, on_progress, control=control)


def index_under_lock(
    library: Library,
    embedder: Embedder,
    roots: Sequence[Path],
    options: PipelineOptions,
    on_progress: OnProgress,
    former: Catalog | None = None,
    control: Control = FREE,
) -> IndexSummary:
    """What ``index`` does, for a caller that holds the writer's lock already.

    ``former``: an earlier generation of the library, whose transcripts need not be made again.
    """
    generations.remove_superseded(library.folder)
    library.catalog.bind_model(embedder.fingerprint, embedder.dimension, options.model_name)
    library.catalog.add_checksums()
    library.refresh()  # before anything is numbered: a snapshot that is ahead of the catalog can be told now only
    library.save_snapshot()
    scopes = [Scope(str(root), str(root)) for root in roots]
    return _index_scopes(library, embedder, scopes, options, on_progress, control, former)


def index_parts(
    library: Library,
    embedder: Embedder,
    parts: Sequence[Scope],
    options: PipelineOptions,
    on_progress: OnProgress,
    control: Control,
    decoders: Decoders | None = None,
) -> IndexSummary:
    """What ``index`` does, for parts of roots that have been indexed before; costs next to nothing for a few files.

    Parts of a root that has been forgotten are passed over. ``decoders``: processes that are kept for the next time.
    """
    with library.writer_lock():
        library.catalog.require_model(embedder.fingerprint, embedder.dimension)
        library.refresh()
        held = library.catalog.roots()
        parts = [part for part in parts if part.root in held]
        return _index_scopes(library, embedder, parts, options, on_progress, control, None, decoders)


def index_words(
    library: Library,
    embedder: Embedder,
    roots: Sequence[Path],
    options: PipelineOptions,
    on_progress: OnProgress,
    control: Control,
) -> TranscriptSummary:
    """Make up for the words that files at and below ``roots`` lack. Raises LibraryBusyError, DataFolderError."""
    with library.writer_lock():
        names = [str(root) for root in roots]
        return _make_transcripts(library, embedder, names, options, on_progress, None, control)


def _index_scopes(
    library: Library,
    embedder: Embedder,
    scopes: Sequence[Scope],
    options: PipelineOptions,
    on_progress: OnProgress,
    control: Control,
    former: Catalog | None,
    decoders: Decoders | None = None,
) -> IndexSummary:
    plan = Plan.make(library, scopes, options, control)
    ledger = Ledger(library, plan.waiting())
    crew = decoders if decoders is not None else Decoders(embedder.media, options.limits)
    run = Run(library, embedder, options, on_progress, control, ledger, crew)
    removed, transcripts = 0, TranscriptSummary()
    total = len(plan.changed)
    try:
        finished = run.process(plan.changed)
        if finished:
            removed = plan.finish(
                library, lambda path: on_progress(Progress(total, total, path, change="removed")), control
            )
            transcripts = _make_transcripts(library, embedder, plan.paths, options, on_progress, former, control)
    finally:
        ledger.close()
        library.refresh()
        library.save_snapshot()
        if plan.changed:
            give_back()
    return IndexSummary(
        indexed=run.indexed,
        moved=run.moved,
        unchanged=plan.unchanged + run.unchanged,
        removed=removed,
        failed=tuple(plan.standing_failures(library)),
        pieces=dict(run.pieces),
        transcripts=transcripts,
        incomplete=tuple(_incomplete(library, plan.paths)),
        stopped=not finished or plan.postponed,
    )


def _incomplete(library: Library, paths: Iterable[str]) -> Iterator[Failure]:
    with library.catalog.reading() as connection:
        for path in paths:
            yield from problems_under(connection, path)


def _make_transcripts(
    library: Library,
    embedder: Embedder,
    paths: Sequence[str],
    options: PipelineOptions,
    on_progress: OnProgress,
    former: Catalog | None,
    control: Control,
) -> TranscriptSummary:
    if former is not None:
        take_over(library, former)
    jobs = pending(library, paths, options.recognisers)
    done = 0

    def advance(job: Job, problem: str | None) -> None:
        nonlocal done
        done += 1
        on_progress(Progress(done, len(jobs), job.sources[0].source.path, problem, "words"))

    return make_transcripts(library, jobs, embedder.media, options.limits, options.workers, advance, control)
