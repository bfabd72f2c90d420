"""Video cut into moments: parts of one shot, a few seconds long, each shown by a few pictures."""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.errors import ExtractionError
from indexer.extract.container import Reading, Recording, check_span, too_short
from indexer.extract.cuts import GRID, NEIGHBOURS, change, is_cut
from indexer.extract.pictures import LONGEST, fitted, fitted_size
from indexer.extract.registry import Span
from indexer.pieces import ExtractedPiece, ExtractionLimits, MediaFormat

SAMPLES_PER_SECOND = 4
SHORTEST_MOMENT = 1.0
LONGEST_MOMENT = 10.0

_SHOT_HELD = 5 * LONGEST_MOMENT
"""A shot longer than this is handed on in part, so that no more of it has to be held."""

PASSED_OVER: Literal["NONREF", "NONKEY", "DEFAULT"] = "NONREF"
"""Pictures that are not decoded: those that no other picture is made from. Measured by benchmarks/decode_less.py."""

_KEY_PICTURES_ONLY = 150e9
"""Pixels in a film above which only its key pictures are decoded: some minutes' work for one core."""


@dataclass(frozen=True)
class Sample:
    """A picture of the film at ``time`` seconds: ``frame`` in its final size, ``small`` to compare it by.

    ``since`` is the time of the first picture that was passed over before it (its own if there was none): when a shot
    is found to begin with this sample, its true beginning lies between the two.
    """

    time: float
    since: float
    frame: NDArray[np.uint8]
    small: NDArray[np.uint8]

    @property
    def shot_start(self) -> float:
        return (self.since + self.time) / 2


def video_pieces(
    recording: Recording, media: MediaFormat, limits: ExtractionLimits, span: Span | None
) -> Iterator[ExtractedPiece]:
    """The moments of a film (or of ``span``), in order.

    Raises ExtractionError when the span is outside, a picture is too large, or (at the end) much is missing.
    """
    check_span(span, recording.duration)
    start, end = span or (0.0, math.inf)
    end = min(end, start + limits.media_hours * 3600)
    reader = _Reader(recording, media, limits, start, end)
    for begin, finish, samples in moments(shots(reader.samples()), start, reader.end_of):
        frames = spread(samples, begin, finish, media.frames_per_moment)
        yield ExtractedPiece("video", frames=frames, start=round(begin, 3), end=round(finish, 3))
    reader.check_complete()


class _Reader:
    """Decodes about SAMPLES_PER_SECOND pictures a second and remembers how far it came."""

    def __init__(
        self, recording: Recording, media: MediaFormat, limits: ExtractionLimits, start: float, end: float
    ) -> None:
        if recording.video is None:
            raise ExtractionError("no video in it")
        self._recording = recording
        self._stream = recording.video
        self._media = media
        self._limits = limits
        self._start = start
        self._end = end
        self._reading = Reading(recording)
        self._reached = 0.0
        self._stopped_early = False
        self._found = False
        self._decoded = 0

    def samples(self) -> Iterator[Sample]:
        context = self._stream.codec_context
        context.thread_type = "AUTO"
        context.skip_frame = "NONKEY" if self._is_long() else PASSED_OVER
        self._recording.seek(self._start)
        due = self._start
        passed_over: float | None = None
        every_picture_is_whole = context.codec.intra_only
        for packet in self._reading.packets(self._stream):
            if packet.pts is not None and packet.time_base:
                time = float(packet.pts * packet.time_base) - self._recording.origin
                self._reached = max(self._reached, time + float((packet.duration or 0) * packet.time_base))
                if every_picture_is_whole and self._start <= time < due - 1e-3:
                    passed_over = time if passed_over is None else passed_over
                    continue
            for frame in self._reading.frames(packet):
                if not isinstance(frame, av.VideoFrame) or frame.time is None:
                    continue
                time = frame.time - self._recording.origin
                self._decoded += 1
                if time >= self._end or self._decoded > self._limits.frames:
                    self._stopped_early = True
                    return
                if time < due - 1e-3:
                    passed_over = time if passed_over is None and self._found else passed_over
                    continue
                due = (math.floor(time * SAMPLES_PER_SECOND + 1e-3) + 1) / SAMPLES_PER_SECOND
                self._found = True
                yield self._sample(frame, time, passed_over if passed_over is not None else time)
                passed_over = None
        if not self._found and 0 < self._reached <= self._start:
            raise too_short(self._reached)

    def end_of(self) -> float:
        """The end of the last moment, once all samples are read."""
        if self._decoded > self._limits.frames:
            return self._reached
        return min(self._end, max(self._reached, self._promised() or 0.0))

    def check_complete(self) -> None:
        if not self._found:
            raise ExtractionError("damaged: its video cannot be decoded")
        if not self._stopped_early:
            self._reading.check_complete()

    def _promised(self) -> float | None:
        if self._stream.duration and self._stream.time_base:
            return float(self._stream.duration * self._stream.time_base)
        return self._recording.duration if self._recording.audio is None else None

    def _is_long(self) -> bool:
        context = self._stream.codec_context
        length = min(self._end, self._recording.duration or 0.0) - self._start
        pictures = length * float(self._stream.average_rate or 25)
        return pictures * context.width * context.height > _KEY_PICTURES_ONLY

    def _sample(self, frame: av.VideoFrame, time: float, since: float) -> Sample:
        if frame.width * frame.height > self._limits.megapixels * 1e6:
            raise ExtractionError(
                f"the picture is too large: {frame.width} x {frame.height} pixels, "
                f"the limit is {self._limits.megapixels:g} million"
            )
        aspect = self._stream.sample_aspect_ratio
        shown_width = max(1, round(frame.width * float(aspect))) if aspect else frame.width
        if max(shown_width, frame.height) > LONGEST * min(shown_width, frame.height):
            picture = Image.fromarray(frame.to_ndarray(format="rgb24").astype(np.uint8)).resize(
                (shown_width, frame.height)
            )
            pixels = fitted(picture, self._media.image_size)
        else:
            width, height = fitted_size(shown_width, frame.height, self._media.image_size)
            pixels = frame.reformat(width, height, "rgb24", interpolation="AREA").to_ndarray().astype(np.uint8)
        turned = np.rot90(pixels, round(frame.rotation / 90) % 4)
        small = Image.fromarray(pixels).resize((GRID, GRID), Image.Resampling.BOX)
        return Sample(time, since, np.ascontiguousarray(turned), np.asarray(small))


def shots(samples: Iterable[Sample]) -> Iterator[tuple[Sample, bool]]:
    """Each sample, and whether a shot begins with it. Looks NEIGHBOURS samples ahead."""
    held: deque[Sample] = deque()
    changes: list[float] = []  # changes[-len(held):] belong to the held samples
    before: Sample | None = None
    for sample in samples:
        changes.append(change(before.small, sample.small) if before is not None else 0.0)
        before = sample
        held.append(sample)
        if len(held) > NEIGHBOURS:
            yield held.popleft(), is_cut(changes, len(changes) - len(held) - 1)
            del changes[: -2 * NEIGHBOURS - 2]
    while held:
        yield held.popleft(), is_cut(changes, len(changes) - len(held) - 1)


def moments(
    samples: Iterable[tuple[Sample, bool]], start: float, end_of: Callable[[], float]
) -> Iterator[tuple[float, float, list[Sample]]]:
    """(start, end, samples) of each moment: shots of at least SHORTEST_MOMENT, split evenly above LONGEST_MOMENT.

    ``end_of()`` is the end of the last one, asked when all samples are read.
    """
    shot: list[Sample] = []
    cut: int | None = None  # where the next shot may begin, once it proves long enough
    for sample, begins in samples:
        if not shot and sample.time - start > 0.5:
            start = sample.time
        if begins and cut is None and shot and sample.shot_start - start >= SHORTEST_MOMENT:
            cut = len(shot)
        shot.append(sample)
        if cut is not None and sample.time - shot[cut].shot_start >= SHORTEST_MOMENT:
            yield from _evenly(shot[:cut], start, shot[cut].shot_start)
            shot, start, cut = shot[cut:], shot[cut].shot_start, None
        if cut is None and sample.time - start > _SHOT_HELD:
            middle = start + _SHOT_HELD - LONGEST_MOMENT
            yield from _evenly([each for each in shot if each.time < middle], start, middle)
            shot, start = [each for each in shot if each.time >= middle], middle
    if not shot:
        return
    end = max(end_of(), start)
    if cut is not None and end - shot[cut].shot_start >= SHORTEST_MOMENT:
        yield from _evenly(shot[:cut], start, shot[cut].shot_start)
        shot, start = shot[cut:], shot[cut].shot_start
    yield from _evenly(shot, start, end)


def _evenly(shot: list[Sample], start: float, end: float) -> Iterator[tuple[float, float, list[Sample]]]:
    count = max(1, math.ceil((end - start) / LONGEST_MOMENT - 1e-6))
    length = (end - start) / count
    for number in range(count):
        begin, finish = start + number * length, start + (number + 1) * length
        yield begin, finish, [each for each in shot if begin <= each.time < finish] or shot


def spread(samples: list[Sample], start: float, end: float, count: int) -> NDArray[np.uint8]:
    """``count`` pictures at even distances, uint8 of shape (count, height, width, 3); repeated if there are fewer."""
    times = [start + (number + 0.5) / count * (end - start) for number in range(count)]
    chosen = [min(samples, key=lambda sample: abs(sample.time - time)).frame for time in times]
    # A film may change its shape half-way: then the moment keeps to the shape it began with.
    return np.stack([frame if frame.shape == chosen[0].shape else chosen[0] for frame in chosen])
