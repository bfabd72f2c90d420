"""Small pictures of what was found: a photo, a page, a moment of a film, the waveform of a sound.

Files are untrusted, so they are decoded in the limited worker processes, as for indexing; here only arrays of pixels
and samples arrive.
"""

import io
import queue
from collections import OrderedDict
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.errors import ExtractionError
from indexer.extract.registry import format_of
from indexer.extract.sandbox import ExtractionWorker
from indexer.pieces import ExtractedPiece, ExtractionLimits, MediaFormat
from storage.records import Modality

SIDES = {"small": 384, "large": 1024}
"""Pixels of the shorter side."""

_CACHED_BYTES = 64 * 1024 * 1024
_TEXT_CHARACTERS = 100_000
_WAVE_SIZE = (480, 120)
_WAVE_COLOUR = (76, 132, 214, 255)
_WAVE_SECONDS = 60.0
_FRAME_SECONDS = 1.0


@dataclass(frozen=True)
class Wanted:
    """A picture of a file, or of the place in it from ``start`` to ``end`` seconds or on ``page``.

    ``modified_ns`` makes a changed file another one.
    """

    path: Path
    modified_ns: int
    side: int
    start: float | None = None
    end: float | None = None
    page: int | None = None


class Previews:
    """Pictures made on demand by ``workers`` processes and kept, the most recently used ones, up to 64 MiB."""

    def __init__(self, limits: ExtractionLimits, workers: int = 2) -> None:
        self._limits = limits
        self._idle: queue.SimpleQueue[dict[int, ExtractionWorker]] = queue.SimpleQueue()
        for _ in range(workers):
            self._idle.put({})
        self._workers = workers
        self._kept: OrderedDict[Wanted, tuple[bytes, str]] = OrderedDict()
        self._kept_bytes = 0
        self._lock = Lock()

    def close(self) -> None:
        """End the processes. Waits for pictures that are being made."""
        for _ in range(self._workers):
            for worker in self._idle.get().values():
                worker.close()

    def picture(self, wanted: Wanted) -> tuple[bytes, str]:
        """The bytes of a picture and its media type. Raises ExtractionError when there is nothing to be seen."""
        with self._lock:
            if wanted in self._kept:
                self._kept.move_to_end(wanted)
                return self._kept[wanted]
        made = self._make(wanted)
        with self._lock:
            if wanted not in self._kept:
                self._kept[wanted] = made
                self._kept_bytes += len(made[0])
            while self._kept_bytes > _CACHED_BYTES and len(self._kept) > 1:
                _, (data, _) = self._kept.popitem(last=False)
                self._kept_bytes -= len(data)
        return made

    def text(self, path: Path, page: int | None = None) -> str:
        """The text of a file, or of one page of it, up to 100,000 characters. Raises ExtractionError if it has none."""
        text = ""
        if not _is_timed(path):
            with self._worker(SIDES["small"]) as worker:
                pieces = worker.open(path).pieces
                try:
                    text = _text(pieces, page)
                finally:
                    _break_off(pieces)
        if not text:
            raise ExtractionError("there is no text in it")
        return text

    def _make(self, wanted: Wanted) -> tuple[bytes, str]:
        span = None
        if wanted.start is not None:
            span = (wanted.start, max(wanted.start + _FRAME_SECONDS, wanted.end or 0.0))
        elif _is_timed(wanted.path):
            span = (0.0, _WAVE_SECONDS)
        with self._worker(wanted.side) as worker:
            opened = worker.open(wanted.path, span)
            try:
                return _picture(opened.kind, opened.pieces, wanted.page)
            finally:
                _break_off(opened.pieces)

    @contextmanager
    def _worker(self, side: int) -> Iterator[ExtractionWorker]:
        mine = self._idle.get()
        try:
            if side not in mine:
                mine[side] = ExtractionWorker(MediaFormat(image_size=side), self._limits)
            yield mine[side]
        finally:
            self._idle.put(mine)


def _break_off(pieces: Iterator[ExtractedPiece]) -> None:
    """End an iteration while the worker is still ours: left to itself it would end in another's hands."""
    if isinstance(pieces, Generator):
        pieces.close()


def _is_timed(path: Path) -> bool:
    format = format_of(path)
    return format is not None and format.kind in ("audio", "video")


def _picture(kind: Modality, pieces: Iterator[ExtractedPiece], page: int | None) -> tuple[bytes, str]:
    """What is to be seen in the first piece that shows anything, or in the sound of all of them."""
    shown: ExtractedPiece | None = None
    sounds: list[ExtractedPiece] = []
    for piece in pieces:  # to the end where that is near: a worker that is broken off has to be replaced
        if shown is None and piece.frames is not None and page in (None, piece.page):
            shown = piece
            if kind == "document":
                break
        if piece.sound is not None and kind == "audio":
            sounds.append(piece)
            if (piece.start or 0.0) - (sounds[0].start or 0.0) > _WAVE_SECONDS:
                break
    if shown is not None and shown.frames is not None:
        return _jpeg(shown.frames[len(shown.frames) // 2 if shown.modality == "video" else 0])
    if not sounds:
        raise ExtractionError("there is nothing in it to be seen")
    return _waveform(sounds)


def _text(pieces: Iterator[ExtractedPiece], page: int | None) -> str:
    passages: list[str] = []
    left = _TEXT_CHARACTERS
    for piece in pieces:
        if not piece.text or page not in (None, piece.page):
            continue
        passages.append(piece.text[:left])
        left -= len(passages[-1])
        if left <= 0:
            break
    return "\n\n".join(passages)


def _jpeg(pixels: NDArray[np.uint8]) -> tuple[bytes, str]:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=82)
    return data.getvalue(), "image/jpeg"


def _waveform(windows: list[ExtractedPiece]) -> tuple[bytes, str]:
    """The loudest sample of each column, mirrored, on a clear ground; windows overlap, the later one counts."""
    first = windows[0].start or 0.0
    rate = MediaFormat().sample_rate
    length = max(
        int(((each.start or 0.0) - first) * rate) + len(each.sound) for each in windows if each.sound is not None
    )
    samples = np.zeros(length, dtype=np.float32)
    for each in windows:
        assert each.sound is not None
        at = int(((each.start or 0.0) - first) * rate)
        samples[at : at + len(each.sound)] = np.abs(each.sound)
    width, height = _WAVE_SIZE
    edges = np.linspace(0, length, width + 1).astype(int)[:-1]
    peaks = np.maximum.reduceat(samples, edges)
    peaks /= max(float(peaks.max()), 1e-6)
    half = np.maximum((peaks * (height / 2 - 2)).astype(int), 1)
    rows = np.abs(np.arange(height)[:, None] - height // 2)
    pixels = np.zeros((height, width, 4), dtype=np.uint8)
    pixels[rows <= half[None, :]] = _WAVE_COLOUR
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    return data.getvalue(), "image/png"
