"""Sound and video files opened: which streams they hold, how long they are, and packets decoded with damage counted."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream

from indexer.errors import ExtractionError

# Only plain containers: playlists (HLS, DASH, concat) would make the library open other files, or the network.
_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,matroska,webm,avi,wav,w64,aiff,flac,mp3,ogg,aac",
}

_GUESSED_LENGTH = ("mp3", "aac")
"""Formats that may not say how long they are, so that the length is guessed from the first seconds."""

MOST_MISSING = 0.1
"""The share of a recording that may be missing or damaged before the file is refused."""

_IMPRECISE_SEEK = ("mp3", "aac", "flac")


@dataclass(frozen=True)
class Recording:
    """An open file. ``origin`` is the time stamp, in seconds, of its beginning; ``duration`` its promised length."""

    container: InputContainer
    video: VideoStream | None
    audio: AudioStream | None
    origin: float
    duration: float | None
    length_is_guessed: bool

    def seek(self, seconds: float) -> None:
        """Go to a place at or before ``seconds``; formats that cannot be trusted to do so stay at the beginning."""
        if seconds > 1 and self.container.format.name not in _IMPRECISE_SEEK:
            self.container.seek(int((seconds - 1 + self.origin) * av.time_base), backward=True)


def open_recording(path: Path) -> Recording:
    """Open a sound or video file. Close ``container`` after use. Raises ExtractionError."""
    _check_riff(path)
    container = open_container(path)
    video = next((each for each in container.streams.video if _moves(each)), None)
    audio = next((each for each in container.streams.audio if _decodable(each)), None)
    if video is None and audio is None:
        unknown = bool(container.streams.video or container.streams.audio)
        container.close()
        raise ExtractionError(
            "its sound or video is in an encoding that is not known" if unknown else "no sound or video in it"
        )
    duration = container.duration / av.time_base if container.duration and container.duration > 0 else None
    origin = (container.start_time or 0) / av.time_base
    return Recording(container, video, audio, origin, duration, container.format.name in _GUESSED_LENGTH)


def open_container(path: Path) -> InputContainer:
    """The file itself, whatever streams it holds. Raises ExtractionError."""
    try:
        return av.open("file:" + os.fspath(path), metadata_errors="replace", options=dict(_OPTIONS))
    except MemoryError:
        raise
    except av.error.FFmpegError as error:
        raise ExtractionError("damaged or cut off: no sound or video can be found in it") from error


def _check_riff(path: Path) -> None:
    """WAV and AVI say in their first bytes how long the file is; the library makes do with what is there."""
    with path.open("rb") as file:
        head = file.read(8)
    if head[:4] != b"RIFF":
        return
    promised, there = int.from_bytes(head[4:], "little") + 8, path.stat().st_size
    streamed = promised >= 0xFFFFFF00  # written without knowing the length
    if not streamed and promised - there > promised * MOST_MISSING:
        raise ExtractionError(f"truncated: {there / 1e6:.2f} of {promised / 1e6:.2f} MB are there")


def _moves(stream: VideoStream) -> bool:
    """Not the picture on a record's cover."""
    return _decodable(stream) and not stream.disposition & Disposition.attached_pic


def _decodable(stream: VideoStream | AudioStream) -> bool:
    return getattr(stream, "codec_context", None) is not None


class Reading:
    """How one reading of a file goes: packets decoded, packets that could not be, seconds reached by any stream."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self.decoded = 0
        self.failed = 0
        self.reached = 0.0

    def packets(self, stream: VideoStream | AudioStream) -> "Iterator[Packet[Any]]":
        """The packets of one stream, the final empty one included, as far as the file can be read."""
        units: dict[int, float] = {}  # seconds by stream; as a fraction, and asked of every packet, they take long
        try:
            for packet in self._recording.container.demux():
                index = packet.stream.index
                if packet.pts is not None:
                    if index not in units:
                        units[index] = float(packet.time_base or 0)
                    end = (packet.pts + (packet.duration or 0)) * units[index] - self._recording.origin
                    self.reached = max(self.reached, end)
                if index == stream.index:
                    yield packet
        except MemoryError:
            raise
        except av.error.FFmpegError:
            self.failed += 1

    def frames(self, packet: "Packet[Any]") -> Iterator[av.AudioFrame | av.VideoFrame]:
        """What the decoder gives for ``packet``; one that cannot be decoded is counted and passed over."""
        try:
            frames = packet.decode()
        except MemoryError:
            raise
        except av.error.FFmpegError:
            self.failed += 1
            return
        self.decoded += 1
        yield from frames

    def check_complete(self) -> None:
        """After the last packet: raises ExtractionError when a tenth or more of what is promised is not there."""
        promised = self._recording.duration
        if promised is not None and not self._recording.length_is_guessed:
            missing = promised - self.reached
            if missing > max(0.5, promised * MOST_MISSING):
                raise ExtractionError(f"truncated: {self.reached:.1f} of {promised:.1f} s are there")
        share = self.failed / max(1, self.decoded + self.failed)
        if share > MOST_MISSING and self.failed > 2:
            raise ExtractionError(f"damaged: {share:.0%} of it cannot be decoded")


def check_span(span: tuple[float, float] | None, duration: float | None) -> None:
    """Raises ExtractionError when ``span`` begins after the end of the recording."""
    if span is not None and duration is not None and span[0] >= duration:
        raise too_short(duration)


def too_short(duration: float) -> ExtractionError:
    return ExtractionError(f"the span is outside: the recording is only {duration:.1f} s long")
