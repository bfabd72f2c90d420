"""Animated GIF, WebP, PNG and AVIF: cut into moments as a short video is, because that is what they show."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from indexer.errors import ExtractionError
from indexer.extract.cuts import GRID
from indexer.extract.frames import SAMPLES_PER_SECOND, Sample, moments, shots, spread
from indexer.extract.pictures import fitted, on_paper
from indexer.extract.registry import Span
from indexer.pieces import ExtractedPiece, Extraction, ExtractionLimits, MediaFormat

ANIMATED = ("GIF", "WEBP", "PNG", "AVIF")
"""Formats, as Pillow names them, in which several pictures follow each other in time; in TIFF they are pages."""

_TOO_FAST = 0.01
"""Seconds: what browsers show no faster than ten times a second, because it is often meant as "no matter"."""


def animation(
    path: Path, picture: Image.Image, media: MediaFormat, limits: ExtractionLimits, span: Span | None
) -> Extraction | None:
    """The moments of an animation, at most ``limits.frames`` pictures of it; None when it has a single picture.

    ``picture`` is the file, opened; its pictures are looked through once for their times. Raises ExtractionError, and
    what Pillow raises.
    """
    times = _times(picture, limits)
    if len(times) < 3:
        return None
    start, end = span or (0.0, times[-1])
    if start >= times[-1]:
        raise ExtractionError(f"the span is outside: the animation is only {times[-1]:.1f} s long")
    pieces = _pieces(path, media, times, start, min(end, times[-1]))
    return Extraction("video", times[-1], pieces, None, picture.size)


def _times(picture: Image.Image, limits: ExtractionLimits) -> list[float]:
    """When each picture comes, in seconds, and at last the end."""
    times = [0.0]
    for number in range(min(getattr(picture, "n_frames", 1), limits.frames)):
        picture.seek(number)
        if picture.format in ("WEBP", "AVIF"):
            picture.load()  # until then, the time is that of the picture before
        seconds = float(picture.info.get("duration") or 0) / 1000
        times.append(times[-1] + (seconds if seconds > _TOO_FAST else 0.1))
    picture.seek(0)
    return times


def _pieces(path: Path, media: MediaFormat, times: list[float], start: float, end: float) -> Iterator[ExtractedPiece]:
    with Image.open(path, formats=ANIMATED) as picture:
        samples = _samples(picture, media, times, start, end)
        for begin, finish, chosen in moments(shots(samples), start, lambda: end):
            frames = spread(chosen, begin, finish, media.frames_per_moment)
            yield ExtractedPiece("video", frames=frames, start=round(begin, 3), end=round(finish, 3))


def _samples(
    picture: Image.Image, media: MediaFormat, times: list[float], start: float, end: float
) -> Iterator[Sample]:
    """The pictures on show at SAMPLES_PER_SECOND even times; one that lasts longer counts as often as it is seen."""
    last: tuple[int, np.ndarray, np.ndarray] | None = None
    number = 0
    for tick in range(max(1, int(np.ceil((end - start) * SAMPLES_PER_SECOND - 1e-6)))):
        time = start + tick / SAMPLES_PER_SECOND
        while number + 2 < len(times) and times[number + 1] <= time + 1e-6:
            number += 1
        if last is None or last[0] != number:
            picture.seek(number)
            shown = on_paper(picture)
            small = np.asarray(shown.resize((GRID, GRID), Image.Resampling.BOX))
            last = number, fitted(shown, media.image_size), small
        yield Sample(time, time, last[1], last[2])
