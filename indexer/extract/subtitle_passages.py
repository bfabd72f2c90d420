"""Files of subtitles as texts of their own: what is said within some seconds is one passage, with its times."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from indexer.extract.registry import Span
from indexer.extract.subtitles import read_subtitle_file
from indexer.pieces import ExtractedPiece, Extraction, ExtractionLimits, MediaFormat
from storage.records import TextSegment

_PAUSE_SECONDS = 8.0
"""Silence after which something else is being talked about."""

_SHARE = 1 / 3
"""Of the characters a passage may have: about twenty seconds of talk, so that its times say where to look."""


def extract(path: Path, media: MediaFormat, limits: ExtractionLimits, span: Span | None) -> Extraction:
    """The passages of a subtitle file. Raises ExtractionError."""
    return Extraction("text", None, _passages(read_subtitle_file(path, limits), int(media.passage_characters * _SHARE)))


def _passages(cues: Iterable[TextSegment], limit: int) -> Iterator[ExtractedPiece]:
    held: list[TextSegment] = []
    for cue in cues:
        size = sum(len(each.text) + 1 for each in held) + len(cue.text)
        if held and (size > limit or (cue.start or 0.0) - (held[-1].end or 0.0) > _PAUSE_SECONDS):
            yield _passage(held)
            held = []
        held.append(cue)
    if held:
        yield _passage(held)


def _passage(cues: list[TextSegment]) -> ExtractedPiece:
    ends = [cue.end for cue in cues if cue.end is not None]
    return ExtractedPiece(
        "text", text="\n".join(cue.text for cue in cues), start=cues[0].start, end=max(ends, default=cues[0].start)
    )
