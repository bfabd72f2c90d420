"""Words that are not in a file's own text: subtitles, text in pictures, speech. Found after the files are indexed.

Each origin of a source's words is a transcript of its own, with a note of what it was made from. What a note lacks is
made up for in the next run: a subtitle file came, changed or went; a recogniser was turned on, or another one named.
Nothing is embedded again, and turning a recogniser off keeps what it has found.
"""

import os
import queue
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path

from indexer.control import FREE, Control
from indexer.errors import ExtractionError, RecogniserError
from indexer.extract.sandbox import ExtractionWorker
from indexer.extract.transcribe import Transcription
from indexer.pieces import ExtractionLimits, MediaFormat
from indexer.subtitle_files import RECORDINGS, is_recording, subtitles_beside
from storage import transcripts
from storage.catalog import Catalog
from storage.library import Library
from storage.records import FileState, Modality, Origin, StoredSource, TextSegment, Transcript

PICTURE_READER = "PP-OCRv6"

_MAY_BE_SCANNED = (".pdf", ".cbz", ".xps", ".oxps")
"""Documents whose pages may be pictures alone."""

_PICTURED: tuple[Modality, ...] = ("image", "document")

_RECOGNISED: tuple[Origin, ...] = ("recognised", "speech")

_SECONDS_BETWEEN_LOOKS = 0.2
"""How long it may take to notice that recognition is to wait, to go on or to end."""

_MEMORY_PER_MODEL_BYTE = 3
"""A model is unpacked and converted while it is loaded."""


@dataclass(frozen=True)
class SpeechModel:
    """``name`` as the settings have it, ``folder`` where its files are."""

    name: str
    folder: Path


@dataclass(frozen=True)
class Recognisers:
    """What is asked for besides subtitles, which cost next to nothing."""

    ocr: bool = False
    speech: SpeechModel | None = None


@dataclass(frozen=True)
class TranscriptSummary:
    """``made``: transcripts that found words or might have; ``unusable``: why a recogniser could not be used at all;
    ``left``: how many were not come to."""

    made: Mapping[Origin, int] = field(default_factory=dict)
    unusable: tuple[str, ...] = ()
    left: int = 0


@dataclass(frozen=True)
class Job:
    """One transcript to be made, for all sources with these bytes."""

    sources: tuple[StoredSource, ...]
    wanted: Transcription
    made_from: str


def pending(library: Library, roots: Sequence[str], recognisers: Recognisers) -> list[Job]:
    """The transcripts that sources at and below ``roots`` lack; subtitles first, speech last."""
    jobs: dict[tuple[bytes, Transcription, str], dict[int, StoredSource]] = {}
    kinds: set[Modality] = {*RECORDINGS, *(_PICTURED if recognisers.ocr else ())}
    for root in roots:
        sources = library.catalog.sources_under(root, kinds).values()
        if not sources:
            continue
        with library.catalog.reading() as connection:
            made = transcripts.notes_under(connection, root)
        for held in sources:
            notes = made.get(held.id, {})
            for wanted, made_from in _wanted(held, notes, recognisers):
                if notes.get(wanted.origin) != made_from and _is_as_indexed(held):
                    jobs.setdefault((held.source.content_hash, wanted, made_from), {})[held.id] = held
    found = [Job(tuple(sources.values()), wanted, made_from) for (_, wanted, made_from), sources in jobs.items()]
    return sorted(found, key=lambda job: ("subtitle", *_RECOGNISED).index(job.wanted.origin))


def take_over(library: Library, former: Catalog) -> None:
    """Commit what an earlier generation of the library has recognised in files with the same bytes.

    So that a change of the embedding model does not cost it; whether the recognisers are still turned on or not.
    """
    with former.reading() as connection:
        notes = transcripts.notes_under(connection, "/")
    recognised: dict[tuple[bytes, Origin], StoredSource] = {
        (held.source.content_hash, origin): held
        for held in former.sources_under("/").values()
        for origin in notes.get(held.id, {})
        if origin != "subtitle"  # read anew: what is beside a file is not in its bytes
    }
    with library.catalog.reading() as connection:
        made = transcripts.notes_under(connection, "/")
    for held in library.catalog.sources_under("/").values() if recognised else ():
        for origin in _RECOGNISED:
            original = recognised.get((held.source.content_hash, origin))
            if original is not None and origin not in made.get(held.id, {}):
                with former.reading() as before, library.catalog.writing() as connection:
                    transcripts.put(connection, held.id, transcripts.of_source(before, original.id, origin))


def make_transcripts(
    library: Library,
    jobs: Sequence[Job],
    media: MediaFormat,
    limits: ExtractionLimits,
    workers: int,
    on_done: Callable[[Job, str | None], None],
    control: Control = FREE,
) -> TranscriptSummary:
    """Make them in ``workers`` limited processes and commit each; ``on_done(job, problem)`` hears of each.

    A file whose words cannot be had keeps what was found, and the reason. A recogniser that cannot be used at all is
    passed over from then on; its transcripts stay pending. So do all that ``control`` leaves no time for.
    """
    if not jobs:
        return TranscriptSummary()
    made: Counter[Origin] = Counter()
    unusable: dict[Origin, str] = {}
    limits = replace(limits, memory_megabytes=limits.memory_megabytes + _model_megabytes(jobs))
    crew = [ExtractionWorker(media, limits) for _ in range(max(1, min(workers, len(jobs))))]
    idle: queue.SimpleQueue[ExtractionWorker] = queue.SimpleQueue()
    for worker in crew:
        idle.put(worker)

    def is_over() -> bool:
        return control.stop() or control.give_way()

    def work(job: Job) -> Transcript | RecogniserError | None:
        while control.hold() is not None and not is_over():
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        if job.wanted.origin in unusable or is_over():
            return None
        worker = idle.get()
        try:
            return _made(worker, job, limits)
        except RecogniserError as error:
            return error
        finally:
            idle.put(worker)

    threads = ThreadPoolExecutor(max_workers=len(crew))
    try:
        futures = {threads.submit(work, job): job for job in jobs}
        while futures and not is_over():
            for future in wait(futures, _SECONDS_BETWEEN_LOOKS, FIRST_COMPLETED).done:
                job, result = futures.pop(future), future.result()
                if isinstance(result, RecogniserError):
                    unusable.setdefault(job.wanted.origin, str(result))
                elif result is not None:
                    with library.catalog.writing() as connection:
                        for source in job.sources:
                            transcripts.put(connection, source.id, result)
                    made[job.wanted.origin] += len(job.sources)
                on_done(job, result.problem if isinstance(result, Transcript) else None)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        for worker in crew:
            worker.interrupt()
        threads.shutdown()
        for worker in crew:
            worker.close()
    return TranscriptSummary(dict(made), tuple(unusable.values()), left=len(futures))


def _made(worker: ExtractionWorker, job: Job, limits: ExtractionLimits) -> Transcript:
    segments: list[TextSegment] = []
    problem = None
    room = limits.text_megabytes * 1e6
    try:
        for segment in worker.transcribe(Path(job.sources[0].source.path), job.wanted):
            room -= len(segment.text)
            if room < 0:
                break
            segments.append(segment)
    except ExtractionError as error:
        problem = str(error)
    return Transcript(job.wanted.origin, job.made_from, tuple(segments), problem)


def _wanted(
    held: StoredSource, notes: Mapping[Origin, str], recognisers: Recognisers
) -> Iterator[tuple[Transcription, str]]:
    """What a source's transcripts should be, each with the note it would bear."""
    kind, suffix = held.source.kind, Path(held.source.path).suffix.lower()
    if recognisers.ocr and (kind == "image" or suffix in _MAY_BE_SCANNED):
        yield Transcription("recognised"), PICTURE_READER
    if is_recording(held.source.path):
        states = _states(subtitles_beside(Path(held.source.path)))
        if kind == "video" or states or "subtitle" in notes:  # a sound has hardly ever a track of text inside
            note = "; ".join(f"{path} {status.st_size} {status.st_mtime_ns}" for path, status in states.items())
            yield Transcription("subtitle", tuple(states)), note
        if recognisers.speech is not None:
            yield Transcription("speech", model=str(recognisers.speech.folder)), recognisers.speech.name


def _states(files: Sequence[Path]) -> dict[str, os.stat_result]:
    found = {}
    for path in files:
        try:
            found[str(path)] = path.stat()
        except OSError:  # gone since it was listed
            continue
    return found


def _is_as_indexed(held: StoredSource) -> bool:
    """Whether the file is there and unchanged; if not, the next run has to index it before its words are looked for."""
    try:
        return FileState.of(Path(held.source.path).stat()) == held.source.state
    except OSError:
        return False


def _model_megabytes(jobs: Sequence[Job]) -> int:
    folders = {job.wanted.model for job in jobs if job.wanted.model}
    size = sum(path.stat().st_size for folder in folders for path in Path(folder).glob("*") if path.is_file())
    return _MEMORY_PER_MODEL_BYTE * size // 1_000_000
