"""Sound and video files: what a file is, is decided by its streams, because one container holds either."""

from collections.abc import Iterator
from pathlib import Path

from indexer.extract.audio import sound_pieces
from indexer.extract.container import check_span, open_recording
from indexer.extract.frames import video_pieces
from indexer.extract.recorded import container_moment
from indexer.extract.registry import Span
from indexer.pieces import ExtractedPiece, Extraction, ExtractionLimits, MediaFormat


def extract(path: Path, media: MediaFormat, limits: ExtractionLimits, span: Span | None) -> Extraction:
    """A video's moments, then the windows of its soundtrack; or a sound's windows. Raises ExtractionError."""
    recording = open_recording(path)
    with recording.container:
        check_span(span, recording.duration if not recording.length_is_guessed else None)
        streams = [stream.metadata for stream in (recording.video, recording.audio) if stream is not None]
        recorded = container_moment(recording.container.metadata, *streams)
        video = recording.video
        dimensions = (video.codec_context.width, video.codec_context.height) if video is not None else None
    duration = min(recording.duration, limits.media_hours * 3600) if recording.duration is not None else None
    if video is not None:
        return Extraction("video", duration, _moments_then_sound(path, media, limits, span), recorded, dimensions)
    return Extraction("audio", duration, _sound(path, media, limits, span, at_least_one=True), recorded)


def _moments_then_sound(
    path: Path, media: MediaFormat, limits: ExtractionLimits, span: Span | None
) -> Iterator[ExtractedPiece]:
    recording = open_recording(path)
    with recording.container:
        yield from video_pieces(recording, media, limits, span)
    if recording.audio is not None:
        yield from _sound(path, media, limits, span, at_least_one=False)


def _sound(
    path: Path, media: MediaFormat, limits: ExtractionLimits, span: Span | None, *, at_least_one: bool
) -> Iterator[ExtractedPiece]:
    recording = open_recording(path)
    with recording.container:
        yield from sound_pieces(recording, media, limits, span, at_least_one=at_least_one)
