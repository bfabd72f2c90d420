"""Finds the duplicates of a library: candidates by their embeddings, then fingerprints, then groups.

The fingerprints are made when they are first asked for, of the candidates alone, by taking the files apart once more in
a small form in the limited processes; and kept by content. So a library that was indexed by any version and with any
model can be asked, indexing costs no more than it did, and nothing has to be migrated.
"""

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.duplicates.candidates import candidate_pairs
from engine.duplicates.compare import Place, copy_place
from engine.duplicates.fingerprint import (
    COMPARED,
    VERSION,
    Fingerprint,
    fingerprint,
    from_bytes,
    media_format,
    to_bytes,
)
from engine.duplicates.groups import Content, Duplicates, Look, contents_of, grouped
from indexer.errors import ExtractionError
from indexer.extract.sandbox import ExtractionWorker
from indexer.options import Progress
from indexer.pieces import ExtractionLimits
from storage.fingerprint_cache import FingerprintCache
from storage.library import Library
from storage.records import Failure, FileState, Modality, StoredSource

_MEMORY_BYTES = 256 << 20


@dataclass(frozen=True)
class Question:
    """Which duplicates are asked for: of files of these ``kinds`` (empty: all) and at or below ``under``, of which at
    least one in a group is at or below one of ``paths`` (empty: any)."""

    paths: tuple[str, ...] = ()
    kinds: frozenset[Modality] = frozenset()
    under: str = "/"


def find_duplicates(
    library: Library,
    question: Question,
    limits: ExtractionLimits,
    workers: int,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Duplicates:
    """The groups of duplicates in ``library``. Files that have changed since they were indexed are passed over.

    Raises DecoderStartError, and what the catalog raises.
    """
    held = library.catalog.sources_under(question.under)
    sources = [each for each in held.values() if not question.kinds or each.source.kind in question.kinds]
    contents = contents_of([_described(each) for each in sources])
    wanted = frozenset(
        content.number for content in contents if any(_is_asked(path, question) for path in content.paths)
    )
    pairs = _candidates(library, contents, sources, wanted)
    with FingerprintCache(library.folder, VERSION) as cache:
        compared = {number for pair in pairs for number in pair}
        making = _Making(cache, {each.source.path: each for each in sources}, limits, on_progress)
        making.run([content for content in contents if content.number in compared], workers)
        looks, places = _compared(cache, contents, sorted(pairs), making.failed)
        if question == Question():
            cache.keep_only({content.digest for content in contents})
    groups = grouped(contents, looks, places)
    asked = [group for group in groups if any(_is_asked(member.path, question) for member in group.members)]
    return Duplicates(tuple(asked), tuple(making.failures))


def _described(each: StoredSource) -> tuple[Modality, bytes, int, int, str]:
    source = each.source
    return source.kind, source.content_hash, source.state.size, source.state.modified_ns, source.path


def _is_asked(path: str, question: Question) -> bool:
    return not question.paths or any(path == each or path.startswith(each.rstrip("/") + "/") for each in question.paths)


def _candidates(
    library: Library, contents: Sequence[Content], sources: Iterable[StoredSource], wanted: frozenset[int]
) -> set[tuple[int, int]]:
    """Pairs of contents of one kind that may be copies of each other, at least one of the two ``wanted``."""
    model = library.catalog.model()
    if model is None:
        return set()
    number_of = {(content.kind, content.digest): content.number for content in contents}
    asked: dict[Modality, dict[int, int]] = {kind: {} for kind in COMPARED}  # one source of each content
    for each in sources:
        kind = each.source.kind
        if kind in asked:
            asked[kind].setdefault(number_of[kind, each.source.content_hash], each.id)
    pairs = set()
    for kind, source_of in asked.items():
        number_by_source = {source: number for number, source in source_of.items()}
        pieces: dict[int, list[int]] = defaultdict(list)
        for location in library.catalog.pieces_of(number_by_source):
            if location.modality == kind:
                pieces[number_by_source[location.source_id]].append(location.id)
        pairs |= candidate_pairs(library.catalog, pieces, model[1])
    return {pair for pair in pairs if wanted & set(pair)}


@dataclass
class _Making:
    """Makes the fingerprints that are not kept yet, in several threads with a decoding process each."""

    cache: FingerprintCache
    sources: Mapping[str, StoredSource]
    limits: ExtractionLimits
    on_progress: Callable[[Progress], None]
    failures: list[Failure] = field(default_factory=list)
    failed: set[int] = field(default_factory=set)
    _done: int = 0
    _error: BaseException | None = None

    def run(self, contents: Iterable[Content], workers: int) -> None:
        known = self.cache.known()
        missing = [content for content in contents if (content.digest, content.kind) not in known]
        for kind in COMPARED:
            waiting = deque(content for content in missing if content.kind == kind)
            lock, stop = threading.Lock(), threading.Event()
            open_workers: list[ExtractionWorker] = []
            arguments = (kind, waiting, len(missing), lock, stop, open_workers)
            count = min(workers, len(waiting))
            threads = [threading.Thread(target=self._work, args=arguments, daemon=True) for _ in range(count)]
            for thread in threads:
                thread.start()
            try:
                for thread in threads:
                    thread.join()
            finally:
                stop.set()
                for worker in open_workers:  # one may be in the middle of a long film
                    worker.interrupt()
                for thread in threads:
                    thread.join()
            if self._error is not None:
                raise self._error

    def _work(
        self,
        kind: Modality,
        waiting: deque[Content],
        total: int,
        lock: threading.Lock,
        stop: threading.Event,
        open_workers: list[ExtractionWorker],
    ) -> None:
        try:
            with ExtractionWorker(media_format(kind), self.limits) as worker:
                open_workers.append(worker)
                while not stop.is_set():
                    try:
                        content = waiting.popleft()
                    except IndexError:
                        return
                    made, failure = self._made(worker, content)
                    with lock:
                        if stop.is_set():
                            return
                        self._done += 1
                        if made is not None:
                            self.cache.put(content.digest, content.kind, to_bytes(made))
                        elif failure is not None:
                            self.failed.add(content.number)
                            self.failures.append(failure)
                        self.on_progress(Progress(self._done, total, content.paths[0], stage="comparing"))
        except BaseException as error:  # whatever it is, the calling thread must hear of it
            self._error = error
            stop.set()

    def _made(self, worker: ExtractionWorker, content: Content) -> tuple[Fingerprint | None, Failure | None]:
        """From whichever of the files with this content is still as it was when it was indexed."""
        reason = "it has changed since it was indexed; `synesthete index` takes it in again"
        for name in content.paths:
            path, state = Path(name), self.sources[name].source.state
            try:
                if _state(path) != state:
                    continue
                made = fingerprint(content.kind, worker.open(path))
                if _state(path) == state:
                    return made, None
            except ExtractionError as error:
                reason = str(error)
            except OSError as error:
                reason = f"it cannot be read ({error.strerror or error})"
        return None, Failure(content.paths[0], self.sources[content.paths[0]].source.state, reason)


def _state(path: Path) -> FileState:
    return FileState.of(path.stat())


def _compared(
    cache: FingerprintCache, contents: Sequence[Content], pairs: Sequence[tuple[int, int]], failed: set[int]
) -> tuple[dict[int, Look], dict[tuple[int, int], Place]]:
    """What is known of every content that is a copy, and where the first of each pair begins in the second."""
    kept = _Kept(cache, contents)
    looks: dict[int, Look] = {}
    places: dict[tuple[int, int], Place] = {}
    for pair in pairs:
        if failed & set(pair):
            continue
        try:
            one, other = kept.read(pair[0]), kept.read(pair[1])
        except ValueError:
            continue
        kind = contents[pair[0]].kind
        place = copy_place(kind, one, other)
        if place is not None:
            places[pair] = place
            looks |= {pair[0]: _look(kind, one), pair[1]: _look(kind, other)}
    return looks, places


class _Kept:
    """Fingerprints read from the cache: the last ones that were asked for, up to ``most_bytes`` of memory."""

    def __init__(self, cache: FingerprintCache, contents: Sequence[Content], most_bytes: int = _MEMORY_BYTES) -> None:
        self._cache, self._contents, self._most_bytes = cache, contents, most_bytes
        self._held: dict[int, Fingerprint] = {}  # the one asked for last stands last
        self.bytes = 0

    def read(self, number: int) -> Fingerprint:
        """The fingerprint of a content. Raises ValueError when another process has removed it meanwhile."""
        made = self._held.pop(number, None)
        if made is None:
            data = self._cache.get(self._contents[number].digest, self._contents[number].kind)
            if data is None:
                raise ValueError("forgotten by another process meanwhile")
            made = from_bytes(data)
            self.bytes += made.memory_bytes
        self._held[number] = made
        while self.bytes > self._most_bytes and len(self._held) > 1:
            self.bytes -= self._held.pop(next(iter(self._held))).memory_bytes
        return made


def _look(kind: Modality, made: Fingerprint) -> Look:
    return Look(made.dimensions, made.duration, len(made.pictures) if kind == "document" else None)
