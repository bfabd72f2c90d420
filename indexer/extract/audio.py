"""Sound cut into overlapping windows, decoded as a stream: memory does not grow with the length of the file."""

import functools
from collections.abc import Iterator

import av
import numpy as np
from numpy.typing import NDArray

from indexer.errors import ExtractionError
from indexer.extract.container import MOST_MISSING, Reading, Recording, check_span, too_short
from indexer.extract.melody import melody
from indexer.extract.registry import Span
from indexer.pieces import SILENCE, ExtractedPiece, ExtractionLimits, MediaFormat

Sound = NDArray[np.float32]

_HOLE_SECONDS = 0.25
"""Time stamps jump a little in sound files; a jump larger than this is a hole in the recording."""

_JOINED = 16_384


def sound_pieces(
    recording: Recording, media: MediaFormat, limits: ExtractionLimits, span: Span | None, *, at_least_one: bool
) -> Iterator[ExtractedPiece]:
    """The audible windows of a recording's sound; with ``at_least_one`` the first window if all are silent.

    Raises ExtractionError when the span is outside, or (at the end) when much less could be decoded than is promised.
    """
    check_span(span, recording.duration)
    start, end = span or (0.0, float("inf"))
    end = min(end, start + limits.media_hours * 3600)
    first: ExtractedPiece | None = None
    audible = False
    for offset, sound in windows(samples(recording, media.sample_rate, start, end), media):
        begin = start + offset / media.sample_rate
        finish = begin + len(sound) / media.sample_rate
        tune = melody(sound, media.sample_rate)
        piece = ExtractedPiece("audio", sound=sound, start=round(begin, 3), end=round(finish, 3), melody=tune)
        first = first or piece
        if float(np.abs(sound).max()) >= SILENCE:
            audible = True
            yield piece
    if first is not None and at_least_one and not audible:
        yield first


def windows(chunks: Iterator[Sound], media: MediaFormat) -> Iterator[tuple[int, Sound]]:
    """(offset in samples, window) for a stream of samples that arrives in chunks of any size.

    Windows of ``media.window_seconds`` start every ``media.hop_seconds``, and the last one reaches the end: a rest
    shorter than half a hop is added to it, so it may be half a hop longer than the others; a longer rest makes a
    window of its own. A sound shorter than a window is one window.
    """
    length, hop = round(media.window_seconds * media.sample_rate), round(media.hop_seconds * media.sample_rate)
    enough = length + (hop + 1) // 2  # with this much at hand, the window at hand is not the last one
    offset = 0
    waiting: list[Sound] = []
    held = 0
    for chunk in chunks:
        waiting.append(chunk)
        held += len(chunk)
        if held < enough:
            continue
        sound = np.concatenate(waiting)
        while len(sound) >= enough:
            yield offset, sound[:length].copy()
            sound = sound[hop:]
            offset += hop
        waiting, held = [sound.copy()], len(sound)
    if held:
        yield offset, np.concatenate(waiting)


def samples(recording: Recording, rate: int, start: float, end: float) -> Iterator[Sound]:
    """Mono samples from ``start`` to ``end`` seconds without holes: what the file leaves out in between is silence.

    They come a second or more at a time, in [-1, 1]; the last may be fewer.
    """
    waiting: list[Sound] = []
    held = 0
    for sound in _without_holes(recording, rate, start, end):
        waiting.append(sound)
        held += len(sound)
        if held >= rate:
            yield _in_range(np.concatenate(waiting))
            waiting, held = [], 0
    if held:
        yield _in_range(np.concatenate(waiting))


def _without_holes(recording: Recording, rate: int, start: float, end: float) -> Iterator[Sound]:
    reading = Reading(recording)
    recording.seek(start)
    wanted = (end - start) * rate
    latest = ((recording.duration or 0.0) - start) * rate
    position: int | None = None  # of the next sample, counted from ``start``: negative before it
    heard = 0
    for time, sound in _resampled(recording, rate, reading):
        place = None if time is None else round((time - start) * rate)
        if position is None:
            near = place is None or abs(place) <= _HOLE_SECONDS * rate
            position = 0 if start == 0 and near else min(0, place or 0)
        if place is not None and place - position > _HOLE_SECONDS * rate and place <= latest:
            yield from _silence(max(position, 0), min(place, wanted), rate)
            position = place
        kept = sound[max(0, -position) : max(0, int(min(len(sound), wanted - position)))]
        if len(kept):
            yield kept
        heard += len(sound)
        position += len(sound)
        if position >= wanted:
            return
    if heard == 0:
        _nothing_heard(recording, reading, start)
    elif position is not None and position <= 0:
        raise too_short(start + position / rate)
    else:
        reading.check_complete()
        _check_heard(recording, heard / rate, start)


def _silence(begin: float, end: float, rate: int) -> Iterator[Sound]:
    for done in range(int(begin), int(end), rate):
        yield np.zeros(min(rate, int(end) - done), np.float32)


def _nothing_heard(recording: Recording, reading: Reading, start: float) -> None:
    """A video may have an empty soundtrack, or one that ends before the span; a sound may not."""
    if recording.video is not None and reading.failed == 0:
        return
    if start > 0 and reading.failed == 0:
        raise too_short(reading.reached)
    raise ExtractionError("damaged: its sound cannot be decoded")


def _check_heard(recording: Recording, heard: float, start: float) -> None:
    """Some decoders pass over damage without a word: then less comes out than the stream promises."""
    stream = recording.audio
    if start > 0 or stream is None or not stream.duration or not stream.time_base or recording.length_is_guessed:
        return
    promised = float(stream.duration * stream.time_base)
    if promised - heard > max(0.5, promised * MOST_MISSING):
        raise ExtractionError(f"damaged: {heard:.1f} of {promised:.1f} s of its sound could be decoded")


def _resampled(recording: Recording, rate: int, reading: Reading) -> Iterator[tuple[float | None, Sound]]:
    """(time in seconds from the beginning of the file, mono samples) for frames that follow each other."""
    resampler, form, full = None, None, np.float32(1)
    for time, frame in _joined(_frames(recording, reading)):
        if resampler is None or form != _form(frame):
            form = _form(frame)
            resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
            full = _full_scale(frame.layout.name)
        for output in resampler.resample(frame):
            yield (None if time is None else time - recording.origin), _mono(output) / full
    if resampler is not None:
        for output in resampler.resample(None):
            yield None, _mono(output) / full


@functools.cache
def _full_scale(layout: str) -> np.float32:
    """What becomes of all channels at full scale when they are mixed down: 1.41 of stereo, 3.41 of 5.1.

    The library keeps the loudness of sounds that differ; what loud music has in common would be cut off at 1.
    """
    try:
        channels = av.AudioLayout(layout).nb_channels
        frame = av.AudioFrame.from_ndarray(np.ones((1, 64 * channels), np.float32), "flt", layout)
        frame.sample_rate = 48_000
        (mixed,) = av.AudioResampler(format="flt", layout="mono", rate=48_000).resample(frame)
    except (ValueError, av.error.FFmpegError):  # channels of unknown places are not mixed by place
        return np.float32(1)
    return max(np.float32(1), _mono(mixed).max())


def _frames(recording: Recording, reading: Reading) -> Iterator[av.AudioFrame]:
    if recording.audio is None:
        return
    for packet in reading.packets(recording.audio):
        for frame in reading.frames(packet):
            if isinstance(frame, av.AudioFrame) and frame.samples > 0:
                yield frame


def _joined(frames: Iterator[av.AudioFrame]) -> Iterator[tuple[float | None, av.AudioFrame]]:
    """(time stamp in seconds, frame): those with no hole between them in one frame, up to _JOINED samples.

    A frame of most codecs is a fortieth of a second, and to resample each alone takes twice as long as all of them.
    """
    fifo, first, began = av.AudioFifo(), None, None
    for frame in frames:
        time = frame.time
        if first is not None:
            if time is None or began is None:
                is_next = time is began
            else:
                is_next = abs(time - began - fifo.samples / frame.sample_rate) < _HOLE_SECONDS / 2
            if fifo.samples >= _JOINED or not is_next or _form(frame) != first:
                yield began, _all_of(fifo)
                fifo, first = av.AudioFifo(), None
        if first is None:
            first, began = _form(frame), time
        frame.pts = None
        fifo.write(frame)
    if first is not None:
        yield began, _all_of(fifo)


def _all_of(fifo: av.AudioFifo) -> av.AudioFrame:
    frame = fifo.read()
    assert frame is not None  # something was written
    return frame


def _form(frame: av.AudioFrame) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


def _mono(frame: av.AudioFrame) -> Sound:
    return frame.to_ndarray().reshape(-1).astype(np.float32, copy=False)


def _in_range(sound: Sound) -> Sound:
    return np.clip(np.nan_to_num(sound, nan=0.0), -1.0, 1.0)
