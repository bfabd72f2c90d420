"""What extraction hands to embedding: pieces of a file, decoded to arrays, and the form and limits they must keep."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storage.records import Modality

SILENCE = 10 ** (-60 / 20)
"""Peak amplitude (-60 dBFS) below which a sound holds nothing that can be heard."""


@dataclass(frozen=True)
class ExtractedPiece:
    """The smallest thing that gets an embedding of its own.

    ``text`` is a passage, or the text of a page ("" when the page has none).
    ``frames`` are RGB pictures, uint8 of shape (count, height, width, 3): one for an image or a page, several for a
    moment of video. ``sound`` is float32 of shape (samples,), mono, in [-1, 1], at ``MediaFormat.sample_rate``.
    ``start`` and ``end`` are seconds from the beginning of the file; ``page`` counts from 1. ``melody`` goes with a
    sound: codes of its pitches, uint8 of shape (frames, voices), as ``indexer.extract.melody`` makes them.
    """

    modality: Modality
    text: str | None = None
    frames: NDArray[np.uint8] | None = None
    sound: NDArray[np.float32] | None = None
    start: float | None = None
    end: float | None = None
    page: int | None = None
    melody: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class MediaFormat:
    """The form in which an embedder wants its pieces, so that nothing larger travels between processes.

    Pictures come with their shorter side at ``image_size`` pixels (smaller ones are enlarged, and the longer side is
    cropped about the centre to four times the shorter); sound at ``sample_rate`` hertz in windows of
    ``window_seconds`` that start every ``hop_seconds``; a moment of video as ``frames_per_moment`` pictures; passages
    of at most ``passage_characters``.
    """

    image_size: int = 224
    sample_rate: int = 44_100
    window_seconds: float = 5.0
    hop_seconds: float = 2.5
    frames_per_moment: int = 4
    passage_characters: int = 900


@dataclass(frozen=True)
class ExtractionLimits:
    """How much one file may cost. What goes beyond is refused (pixels, memory, seconds) or cut off (the others)."""

    seconds: float = 600.0
    memory_megabytes: int = 2048
    megapixels: float = 200.0
    pages: int = 2000
    frames: int = 1_500_000
    media_hours: float = 12.0
    text_megabytes: float = 20.0
    file_megabytes: float = 50_000.0


@dataclass(frozen=True)
class Extraction:
    """One file while it is being taken apart: its kind by content, its length in seconds if it has one, its pieces.

    ``recorded``: when it was made, in seconds since 1970, if the file says so. ``dimensions``: width and height in
    pixels, of a picture (as it is shown) or a film.
    """

    kind: Modality
    duration: float | None
    pieces: Iterator[ExtractedPiece]
    recorded: float | None = None
    dimensions: tuple[int, int] | None = None
