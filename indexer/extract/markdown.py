"""Markdown: a passage never crosses from under one heading to under the next."""

import re
from collections.abc import Iterator
from pathlib import Path

from indexer.extract.decode import read_text
from indexer.extract.registry import Span
from indexer.extract.sections import Section, section_pieces
from indexer.pieces import Extraction, ExtractionLimits, MediaFormat

_HEADING = re.compile(r" {0,3}#{1,6}(?:\s|$)")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-{2,})\s*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


def extract(path: Path, media: MediaFormat, limits: ExtractionLimits, span: Span | None) -> Extraction:
    """The sections of a Markdown file as passages. Raises ExtractionError."""
    text = read_text(path, limits)
    sections = (Section(section) for section in by_heading(text))
    return Extraction("text", None, section_pieces(sections, media.passage_characters))


def by_heading(text: str) -> Iterator[str]:
    """The text cut before each heading (CommonMark's ``# Title`` and underlined ones) that is not inside code."""
    lines = text.split("\n")
    start, fence = 0, ""
    for number, line in enumerate(lines):
        mark = _FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence) and not line.strip(" `~"):
                fence = ""
            continue
        if mark:
            fence = mark[1]
            continue
        begins = number
        if not _HEADING.match(line):
            underlined = _UNDERLINE.match(line) and number > start and lines[number - 1].strip()
            if not underlined or (number > 1 and lines[number - 2].strip()):
                continue
            begins = number - 1
        if begins > start:
            yield "\n".join(lines[start:begins])
            start = begins
    yield "\n".join(lines[start:])
