"""The facade: one object with which a program indexes folders and asks the library anything."""

import math
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Unpack

from engine.duplicates.find import Question, find_duplicates
from engine.duplicates.groups import Duplicates
from engine.gpu_switch import GpuSwitch
from engine.loaded_models import LoadedModels
from engine.model.spaces import Asking, SearchModel, load_parts
from engine.paths import absolute_path, expanded
from engine.query.arguments import (
    Alike,
    FilterOptions,
    absolute_paths,
    all_like,
    all_words,
    check_held,
    check_paths,
    filters_of,
    kinds_of,
    words_of,
)
from engine.query.copies import own_pieces
from engine.query.embed_query import embed_query
from engine.query.exact import exact_search
from engine.query.hits import Apart, Hit, SearchResult
from engine.query.in_spaces import search_spaces
from engine.query.last_answer import keep_answer, kept_hit
from engine.query.look_up import look_up, look_up_texts, without_words_of
from engine.query.query import Query, Words
from engine.recognisers import find_recognisers
from engine.settings import Settings, load_settings
from engine.status import Status, status_of
from indexer.control import Control
from indexer.decoders import Decoders
from indexer.ignore import IgnoreOptions
from indexer.keep_up import KeepUp, WatchEvent, WatchOptions
from indexer.options import IndexSummary, PipelineOptions, Progress
from indexer.pause import Pause, pause, resume
from indexer.pieces import ExtractionLimits, MediaFormat
from indexer.pipeline import index as index_paths
from indexer.pipeline import index_parts, index_words
from indexer.plan import Scope
from indexer.priority import Priority, step_back
from indexer.reembed import reembed, reembedding
from indexer.transcripts import TranscriptSummary
from storage import generations
from storage.catalog import Catalog
from storage.check import Finding, check
from storage.errors import DataFolderError
from storage.library import Library
from storage.records import Modality, Source
from storage.vectors import IndexPolicy

_POLICIES = {
    "auto": IndexPolicy(),
    "exact": IndexPolicy(exact_up_to=sys.maxsize),
    "approximate": IndexPolicy(exact_up_to=0),
}

SECONDS_DECODERS_ARE_KEPT = 60.0
"""Who saves a file is likely to save it again; after that the memory is worth more than the second to start anew."""


class SearchEngine:
    """A library and the model that reads it. Also a context manager, which closes it.

    Every error it raises is a ``storage.errors.SynestheteError`` whose text is one line for a person. The model is
    loaded when it is first needed. Searching is safe from several threads; changing the library is one call at a time.

    >>> with SearchEngine.open() as engine:                                # doctest: +SKIP
    ...     engine.index("~/Pictures", "~/Music")
    ...     for hit in engine.search("a dog on a beach").hits:
    ...         print(hit.path, hit.start, hit.relevance)
    """

    def __init__(self, library: Library, settings: Settings) -> None:
        self._library, self._settings = library, settings
        self._models = LoadedModels(settings.model)
        self._starting = threading.Lock()
        self._decoders: dict[MediaFormat, Decoders] = {}
        self._seconds_decoders_are_kept = SECONDS_DECODERS_ARE_KEPT
        self._gpu = GpuSwitch(settings.index.device)
        self._beside = ThreadPoolExecutor(thread_name_prefix="look-up")

    @classmethod
    def open(cls, data: Path | str | None = None, settings: Settings | None = None) -> "SearchEngine":
        """Open the library in folder ``data`` (by default where the settings say), creating it if there is none.

        Raises SettingsError, DataFolderError, NewerCatalogError, DamagedCatalogError.
        """
        settings = settings if settings is not None else load_settings()
        folder = settings.data_folder if data is None else expanded(data).absolute()
        return cls(Library(folder, policy=_POLICIES[settings.index.kind]), settings)

    def close(self) -> None:
        """Let go of the library's files. Nothing needs saving: what was indexed is on disk."""
        self._beside.shutdown()
        with self._starting:
            while self._decoders:
                self._decoders.popitem()[1].close()
        self._library.close()

    def __enter__(self) -> "SearchEngine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- changing the library

    def index(
        self,
        *paths: Path | str,
        on_progress: Callable[[Progress], None] = lambda progress: None,
        retry: bool = False,
    ) -> IndexSummary:
        """Make the library hold exactly what is at and below ``paths``: new, changed, renamed and deleted files.

        Files that cannot be read are listed in the summary with their reasons; they stop nothing. When the settings
        name another model than the library was made with, all of the library is embedded anew; the old embeddings
        answer until that is done. ``retry``: read those once more that could not be read, changed or not. While the
        library is paused or the battery is low it waits.
        Raises ModelError, RecogniserError, LibraryBusyError, DataFolderError.
        """
        return self._index(
            absolute_paths(paths), replace(self._pipeline_options(), retry=retry), on_progress, self._patient()
        )

    def _index(
        self, paths: Sequence[Path], options: PipelineOptions, on_progress: Callable[[Progress], None], control: Control
    ) -> IndexSummary:
        embedder, library = self._embedder(), self._current()
        held, wanted = library.catalog.model(), (embedder.fingerprint, embedder.dimension)
        if held is not None and held != wanted:
            return reembed(library, embedder, paths, options, on_progress, control)
        change = reembedding(library)
        if change is not None and change.fingerprint != embedder.fingerprint:  # the user went back to this model
            with library.writer_lock():
                generations.remove(generations.unfinished(library.folder))
        return index_paths(library, embedder, paths, options, on_progress, control)

    def watch(
        self,
        *paths: Path | str,
        stop: threading.Event,
        on_event: Callable[[WatchEvent], None] = lambda event: None,
    ) -> None:
        """Index ``paths``, then keep up with what happens there until ``stop`` is set; returns within seconds then.

        Made to be run in a thread of its own, whose priority it lowers; searches may go on in others. ``on_event`` is
        called in that thread. While another process changes the library it waits. Raises as ``index`` does otherwise.
        """
        settings = self._settings
        step_back(settings.index.priority)
        options = WatchOptions(
            settle_seconds=settings.watch.settle_seconds,
            rescan_minutes=settings.watch.rescan_minutes,
            poll_seconds=settings.watch.poll_seconds,
            hidden=settings.index.hidden,
            apart=self._library.folder.resolve(),
        )
        embedder = self._embedder()  # so that what is wrong with it comes up now
        paused = Pause(self._library.folder, settings.index.pause_below_battery).reason
        with Decoders(embedder.media, self.limits, SECONDS_DECODERS_ARE_KEPT) as decoders:
            indexing = _Indexing(self, self._pipeline_options(), decoders)
            KeepUp(absolute_paths(paths), indexing, options, paused, on_event).run(stop)

    def pause(self) -> None:
        """Tell whatever indexes into this library, in this process or another one, to wait."""
        pause(self._library.folder)

    def resume(self) -> None:
        """Tell it to go on."""
        resume(self._library.folder)

    def paused(self) -> str | None:
        """Why indexing would wait now, or None."""
        return Pause(self._library.folder, self._settings.index.pause_below_battery).reason()

    def rebuild(self, on_progress: Callable[[Progress], None] = lambda progress: None) -> IndexSummary:
        """Embed everything anew that was ever asked for, with the model the settings name; the old answers until done.

        Goes on with one that was interrupted.
        """
        options = self._pipeline_options()
        return reembed(self._current(), self._embedder(), [], options, on_progress, self._patient())

    def rebuild_vectors(self) -> None:
        """Build the vector index anew from the embeddings in the catalog; nothing is embedded again."""
        library = self._current()
        with library.writer_lock():
            library.drop_snapshot()
            library.refresh()
            library.save_snapshot()

    def forget(self, path: Path | str) -> int:
        """Take ``path`` and what is below it out of the library (never off the disk); returns how many files left."""
        library = self._current()
        with library.writer_lock():
            library.refresh()
            gone = library.catalog.forget(str(absolute_path(path)))
            library.refresh()
            library.save_snapshot()
            return gone

    # --- asking

    def search(
        self,
        words: str | Words | None = None,
        *,
        like: Alike | Iterable[Alike] = (),
        not_words: str | Words | Iterable[str | Words] = (),
        not_like: Alike | Iterable[Alike] = (),
        limit: int | None = None,
        each_moment: bool = False,
        each_kind: bool = False,
        include_self: bool = False,
        cutoff: float | None = None,
        exact: bool = False,
        **filters: Unpack[FilterOptions],
    ) -> SearchResult:
        """Find files by words, by files or earlier hits they should resemble, or several of these together.

        What is to be resembled is a path, a string as on the command line (``"song.mp3@30-45"`` seconds,
        ``"guide.pdf#2"`` a page), a ``LikeFile``, or a ``Hit`` of an earlier search. ``Words``, ``LikeFile`` and
        ``LikeHit`` carry a weight. One of them may stand for a list of one. ``filters`` choose who may answer, see
        ``Filters``; dates, durations and sizes may be strings as on the command line. ``each_moment``: every place
        found is a hit of its own. ``each_kind``: ``limit`` hits of every kind of file, each kind in order of relevance,
        the one with the best first. ``include_self``: exact copies of what was asked with may answer too. ``cutoff``:
        the relevance from which a hit is close (the settings have one); when none is, ``close`` of the result is False,
        and its hits are merely what is nearest. ``exact``: words count as they stand, not by meaning.
        Raises QueryError for a query without sense or a file that cannot be read, ModelError, ModelMismatchError,
        TypeError for an argument that there is not.
        """
        return self.ask(
            Query(
                wanted=(*([] if words is None else [words_of(words)]), *all_like(like)),
                unwanted=(*all_words(not_words), *all_like(not_like)),
                filters=filters_of(filters),
                limit=self.default_limit if limit is None else limit,
                each_moment=each_moment,
                each_kind=each_kind,
                include_self=include_self,
                cutoff=cutoff,
                exact=exact,
            )
        )

    def ask(self, query: Query) -> SearchResult:
        """Answer ``query``. Raises as ``search`` does."""
        library = self._current()
        try:
            return self._ask(query, library)
        except DataFolderError:
            if library.is_current():
                raise
            return self._ask(query, self._current())  # another process has just put a later generation in its place

    def _ask(self, query: Query, library: Library) -> SearchResult:
        catalog = library.catalog
        check_paths(query, catalog)
        cutoff = self._settings.search.cutoff if query.cutoff is None else query.cutoff
        if query.exact:
            started = time.perf_counter()
            return _result(exact_search(catalog, query), cutoff, started)
        embedder = self._embedder_of(catalog)
        started = time.perf_counter()
        library.refresh()
        looked_up = self._beside.submit(look_up, catalog, query)
        readings = embed_query(query, Asking(embedder), self._decoders_for(embedder), catalog)
        own = own_pieces(() if query.include_self else query.wanted, catalog)
        self._gpu.asked(library)
        found = look_up_texts(catalog, query, looked_up.result(), readings, own)
        if query.unwanted:
            found = without_words_of(own_pieces(query.unwanted, catalog), found, catalog)
        hits, apart = search_spaces(library, query, found, readings, own, embedder, self._least_for_words(query))
        return _result(hits, cutoff, started, apart)

    def _least_for_words(self, query: Query) -> float:
        """The least relevance of what holds all words of ``query``: a constant, so that relevance is one too. Where
        something is not wanted there is none, for that would outvote it."""
        return 0.0 if query.unwanted else self._settings.search.cutoff

    def duplicates(
        self,
        *paths: Path | str,
        kinds: str | Iterable[Modality] = (),
        under: Path | str | None = None,
        on_progress: Callable[[Progress], None] = lambda progress: None,
    ) -> Duplicates:
        """Groups of near-identical files, the largest waste first; nothing is changed or deleted.

        Only groups with a file at or below one of ``paths``, if given; only files of ``kinds`` and at or below
        ``under`` are looked at. Needs no model. Raises QueryError, DecoderStartError.
        """
        library = self._current()
        for path in (*paths, *([] if under is None else [under])):
            check_held(path, library.catalog)
        question = Question(
            paths=tuple(str(path) for path in absolute_paths(paths)),
            kinds=kinds_of(kinds),
            under="/" if under is None else str(absolute_path(under)),
        )
        return find_duplicates(library, question, self.limits, self._settings.index.workers, on_progress)

    def keep_answer(self, result: SearchResult) -> None:
        """Keep ``result`` as the last answer, to which ``#1``, ``#2`` and so on refer on the command line."""
        keep_answer(self._library.folder, result.all_hits)

    def kept_hit(self, number: int) -> Hit:
        """A hit of the last answer kept, counted from 1. Raises QueryError when there is none."""
        return kept_hit(self._library.folder, number)

    def status(self) -> Status:
        """What the library holds; needs no model."""
        return status_of(self._current(), self._models.name, self.paused())

    def source(self, path: str) -> Source | None:
        """The indexed file at ``path``, or None."""
        held = self._current().catalog.sources_at([path]).get(path)
        return None if held is None else held.source

    def warm_up(self) -> None:
        """Load what the first search would have to wait for: the model, the vector index and a decoding process. From
        then on whose the pieces are is kept in memory as well.

        The process is kept from now on until ``close``, for files that are asked with. Raises DecoderStartError.
        """
        library = self._current()
        embedder = self._embedder_of(library.catalog)
        self._seconds_decoders_are_kept = math.inf
        with ThreadPoolExecutor(1) as beside:
            started = beside.submit(self._decoders_for(embedder).warm_up)
            load_parts(embedder)
            library.keeps_owners = True
            library.refresh()
            started.result()

    @property
    def catalog(self) -> Catalog:
        """The catalog as it is now, to read from."""
        return self._current().catalog

    @property
    def limits(self) -> ExtractionLimits:
        """How much a file may cost."""
        return ExtractionLimits(**self._settings.limits.model_dump())

    @property
    def priority(self) -> Priority:
        """How far indexing in the background is to step back behind other work."""
        return self._settings.index.priority

    @property
    def default_limit(self) -> int:
        """How many hits an answer has unless it is said otherwise."""
        return self._settings.search.results

    def check(self) -> list[Finding]:
        """Hold the library against its own promises; an empty list means that all is well."""
        return check(self._current())

    # --- what it is made of

    def _current(self) -> Library:
        """The library as it is now: one that was made anew meanwhile, also by another process, takes its place."""
        if not self._library.is_current():
            before = self._library  # threads may still read from it
            self._library = Library(before.folder, policy=before.policy, keeps_owners=before.keeps_owners)
        return self._library

    def _embedder(self) -> SearchModel:
        """The model that the settings name."""
        return self._models.load(self._models.name)

    def _embedder_of(self, catalog: Catalog) -> SearchModel:
        """The model that made what is in the library. Raises ModelMismatchError."""
        return self._models.of(catalog)

    def _decoders_for(self, embedder: SearchModel) -> Decoders:
        """Decoding processes for files that are asked with: one is kept for the next."""
        with self._starting:
            if embedder.media not in self._decoders:
                seconds = self._seconds_decoders_are_kept
                self._decoders[embedder.media] = Decoders(embedder.media, self.limits, seconds, most_idle=1)
            return self._decoders[embedder.media]

    def _patient(self) -> Control:
        """For a run that somebody waits for: it waits itself while it is paused."""
        return Control(hold=Pause(self._library.folder, self._settings.index.pause_below_battery).reason)

    def _pipeline_options(self) -> PipelineOptions:
        settings = self._settings.index
        ignore = IgnoreOptions(tuple(settings.ignore), settings.hidden, settings.caches)
        return PipelineOptions(
            workers=settings.workers,
            batch=settings.batch,
            limits=self.limits,
            model_name=self._models.name,
            ignore=ignore,
            recognisers=find_recognisers(self._settings.words),
        )


@dataclass(frozen=True)
class _Indexing:
    """How ``KeepUp`` indexes: the library that is current, with the model of the settings."""

    engine: SearchEngine
    options: PipelineOptions
    decoders: Decoders

    def roots(self) -> Collection[str]:
        return self.engine.catalog.roots()

    def everything(
        self, roots: Sequence[Path], on_progress: Callable[[Progress], None], control: Control
    ) -> IndexSummary:
        return self.engine._index(roots, self.options, on_progress, control)

    def parts(self, parts: Sequence[Scope], on_progress: Callable[[Progress], None], control: Control) -> IndexSummary:
        library, embedder = self.engine._current(), self.engine._embedder()
        return index_parts(library, embedder, parts, self.options, on_progress, control, self.decoders)

    def words(
        self, roots: Sequence[Path], on_progress: Callable[[Progress], None], control: Control
    ) -> TranscriptSummary:
        library, embedder = self.engine._current(), self.engine._embedder()
        return index_words(library, embedder, roots, self.options, on_progress, control)


def _result(hits: Sequence[Hit], cutoff: float, started: float, apart: Apart | None = None) -> SearchResult:
    close = any(hit.relevance >= cutoff for hit in (*hits, *(apart.hits if apart else ())))
    return SearchResult((time.perf_counter() - started) * 1000, tuple(hits), close, apart)
