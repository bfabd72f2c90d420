"""Small real media files for these tests, encoded with the libraries that people's own files come from."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.subtitles.subtitle import SubtitleSet
from numpy.typing import NDArray

from indexer.extract.take_apart import take_apart
from indexer.pieces import ExtractedPiece, ExtractionLimits, MediaFormat

MEDIA = MediaFormat(image_size=64, sample_rate=16_000, window_seconds=10.0, hop_seconds=5.0)
LIMITS = ExtractionLimits()

_SUBTITLE_STYLE = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Alignment
Style: Default,Arial,16,&Hffffff,2

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def pieces_of(
    path: Path,
    span: tuple[float, float] | None = None,
    media: MediaFormat = MEDIA,
    limits: ExtractionLimits = LIMITS,
) -> list[ExtractedPiece]:
    """All pieces of a file, decoded in this process."""
    return list(take_apart(path, media, limits, span).pieces)


def tone(seconds: float, rate: int, hertz: float = 440.0, amplitude: float = 0.5) -> NDArray[np.int16]:
    """A sine, 16-bit samples of shape (1, samples)."""
    time = np.arange(round(seconds * rate)) / rate
    return (amplitude * np.sin(2 * np.pi * hertz * time) * 32767).astype(np.int16)[np.newaxis]


def write_sound(
    path: Path,
    samples: NDArray[np.int16],
    codec: str,
    rate: int = 48_000,
    layout: str = "mono",
    container: str | None = None,
) -> Path:
    """Encode mono samples of shape (1, samples)."""
    with av.open(str(path), "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate, layout=layout, options={"strict": "experimental"})
        _encode_sound(file, stream, samples, rate)
    return path


def _encode_sound(
    file: av.container.OutputContainer, stream: av.AudioStream, samples: NDArray[np.int16], rate: int
) -> None:
    whole = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
    whole.sample_rate, whole.pts, whole.time_base = rate, 0, Fraction(1, rate)
    resampler = av.AudioResampler(
        stream.codec_context.format,
        stream.codec_context.layout,
        rate,
        frame_size=stream.codec_context.frame_size or 1024,
    )
    for frame in [*resampler.resample(whole), *resampler.resample(None)]:
        file.mux(stream.encode(frame))
    file.mux(stream.encode(None))


def scenery(count: int, width: int = 160, height: int = 120, seed: int = 0) -> list[NDArray[np.uint8]]:
    """Pictures of coloured blocks, one for each scene."""
    random = np.random.default_rng(seed)
    return [
        random.integers(0, 256, (3, 4, 3), dtype=np.uint8).repeat(height // 3, 0).repeat(width // 4, 1)
        for _ in range(count)
    ]


def write_video(
    path: Path,
    codec: str = "libx264",
    *,
    seconds: float = 6.0,
    rate: int = 12,
    cuts: Sequence[float] = (2.0, 4.0),
    pictures: Sequence[NDArray[np.uint8]] | None = None,
    sound: tuple[str, NDArray[np.int16]] | None = None,
    rotation: int = 0,
    options: dict[str, str] | None = None,
    subtitles: tuple[str, Sequence[tuple[float, float, str]]] | None = None,
) -> Path:
    """A film that sways across one picture and cuts to the next at each of ``cuts`` seconds; ``sound`` at 48 kHz.

    ``subtitles``: the codec of a track of text, and (start, end, text) of each of its cues.
    """
    pictures = pictures or scenery(len(cuts) + 1)
    height, width, _ = pictures[0].shape
    with av.open(str(path), "w", container_options=options or {}) as file:
        stream = file.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuvj420p" if codec == "mjpeg" else "yuv420p"
        if rotation:
            stream.set_display_rotation(rotation)
        track = file.add_stream(sound[0], rate=48_000, layout="mono") if sound else None
        text_track = file.add_stream(subtitles[0]) if subtitles else None
        if text_track is not None:
            text_track.codec_context.subtitle_header = _SUBTITLE_STYLE
            text_track.time_base = Fraction(1, 1000)
            file.start_encoding()
        for number in range(round(seconds * rate)):
            picture = pictures[sum(number / rate >= cut for cut in cuts)]
            frame = av.VideoFrame.from_ndarray(np.roll(picture, abs(number % 16 - 8), axis=1), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
        if sound and track is not None:
            _encode_sound(file, track, sound[1], 48_000)
        if subtitles and text_track is not None:
            for start, end, text in subtitles[1]:
                cue = SubtitleSet.create(f"0,0,Default,,0,0,0,,{text}".encode(), 0, round((end - start) * 1000))
                packet = text_track.codec_context.encode_subtitle(cue)
                packet.stream, packet.time_base = text_track, Fraction(1, 1000)
                packet.pts = packet.dts = round(start * 1000)
                packet.duration = round((end - start) * 1000)
                file.mux(packet)
    return path


def cut_short(source: Path, target: Path, share: float = 0.5) -> Path:
    """A copy of which only the first ``share`` was written."""
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * share)])
    return target
