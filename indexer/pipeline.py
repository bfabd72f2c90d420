"""Index paths: scan -> extract -> embed -> store.

Threads, each with a decoding process of its own, take files apart; the calling thread embeds the pieces of many files
together and commits each source when its last piece has its embedding. The queues between them are bounded, so memory
stays bounded too, and the slowest stage sets the pace.
"""

import os
import queue
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from indexer.embedder import Embedder
from indexer.errors import ExtractionError, MissingPathError
from indexer.extract.registry import format_of
from indexer.extract.sandbox import ExtractionWorker
from indexer.fingerprint import content_hash
from indexer.ignore import IgnoreOptions
from indexer.pieces import ExtractedPiece, ExtractionLimits
from indexer.scan import Scan, is_at_or_below, scan
from indexer.transcripts import Job, Recognisers, TranscriptSummary, make_transcripts, pending, take_over
from storage import generations
from storage.catalog import Catalog
from storage.library import Library
from storage.records import Failure, FileState, Modality, Piece, Source, StoredSource
from storage.transcripts import problems_under


@dataclass(frozen=True)
class PipelineOptions:
    """``workers``: decoding processes. ``batch``: pieces embedded together. ``limits``: what one file may cost.
    ``model_name``: what the settings call the embedder, by which it can be loaded again. ``ignore``: what is passed
    over below a folder. ``recognisers``: what finds words in pictures and sounds, if anything."""

    workers: int = 2
    batch: int = 32
    limits: ExtractionLimits = field(default_factory=ExtractionLimits)
    model_name: str = ""
    ignore: IgnoreOptions = field(default_factory=IgnoreOptions)
    recognisers: Recognisers = field(default_factory=Recognisers)


@dataclass(frozen=True)
class Progress:
    """How far a run is: ``done`` of ``total`` files; ``path`` is the file just finished, ``failure`` why it failed.

    Once all files are indexed, their words are counted anew: ``stage`` "words".
    """

    done: int
    total: int
    path: str
    failure: str | None = None
    stage: Literal["files", "words"] = "files"


@dataclass(frozen=True)
class IndexSummary:
    """What a run did. ``indexed`` counts files that came in or changed, those ``moved`` (renamed, copied) included;
    ``pieces`` those embedded in this run; ``failed`` what stands unread now under the paths named. ``transcripts``: for
    whose words it looked besides; ``incomplete``: the files of which some words are missing, and why.
    ``model_changed``: with this run the embeddings of another model, or all anew, have taken the place of those before.
    """

    indexed: int
    moved: int
    unchanged: int
    removed: int
    failed: tuple[Failure, ...]
    pieces: Mapping[Modality, int]
    transcripts: TranscriptSummary
    incomplete: tuple[Failure, ...]
    model_changed: bool = False


@dataclass(frozen=True)
class _File:
    path: str
    state: FileState
    may_reuse: bool = True


@dataclass(frozen=True)
class _Opened:
    file: _File
    source: Source


@dataclass(frozen=True)
class _Extracted:
    file: _File
    piece: ExtractedPiece


@dataclass(frozen=True)
class _Finished:
    file: _File


@dataclass(frozen=True)
class _Failed:
    file: _File
    reason: str


@dataclass(frozen=True)
class _SameContent:
    """The catalog held a source with these bytes when the file was read."""

    file: _File
    content_hash: bytes


_Message = _Opened | _Extracted | _Finished | _Failed | _SameContent | BaseException


def index(
    library: Library,
    embedder: Embedder,
    roots: Sequence[Path],
    options: PipelineOptions,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> IndexSummary:
    """Make the library hold exactly what is at and below ``roots``, by ``embedder``.

    A file that cannot be read is recorded with its reason and never stops the rest; so is a root that does not exist.
    Interrupted at any point, all that was committed stays, and the next run goes on from there.
    Raises ModelMismatchError, LibraryBusyError, DataFolderError.
    """
    with library.writer_lock():
        return index_under_lock(library, embedder, roots, options, on_progress)


def index_under_lock(
    library: Library,
    embedder: Embedder,
    roots: Sequence[Path],
    options: PipelineOptions,
    on_progress: Callable[[Progress], None],
    former: Catalog | None = None,
) -> IndexSummary:
    """What ``index`` does, for a caller that holds the writer's lock already.

    ``former``: an earlier generation of the library, whose transcripts need not be made again.
    """
    generations.remove_superseded(library.folder)
    library.catalog.bind_model(embedder.fingerprint, embedder.dimension, options.model_name)
    library.catalog.add_checksums()
    library.refresh()  # before anything is numbered: a snapshot that is ahead of the catalog can be told now only
    library.save_snapshot()
    plan = _Plan.make(library, roots, options)
    run = _Run(library, embedder, options, on_progress, total=len(plan.changed))
    try:
        run.process(plan.changed)
        removed = plan.finish(library)
        transcripts = _make_transcripts(library, embedder, tuple(plan.scans), options, on_progress, former)
    finally:
        library.refresh()
        library.save_snapshot()
    return IndexSummary(
        indexed=run.indexed,
        moved=run.moved,
        unchanged=plan.unchanged + run.unchanged,
        removed=removed,
        failed=tuple(plan.standing_failures(library)),
        pieces=dict(run.pieces),
        transcripts=transcripts,
        incomplete=tuple(_incomplete(library, plan.scans)),
    )


def _incomplete(library: Library, roots: Iterable[str]) -> Iterator[Failure]:
    with library.catalog.reading() as connection:
        for root in roots:
            yield from problems_under(connection, root)


def _make_transcripts(
    library: Library,
    embedder: Embedder,
    roots: Sequence[str],
    options: PipelineOptions,
    on_progress: Callable[[Progress], None],
    former: Catalog | None,
) -> TranscriptSummary:
    if former is not None:
        take_over(library, former)
    jobs = pending(library, roots, options.recognisers)
    done = 0

    def advance(job: Job, problem: str | None) -> None:
        nonlocal done
        done += 1
        on_progress(Progress(done, len(jobs), job.sources[0].source.path, problem, "words"))

    return make_transcripts(library, jobs, embedder.media, options.limits, options.workers, advance)


@dataclass
class _Plan:
    """What a scan of the roots asks for, compared with what the catalog holds."""

    scans: dict[str, Scan]
    missing: dict[str, Failure]
    changed: list[_File]
    unchanged: int

    @classmethod
    def make(cls, library: Library, roots: Sequence[Path], options: PipelineOptions) -> "_Plan":
        plan = cls({}, {}, [], 0)
        seen: set[str] = set()
        for root in roots:
            name = str(root)
            try:
                found = scan(root, options.ignore, options.limits.file_megabytes)
            except MissingPathError as error:
                plan._add_missing(library, root, error)
                continue
            library.catalog.put_root(name)  # before its first source: whatever the library holds is below a root
            plan.scans[name] = found
            known, failed = library.catalog.sources_under(name), library.catalog.failures_under(name)
            for path, state in found.files.items():
                if path in seen:
                    continue
                seen.add(path)
                held = known[path].source.state if path in known else failed[path].state if path in failed else None
                if held != state:
                    plan.changed.append(_File(path, state))
                elif path in known:
                    plan.unchanged += 1
        return plan

    def _add_missing(self, library: Library, root: Path, error: MissingPathError) -> None:
        """A file that is gone leaves the library; a folder that is gone may be a disk that is not mounted."""
        name = str(root)
        held = library.catalog.sources_under(name)
        if set(held) == {name}:
            self.scans[name] = Scan()
            return
        reason = str(error).removeprefix(f"{name}: ")
        if held:
            reason += f"; the {len(held)} files indexed below it are kept (`synesthete forget` removes them)"
        self.missing[name] = Failure(name, FileState(0, 0), reason)

    def finish(self, library: Library) -> int:
        """Commit what the scan itself says: who is gone, what could not be looked at. Returns how many are gone."""
        removed = 0
        for root, found in self.scans.items():
            keeps = _named_below(root, library)
            gone = [
                held
                for path, held in library.catalog.sources_under(root).items()
                if not found.may_hold(path) and not keeps(path)
            ]
            library.catalog.remove_sources(gone)
            removed += len(gone)
            held_failures = library.catalog.failures_under(root)
            library.catalog.remove_failures(
                path for path in held_failures if not found.may_hold(path) and not keeps(path)
            )
            for path, failure in found.failures.items():
                if path not in held_failures or held_failures[path].reason != failure.reason:
                    library.catalog.put_failure(failure)
            if Path(root).exists():
                library.catalog.put_root(root)
            else:
                library.catalog.forget(root)
        return removed

    def standing_failures(self, library: Library) -> list[Failure]:
        failures = dict(self.missing)
        for root in self.scans:
            failures.update(library.catalog.failures_under(root))
        return [failures[path] for path in sorted(failures)]


def _named_below(root: str, library: Library) -> Callable[[str], bool]:
    """Whether a path is there and at or below another path that the user named: its own scans judge it, not this one.

    So a file that a rule ignores stays in the library once it was named itself.
    """
    named = [each for each in library.catalog.roots() if each != root and is_at_or_below(each, root)]
    return lambda path: any(is_at_or_below(path, each) for each in named) and os.path.lexists(path)


@dataclass
class _OpenSource:
    """A source whose pieces are still arriving or still lack their embeddings."""

    opened: _Opened
    pieces: list[Piece] = field(default_factory=list)
    waiting: int = 0
    complete: bool = False


class _Run:
    """One pass over changed files: the threads that extract, and the calling thread that embeds and commits."""

    def __init__(
        self,
        library: Library,
        embedder: Embedder,
        options: PipelineOptions,
        on_progress: Callable[[Progress], None],
        total: int,
    ) -> None:
        self._library, self._embedder, self._options, self._on_progress = library, embedder, options, on_progress
        self._total, self._done = total, 0
        self._files: deque[_File] = deque()
        self._messages: queue.Queue[_Message] = queue.Queue(maxsize=2 * options.batch)
        self._stop = threading.Event()
        self._workers: list[ExtractionWorker] = []
        self._open: dict[str, _OpenSource] = {}
        self._batch: list[_Extracted] = []
        self.indexed = self.moved = self.unchanged = 0
        self.pieces: Counter[Modality] = Counter()

    def process(self, files: Sequence[_File]) -> None:
        """Index all ``files``; returns when each is committed, as a source or as a failure."""
        self._files.extend(files)
        threads = [
            threading.Thread(target=self._extract_files, name=f"extract-{number}", daemon=True)
            for number in range(min(self._options.workers, len(files)))
        ]
        for thread in threads:
            thread.start()
        try:
            while self._done < self._total:
                try:
                    message = self._messages.get_nowait()
                except queue.Empty:
                    if self._batch:  # rather than leave it waiting for slower extraction
                        self._embed_batch()
                        continue
                    message = self._messages.get()
                self._take(message)
        finally:
            self._stop.set()
            for worker in self._workers:  # one may be in the middle of a long film
                worker.interrupt()
            for thread in threads:
                thread.join()

    # --- in the extracting threads

    def _extract_files(self) -> None:
        try:
            with ExtractionWorker(self._embedder.media, self._options.limits) as worker:
                self._workers.append(worker)
                while not self._stop.is_set():
                    try:
                        file = self._files.popleft()
                    except IndexError:
                        # The committing thread may put a file back; it stops this thread when nothing is left.
                        self._stop.wait(0.05)
                        continue
                    self._extract(worker, file)
        except BaseException as error:  # whatever it is, the committing thread must hear of it
            self._send(error)

    def _extract(self, worker: ExtractionWorker, file: _File) -> None:
        path = Path(file.path)
        try:
            digest = content_hash(path)
            if file.may_reuse and self._library.catalog.sources_with_content(digest):
                self._send(_SameContent(file, digest))
                return
            extraction = worker.open(path)
            recorded_ns = _nanoseconds(extraction.recorded)
            source = Source(file.path, extraction.kind, file.state, digest, extraction.duration, recorded_ns)
            self._send(_Opened(file, source))
            count = 0
            for piece in extraction.pieces:
                if self._stop.is_set():
                    return
                self._send(_Extracted(file, piece))
                count += 1
            status = path.stat()
            if FileState(status.st_size, status.st_mtime_ns) != file.state:
                raise ExtractionError("it changed while it was being read; it will be read again in the next run")
            if count == 0:
                raise ExtractionError("nothing in it can be searched")
            self._send(_Finished(file))
        except ExtractionError as error:
            self._send(_Failed(file, str(error)))
        except OSError as error:
            self._send(_Failed(file, f"it cannot be read ({error.strerror or error})"))

    def _send(self, message: _Message) -> None:
        while not self._stop.is_set():
            try:
                self._messages.put(message, timeout=0.1)
                return
            except queue.Full:
                continue

    # --- in the calling thread

    def _take(self, message: _Message) -> None:
        if isinstance(message, BaseException):
            raise message
        path = message.file.path
        if isinstance(message, _Opened):
            self._open[path] = _OpenSource(message)
        elif isinstance(message, _Extracted):
            self._open[path].waiting += 1
            self._batch.append(message)
            if len(self._batch) >= self._options.batch:
                self._embed_batch()
        elif isinstance(message, _Finished):
            self._open[path].complete = True
            self._commit_if_ready(path)
        elif isinstance(message, _Failed):
            self._open.pop(path, None)
            self._batch = [extracted for extracted in self._batch if extracted.file.path != path]
            self._library.catalog.put_failure(Failure(path, message.file.state, message.reason))
            self._advance(path, message.reason)
        else:
            self._reuse(message)

    def _embed_batch(self) -> None:
        batch, self._batch = self._batch, []
        if not batch:
            return
        vectors = self._embedder.embed([extracted.piece for extracted in batch])
        for extracted, vector in zip(batch, vectors.astype("<f2"), strict=True):
            piece, source = extracted.piece, self._open[extracted.file.path]
            source.pieces.append(Piece(piece.modality, vector, piece.text, piece.start, piece.end, piece.page))
            source.waiting -= 1
        for path in {extracted.file.path for extracted in batch}:
            self._commit_if_ready(path)

    def _commit_if_ready(self, path: str) -> None:
        source = self._open[path]
        if not source.complete or source.waiting:
            return
        del self._open[path]
        self._library.catalog.put_source(source.opened.source, source.pieces)
        self.pieces.update(piece.modality for piece in source.pieces)
        self.indexed += 1
        self._advance(path)

    def _reuse(self, message: _SameContent) -> None:
        """Give a file the embeddings of the source that has the same bytes: itself, one that moved, or one copied."""
        catalog, file = self._library.catalog, message.file
        originals = [
            held
            for held in catalog.sources_with_content(message.content_hash)
            if format_of(Path(held.source.path)) == format_of(Path(file.path))
        ]
        if not originals:  # replaced meanwhile, or the same bytes under a name that is read differently
            self._files.append(_File(file.path, file.state, may_reuse=False))
            return
        same_path = [held for held in originals if held.source.path == file.path]
        if same_path:
            catalog.touch_source(same_path[0], file.state)
            self.unchanged += 1
        else:
            self._move_or_copy(originals, file)
            self.indexed += 1
            self.moved += 1
        self._advance(file.path)

    def _move_or_copy(self, originals: Sequence[StoredSource], file: _File) -> None:
        catalog = self._library.catalog
        gone = [held for held in originals if not Path(held.source.path).exists()]
        original = (gone or originals)[0]
        source = replace(original.source, path=file.path, state=file.state)
        if gone:
            catalog.move_source(original, source)
        else:
            catalog.copy_source(original, source)

    def _advance(self, path: str, failure: str | None = None) -> None:
        self._done += 1
        self._on_progress(Progress(self._done, self._total, path, failure))


def _nanoseconds(seconds: float | None) -> int | None:
    """A time as the catalog keeps it; one that does not fit its column is none."""
    if seconds is None or not abs(seconds) < 9e9:
        return None
    return int(seconds * 1e9)
