"""What is said in sounds and soundtracks (faster-whisper: a Whisper model run by CTranslate2)."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from indexer.errors import RecogniserError
from indexer.extract.audio import Sound, samples
from indexer.extract.container import open_recording
from indexer.pieces import ExtractionLimits
from storage.records import TextSegment

_RATE = 16_000
"""Hertz, of every Whisper model."""

_STRETCH_SECONDS, _PAUSE_SECONDS = 120, 20
"""A recording is heard in stretches that end at the quietest moment of their last seconds: memory stays bounded."""

_QUIET = _RATE // 10


def spoken_words(path: Path, limits: ExtractionLimits, model: Path) -> Iterator[TextSegment | None]:
    """The phrases said in a recording with their times; None after each stretch of it.

    ``model`` is a folder with a Whisper model in CTranslate2's form. Where no voice is detected nothing is looked for,
    because a Whisper model invents words there. Raises ExtractionError, RecogniserError.
    """
    whisper = _whisper(model)
    recording = open_recording(path)
    with recording.container:
        if recording.audio is None:
            return
        for start, sound in stretches(samples(recording, _RATE, 0.0, limits.media_hours * 3600)):
            phrases, _ = whisper.transcribe(sound, vad_filter=True, condition_on_previous_text=False)
            for phrase in phrases:
                if text := phrase.text.strip():
                    begin, end = start / _RATE + phrase.start, start / _RATE + phrase.end
                    yield TextSegment(text, "speech", round(begin, 2), round(end, 2))
            yield None


def stretches(chunks: Iterator[Sound]) -> Iterator[tuple[int, Sound]]:
    """(offset in samples, samples) of stretches of at most _STRETCH_SECONDS, without gaps or overlaps."""
    length, offset, held = _STRETCH_SECONDS * _RATE, 0, np.zeros(0, np.float32)
    waiting: list[Sound] = []
    count = 0
    for chunk in chunks:
        waiting.append(chunk)
        count += len(chunk)
        while count >= length:
            held = np.concatenate(waiting)
            cut = _quietest(held[:length])
            yield offset, held[:cut]
            offset += cut
            waiting, count = [held[cut:]], len(held) - cut
    if count:
        yield offset, np.concatenate(waiting)


def _quietest(sound: Sound) -> int:
    """The middle of the quietest tenth of a second near the end of ``sound``, as an offset."""
    first = len(sound) - _PAUSE_SECONDS * _RATE
    end = sound[first:]
    energy = np.square(end[: len(end) // _QUIET * _QUIET].reshape(-1, _QUIET)).sum(axis=1)
    return first + int(np.argmin(energy)) * _QUIET + _QUIET // 2


@lru_cache(maxsize=1)
def _whisper(model: Path) -> Any:
    try:
        from faster_whisper import WhisperModel
    except ImportError as error:
        raise RecogniserError(f"speech cannot be recognised: {error.name} is not installed") from error
    for name in ("model.bin", "tokenizer.json"):
        if not (model / name).is_file():
            raise RecogniserError(f"{model}: no Whisper model for CTranslate2 ({name} is missing)")
    try:
        return WhisperModel(str(model), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)
    except MemoryError:
        raise
    except Exception as error:
        said = " ".join(str(error).split())[:200]
        raise RecogniserError(f"{model}: the speech model cannot be loaded ({said})") from error
