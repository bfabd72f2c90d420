"""Take files apart, embed their pieces, commit them: three stages at once, each as fast as it can.

Threads, each with a decoding process of its own, take files apart; one thread embeds their pieces, those of many files
together (``batches.py``); the calling thread alone commits, each source when its last piece has its embedding. What
waits between the stages is bounded, so memory is bounded too, and the slowest stage sets the pace.
"""

import contextlib
import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.batches import Batches, Waiting
from indexer.control import Control
from indexer.decoders import Decoders
from indexer.embedder import Embedder
from indexer.errors import ExtractionError
from indexer.extract.registry import format_of
from indexer.extract.sandbox import ExtractionWorker
from indexer.fingerprint import GivenUpError, content_hash
from indexer.gone import gone_among, may_exist
from indexer.ledger import Ledger
from indexer.options import Change, PipelineOptions, Progress
from indexer.plan import File
from storage.library import Library
from storage.records import Failure, FileState, Modality, Piece, Source, StoredSource

_SECONDS_BETWEEN_LOOKS = 0.2
"""How long a run that waits may take to notice that it is to wait, to go on or to end."""

_MOST_MESSAGES = 64


@dataclass(frozen=True)
class _Opened:
    file: File
    source: Source


@dataclass(frozen=True)
class _Embedded:
    """Pieces that have their embeddings, of one file or several."""

    waiting: Sequence[Waiting]
    pieces: Sequence[Piece]


@dataclass(frozen=True)
class _Finished:
    """A file has been read to its end, and ``count`` pieces were found in it."""

    file: File
    count: int


@dataclass(frozen=True)
class _Failed:
    """``state``: the one in which the file is not to be tried again."""

    file: File
    reason: str
    state: FileState


@dataclass(frozen=True)
class _Vanished:
    """The file was not there any more when it was to be read; a later run sees whether it is gone or its disk away."""

    file: File


@dataclass(frozen=True)
class _SameContent:
    """The catalog held a source with these bytes when the file was read."""

    file: File
    content_hash: bytes


_Message = _Opened | _Embedded | _Finished | _Failed | _Vanished | _SameContent | BaseException


@dataclass
class _OpenSource:
    """A source whose pieces are still arriving or still lack their embeddings."""

    opened: _Opened
    pieces: dict[int, Piece] = field(default_factory=dict)
    count: int | None = None


class Run:
    """One pass over changed files: the threads that extract, the one that embeds, the calling one that commits."""

    def __init__(
        self,
        library: Library,
        embedder: Embedder,
        options: PipelineOptions,
        on_progress: Callable[[Progress], None],
        control: Control,
        ledger: Ledger,
        decoders: Decoders,
    ) -> None:
        self._library, self._embedder, self._options, self._on_progress = library, embedder, options, on_progress
        self._control, self._ledger, self._decoders = control, ledger, decoders
        self._total = self._done = 0
        self._files: deque[File] = deque()
        self._batches = Batches(options.batch)
        self._messages: queue.Queue[_Message] = queue.Queue(maxsize=_MOST_MESSAGES)
        self._stop = threading.Event()
        self._workers, self._lock = list[ExtractionWorker](), threading.Lock()
        self._open: dict[str, _OpenSource] = {}
        self.indexed = self.moved = self.unchanged = 0
        self.pieces: Counter[Modality] = Counter()

    def process(self, files: Sequence[File]) -> bool:
        """Index ``files``; whether each is committed, as a source or as a failure, and nothing stopped it before."""
        self._files.extend(files)
        self._total = len(files)
        crew = min(self._options.workers, len(files))
        threads = [
            threading.Thread(target=self._extract_files, name=f"extract-{number}", daemon=True)
            for number in range(crew)
        ]
        if crew:
            threads.append(threading.Thread(target=self._embed_pieces, name="embed", daemon=True))
        for thread in threads:
            thread.start()
        try:
            while self._done < self._total and not self._control.stop():
                with contextlib.suppress(queue.Empty):
                    self._take(self._messages.get(timeout=_SECONDS_BETWEEN_LOOKS))
                    continue
                if (reason := self._control.hold()) is not None:
                    self._on_progress(Progress(self._done, self._total, "", paused=reason))
        finally:
            self._stop.set()
            if self._done < self._total:
                self._interrupt()
            for thread in threads:
                thread.join()
        return self._done == self._total

    def _may_go_on(self) -> bool:
        """In any thread: wait while the run is to wait; whether it goes on then. A decoder waits with its thread."""
        while not self._stop.is_set():
            if self._control.hold() is None:
                return True
            self._stop.wait(_SECONDS_BETWEEN_LOOKS)
        return False

    def _interrupt(self) -> None:
        with self._lock:
            for worker in self._workers:  # one may be in the middle of a long film
                worker.interrupt()

    # --- in the extracting threads

    @contextlib.contextmanager
    def _interruptible(self, worker: ExtractionWorker) -> Iterator[None]:
        """Until the worker is given back: then it may serve another run, and this one must not end it any more."""
        with self._lock:
            self._workers.append(worker)
        try:
            yield
        finally:
            with self._lock:
                self._workers.remove(worker)

    def _extract_files(self) -> None:
        try:
            with self._decoders.lent() as worker, self._interruptible(worker):
                while self._may_go_on():
                    try:
                        file = self._files.popleft()
                    except IndexError:
                        # The committing thread may put a file back; it stops this thread when nothing is left.
                        self._stop.wait(0.05)
                        continue
                    self._extract(worker, file)
        except BaseException as error:  # whatever it is, the committing thread must hear of it
            self._send(error)

    def _extract(self, worker: ExtractionWorker, file: File) -> None:
        path = Path(file.path)
        try:
            digest = content_hash(path, self._stop.is_set)
            if file.may_reuse and self._library.catalog.sources_with_content(digest):
                self._send(_SameContent(file, digest))
                return
            extraction = worker.open(path)
            recorded_ns = _nanoseconds(extraction.recorded)
            source = Source(file.path, extraction.kind, file.state, digest, extraction.duration, recorded_ns)
            self._send(_Opened(file, source))
            count = 0
            for piece in extraction.pieces:
                while self._may_go_on() and not self._batches.put(Waiting(file, count, piece), _SECONDS_BETWEEN_LOOKS):
                    pass
                if self._stop.is_set():
                    return
                count += 1
            if FileState.of(path.stat()) != file.state:
                raise ExtractionError("it changed while it was being read; it will be read again in the next run")
            if count == 0:
                raise ExtractionError("nothing in it can be searched")
            self._send(_Finished(file, count))
        except GivenUpError:
            return
        except (ExtractionError, OSError) as error:
            self._send(_refusal(file, error))

    def _send(self, message: _Message) -> None:
        while not self._stop.is_set():
            try:
                self._messages.put(message, timeout=_SECONDS_BETWEEN_LOOKS)
                return
            except queue.Full:
                continue

    # --- in the embedding thread

    def _embed_pieces(self) -> None:
        try:
            while self._may_go_on():
                if batch := self._batches.take(_SECONDS_BETWEEN_LOOKS):
                    self._send(self._embedded(batch))
        except BaseException as error:
            self._send(error)

    def _embedded(self, batch: Sequence[Waiting]) -> _Embedded:
        began = time.monotonic()
        vectors = self._embedder.embed([waiting.piece for waiting in batch]).astype("<f2")
        self._batches.note(batch, time.monotonic() - began)
        found = [waiting.piece for waiting in batch]
        pieces = [
            Piece(piece.modality, vector, piece.text, piece.start, piece.end, piece.page, _bytes(piece.melody))
            for piece, vector in zip(found, vectors, strict=True)
        ]
        return _Embedded(batch, pieces)

    # --- in the calling thread

    def _take(self, message: _Message) -> None:
        if isinstance(message, BaseException):
            raise message
        if isinstance(message, _Embedded):
            self._keep(message)
        elif isinstance(message, _Opened):
            self._open[message.file.path] = _OpenSource(message)
        elif isinstance(message, _Finished):
            self._open[message.file.path].count = message.count
            self._commit_if_ready(message.file.path)
        elif isinstance(message, _Failed):
            self._open.pop(message.file.path, None)
            self._library.catalog.put_failure(Failure(message.file.path, message.state, message.reason))
            self._advance(message.file, "failed", message.reason)
        elif isinstance(message, _Vanished):
            self._open.pop(message.file.path, None)
            self._advance(message.file, "unchanged")
        else:
            self._reuse(message)

    def _keep(self, embedded: _Embedded) -> None:
        for waiting, piece in zip(embedded.waiting, embedded.pieces, strict=True):
            if (source := self._open.get(waiting.file.path)) is not None:  # it has not failed meanwhile
                source.pieces[waiting.number] = piece
        for path in dict.fromkeys(waiting.file.path for waiting in embedded.waiting):
            self._commit_if_ready(path)

    def _commit_if_ready(self, path: str) -> None:
        source = self._open.get(path)
        if source is None or source.count != len(source.pieces):
            return
        del self._open[path]
        pieces = [source.pieces[number] for number in range(source.count)]
        self._library.catalog.put_source(source.opened.source, pieces)
        self.pieces.update(piece.modality for piece in pieces)
        self.indexed += 1
        self._advance(source.opened.file, "indexed")

    def _reuse(self, message: _SameContent) -> None:
        """Give a file the embeddings of the source that has the same bytes: itself, one that moved, or one copied."""
        catalog, file = self._library.catalog, message.file
        originals = [
            held
            for held in catalog.sources_with_content(message.content_hash)
            if format_of(Path(held.source.path)) == format_of(Path(file.path))
        ]
        if not originals:  # replaced meanwhile, or the same bytes under a name that is read differently
            self._files.append(replace(file, may_reuse=False))
            return
        same_path = [held for held in originals if held.source.path == file.path]
        if same_path:
            catalog.touch_source(same_path[0], file.state)
            self.unchanged += 1
            self._advance(file, "unchanged")
        else:
            self._move_or_copy(originals, file)
            self.indexed += 1
            self.moved += 1
            self._advance(file, "moved")

    def _move_or_copy(self, originals: Sequence[StoredSource], file: File) -> None:
        catalog = self._library.catalog
        missing = gone_among((held.source.path for held in originals), catalog)
        gone = [held for held in originals if held.source.path in missing]
        original = (gone or originals)[0]
        source = replace(original.source, path=file.path, state=file.state)
        if gone:
            catalog.move_source(original, source)
        else:
            catalog.copy_source(original, source)

    def _advance(self, file: File, change: Change, failure: str | None = None) -> None:
        self._done += 1
        self._ledger.done(file.root)
        self._on_progress(Progress(self._done, self._total, file.path, failure, change=change))


def _refusal(file: File, error: ExtractionError | OSError) -> _Failed | _Vanished:
    """What comes of a file that could not be read. What the system says of it may be over in the next run."""
    if not may_exist(file.path):
        return _Vanished(file)
    if isinstance(error, OSError):
        return _Failed(file, f"it cannot be read ({error.strerror or error})", FileState(0, 0))
    return _Failed(file, str(error), file.state)


def _bytes(codes: NDArray[np.uint8] | None) -> bytes | None:
    return None if codes is None else codes.tobytes()


def _nanoseconds(seconds: float | None) -> int | None:
    """A time as the catalog keeps it; one that does not fit its column is none."""
    if seconds is None or not abs(seconds) < 9e9:
        return None
    return int(seconds * 1e9)
