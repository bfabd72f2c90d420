"""Embed a whole library anew, by another model or the same one, while the old embeddings go on answering.

The next generation (``storage.generations``) is a library of its own, filled by the ordinary pipeline from the roots of
the current one; so it resumes as any run does. When it holds all that can be read now it becomes the current one.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from indexer.control import FREE, Control
from indexer.embedder import Embedder
from indexer.gone import gone_among
from indexer.mounts import mounted
from indexer.options import IndexSummary, PipelineOptions, Progress
from indexer.pipeline import index_under_lock
from storage import generations
from storage.catalog import Catalog
from storage.errors import DamagedCatalogError, NewerCatalogError
from storage.library import Library
from storage.records import Failure, FileState, LibraryCounts
from storage.roots import mounts


@dataclass(frozen=True)
class Reembedding:
    """How far an unfinished change is: ``done`` of ``total`` files, for the model of this ``fingerprint``."""

    fingerprint: str
    done: int
    total: int


def reembed(
    library: Library,
    embedder: Embedder,
    paths: Sequence[Path],
    options: PipelineOptions,
    on_progress: Callable[[Progress], None],
    control: Control = FREE,
) -> IndexSummary:
    """Make the next generation of ``library`` by ``embedder`` from all its roots and ``paths``, and switch to it.

    Goes on with an unfinished one by the same model. ``library`` is not the current one any more afterwards, unless
    files it holds lie where nothing can be read now (a disk that is not mounted): then it goes on answering, nothing is
    lost, and the summary's failures say so. Raises as ``pipeline.index`` does.
    """
    with library.writer_lock():
        home = generations.unfinished(library.folder)
        _discard_unless_by(home, embedder.fingerprint)
        following = Library(library.folder, home, library.policy)
        try:
            following.catalog.number_pieces_after(library.catalog)
            roots = _take_over_roots(following.catalog, library.catalog, paths)
            wanted = list(dict.fromkeys([*roots, *paths]))
            summary = index_under_lock(following, embedder, wanted, options, on_progress, library.catalog, control)
            if summary.stopped:
                return summary
            unread = _unread(library.catalog, following.catalog, roots)
        finally:
            following.close()
        if unread:
            known = {failure.path for failure in unread}
            others = tuple(failure for failure in summary.failed if failure.path not in known)
            return replace(summary, failed=(*others, *unread))
        generations.switch(library.folder, home)
        generations.remove_superseded(library.folder)
        return replace(summary, model_changed=True)


def reembedding(library: Library) -> Reembedding | None:
    """The change that has been begun and not finished, if there is one."""
    home = generations.unfinished(library.folder)
    if not (home / "catalog.sqlite").exists():
        return None
    following = Catalog(home)
    try:
        model, counts = following.model(), following.counts()
    finally:
        following.close()
    if model is None:
        return None
    total = _files(library.catalog.counts())
    return Reembedding(model[0], min(_files(counts), total), total)


def _files(counts: LibraryCounts) -> int:
    return sum(counts.sources.values()) + counts.failures


def _discard_unless_by(home: Path, fingerprint: str) -> None:
    """What was begun with a third model, or cannot be read, is of no use."""
    if not home.exists():
        return
    try:
        catalog = Catalog(home)
        try:
            model = catalog.model()
        finally:
            catalog.close()
    except (DamagedCatalogError, NewerCatalogError):
        model = None
    if model is None or model[0] != fingerprint:
        generations.remove(home)


def _take_over_roots(following: Catalog, held: Catalog, paths: Sequence[Path]) -> list[Path]:
    """Give ``following`` the roots of ``held``, and nothing that the user let go of since the change was begun."""
    gone = gone_among(held.roots(), held)
    roots = {
        root: scanned_at
        for root, scanned_at in held.roots().items()
        if root not in gone or set(held.sources_under(root)) != {root}  # a single file that is gone leaves
    }
    for root in following.roots():
        if root not in roots and Path(root) not in paths:
            following.forget(root)
    for root, scanned_at in roots.items():
        following.put_root(root, scanned_at)
    return [Path(root) for root in roots]


def _unread(held: Catalog, following: Catalog, roots: Sequence[Path]) -> list[Failure]:
    """Where files of ``held`` lie that may still exist, but could not be looked at for ``following``."""
    failures = following.failures_under("/")
    closed = [path for path, failure in failures.items() if failure.state == (0, 0)]
    now = mounted()
    with held.reading() as connection:
        gone = [place for root in roots for place in mounts(connection, str(root)) if place not in now]
    found = []
    missing = [str(root) for root in roots if not os.access(root, os.F_OK)]
    for place in dict.fromkeys(missing + closed + gone):
        there = following.sources_under(place).keys() | failures.keys()
        lost = held.sources_under(place).keys() - there
        if lost:
            reason = (
                f"it cannot be read now, and {len(lost)} files indexed below it are kept: the earlier embeddings go on "
                "answering until these can be made anew, or `synesthete forget` lets go of them"
            )
            found.append(Failure(place, FileState(0, 0), reason))
    return found
