"""The facade: one object with which a program indexes folders and asks the library anything."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from engine.query.calibrate import Background
from engine.query.embed_query import embed_query
from engine.query.hits import SearchResult
from engine.query.query import LikeFile, Query, parse_like
from engine.query.search import search as search_library
from engine.settings import Settings, load_settings
from indexer.pieces import ExtractionLimits
from indexer.pipeline import IndexSummary, PipelineOptions, Progress
from indexer.pipeline import index as index_paths
from storage.check import Finding, check
from storage.library import Library
from storage.records import MODALITIES, Failure, LibraryCounts, Modality

if TYPE_CHECKING:  # loading torch takes seconds, and most of what is asked of an engine needs no model
    from engine.model.embedder import ModelEmbedder


@dataclass(frozen=True)
class Status:
    """What a library holds. ``roots``: what was asked for, with the time of its last scan (seconds since 1970);
    ``disk_bytes``: what the data folder takes up."""

    data: Path
    model: str | None
    counts: LibraryCounts
    roots: dict[str, float]
    failures: tuple[Failure, ...]
    disk_bytes: int


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
        self._loaded: ModelEmbedder | None = None
        self._priors: dict[tuple[Modality, Modality], Background] = {}

    @classmethod
    def open(cls, data: Path | str | None = None, settings: Settings | None = None) -> "SearchEngine":
        """Open the library in folder ``data`` (by default where the settings say), creating it if there is none.

        Raises SettingsError, DataFolderError, NewerCatalogError, DamagedCatalogError.
        """
        settings = settings if settings is not None else load_settings()
        folder = settings.data_folder if data is None else Path(data).expanduser().absolute()
        return cls(Library(folder), settings)

    def close(self) -> None:
        """Let go of the library's files. Nothing needs saving: what was indexed is on disk."""
        self._library.close()

    def __enter__(self) -> "SearchEngine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- changing the library

    def index(
        self, *paths: Path | str, on_progress: Callable[[Progress], None] = lambda progress: None
    ) -> IndexSummary:
        """Make the library hold exactly what is at and below ``paths``: new, changed, renamed and deleted files.

        Files that cannot be read are listed in the summary with their reasons; they stop nothing.
        Raises ModelError, ModelMismatchError, LibraryBusyError, DataFolderError.
        """
        return index_paths(self._library, self._embedder(), _absolute(paths), self._pipeline_options(), on_progress)

    def rebuild(self, on_progress: Callable[[Progress], None] = lambda progress: None) -> IndexSummary:
        """Empty the library and index everything anew that was ever asked for, with the model the settings name."""
        roots = [Path(root) for root in self._library.catalog.roots()]
        embedder = self._embedder()
        with self._library.writer_lock():
            self._library.catalog.empty()
            self._library.drop_snapshot()
        return index_paths(self._library, embedder, roots, self._pipeline_options(), on_progress)

    def rebuild_vectors(self) -> None:
        """Build the vector index anew from the embeddings in the catalog; nothing is embedded again."""
        with self._library.writer_lock():
            self._library.drop_snapshot()
            self._library.refresh()
            self._library.save_snapshot()

    def forget(self, path: Path | str) -> int:
        """Take ``path`` and what is below it out of the library (never off the disk); returns how many files left."""
        with self._library.writer_lock():
            gone = self._library.catalog.forget(str(_absolute([path])[0]))
            self._library.refresh()
            self._library.save_snapshot()
            return gone

    # --- asking

    def search(
        self,
        words: str | None = None,
        *,
        like: Iterable[LikeFile | Path | str] = (),
        not_words: Iterable[str] = (),
        not_like: Iterable[LikeFile | Path | str] = (),
        kinds: Iterable[Modality] = (),
        under: Path | str | None = None,
        after: datetime | None = None,
        before: datetime | None = None,
        limit: int | None = None,
    ) -> SearchResult:
        """Find files by words, by files they should resemble, or both.

        A file in ``like`` may be a string with a span, ``"song.mp3@30-45"`` (seconds). ``kinds`` (text, image, video,
        audio, document), ``under`` (a folder), ``after`` and ``before`` (time of last change) choose who may answer.
        Raises QueryError for a query without sense or a file that cannot be read, ModelError, ModelMismatchError.
        """
        query = Query(
            words=words,
            like=tuple(_like(file) for file in like),
            not_words=tuple(not_words),
            not_like=tuple(_like(file) for file in not_like),
            kinds=frozenset(kinds),
            under=None if under is None else Path(under).expanduser(),
            after=after,
            before=before,
            limit=self._settings.search.results if limit is None else limit,
        )
        embedder = self._embedder()
        self._library.catalog.require_model(embedder.fingerprint, embedder.dimension)
        started = time.perf_counter()
        self._library.refresh()
        readings = embed_query(query, embedder, self._limits())
        hits = search_library(self._library, readings, query.filter, query.limit, self._priors)
        return SearchResult((time.perf_counter() - started) * 1000, tuple(hits))

    def status(self) -> Status:
        """What the library holds; needs no model."""
        catalog = self._library.catalog
        model = catalog.model()
        return Status(
            data=self._library.folder,
            model=None if model is None else model[0],
            counts=catalog.counts(),
            roots=catalog.roots(),
            failures=tuple(catalog.failures_under("/").values()),
            disk_bytes=sum(path.stat().st_size for path in self._library.folder.rglob("*") if path.is_file()),
        )

    def check(self) -> list[Finding]:
        """Hold the library against its own promises; an empty list means that all is well."""
        return check(self._library)

    # --- what it is made of

    def _embedder(self) -> "ModelEmbedder":
        if self._loaded is None:
            from engine.model.embedder import ModelEmbedder

            model = self._settings.model
            self._loaded = ModelEmbedder.load(model.name, device=model.device, threads=model.threads or None)
            self._priors = {
                (query, piece): Background(*self._loaded.background(query, piece))
                for query in MODALITIES
                for piece in MODALITIES
            }
        return self._loaded

    def _limits(self) -> ExtractionLimits:
        return ExtractionLimits(**self._settings.limits.model_dump())

    def _pipeline_options(self) -> PipelineOptions:
        settings = self._settings.index
        return PipelineOptions(workers=settings.workers, batch=settings.batch, limits=self._limits())


def _absolute(paths: Sequence[Path | str]) -> list[Path]:
    return [Path(path).expanduser().resolve() for path in paths]


def _like(file: LikeFile | Path | str) -> LikeFile:
    if isinstance(file, LikeFile):
        return file
    return LikeFile(file) if isinstance(file, Path) else parse_like(file)
