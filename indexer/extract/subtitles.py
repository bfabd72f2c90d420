"""Subtitles as timed words: files of subtitles, and the text tracks inside a video."""

import html
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.stream import Discard
from av.subtitles.subtitle import AssSubtitle, SubtitleSet

from indexer.errors import ExtractionError
from indexer.extract.container import open_container
from indexer.extract.decode import read_text
from indexer.pieces import ExtractionLimits
from storage.records import TextSegment

_READERS = {"srt": "srt", "vtt": "webvtt", "ass": "ass", "ssa": "ass"}
"""File extension to the name of FFmpeg's reader."""

_OVERRIDE = re.compile(r"\{\\[^}]*\}")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")


def read_subtitle_file(path: Path, limits: ExtractionLimits) -> Iterator[TextSegment]:
    """The cues of a subtitle file in order, one segment each, in whatever encoding it was saved.

    Raises ExtractionError when it is no text, or holds no cue.
    """
    text = read_text(path, limits)
    found = False
    try:
        with av.open(
            io.BytesIO(text.encode(errors="replace")), mode="r", format=_READERS[path.suffix[1:].lower()]
        ) as container:
            for segment in _cues(container, 0.0):
                found = True
                yield segment
    except MemoryError:
        raise
    except av.error.FFmpegError as error:
        raise ExtractionError("damaged: it cannot be read as subtitles") from error
    if not found:
        raise ExtractionError("no subtitles in it")


def embedded_subtitles(path: Path) -> Iterator[TextSegment]:
    """The cues of all text tracks of a video; pictures of text (DVD, Blu-ray) are passed over.

    Raises ExtractionError when the file cannot be opened. A track that breaks off ends where it does.
    """
    with open_container(path) as container:
        if container.streams.subtitles:
            try:
                yield from _cues(container, (container.start_time or 0) / av.time_base)
            except MemoryError:
                raise
            except av.error.FFmpegError:
                return


def _cues(container: InputContainer, origin: float) -> Iterator[TextSegment]:
    for stream in container.streams:
        if stream.type != "subtitle":
            stream.discard = Discard.all
    latest: dict[int, str] = {}
    for packet in container.demux(*container.streams.subtitles):
        if packet.pts is None or not packet.time_base:
            continue
        text = _said(packet)
        # Captions that roll up repeat the line above.
        if not text or latest.get(packet.stream.index) == text:
            continue
        latest[packet.stream.index] = text
        start = max(0.0, float(packet.pts * packet.time_base) - origin)
        end = start + float((packet.duration or 0) * packet.time_base)
        yield TextSegment(text, "subtitle", round(start, 3), round(end, 3))


def _said(packet: "av.Packet[Any]") -> str:
    """The words of one cue without markup; "" when it has none or cannot be decoded."""
    try:
        sets: Any = packet.decode()
    except MemoryError:
        raise
    except av.error.FFmpegError:
        return ""
    rects = [rect for each in sets for rect in (each if isinstance(each, SubtitleSet) else (each,))]
    lines = [rect.dialogue.decode("utf-8", "replace") for rect in rects if isinstance(rect, AssSubtitle)]
    plain = _TAG.sub("", _OVERRIDE.sub("", "\n".join(lines))).replace("\\N", "\n").replace("\\h", " ")
    return "\n".join(filter(None, (" ".join(line.split()) for line in html.unescape(plain).splitlines())))
