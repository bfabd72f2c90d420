"""Texts that come in sections (under headings, on slides, one function after the other) made into passages."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from indexer.extract.passages import PROSE, Pause, passages
from indexer.pieces import ExtractedPiece

_SHORT = 0.2
"""The share of a passage below which a section is no passage of its own: a heading alone, a function of two lines."""


@dataclass(frozen=True)
class Section:
    """A part of a text that stands for itself. ``page`` is the slide, sheet or page it is on, from 1, if it has one."""

    text: str
    page: int | None = None


def section_pieces(
    sections: Iterable[Section], limit: int, pauses: tuple[Pause, ...] = PROSE
) -> Iterator[ExtractedPiece]:
    """Passages of at most ``limit`` characters that do not cross from one section into the next.

    A section too short to stand alone is put before the next one on the same page; a long one is cut at ``pauses``.
    """
    for section in _joined(sections, limit):
        for passage in passages(section.text, limit, pauses):
            yield ExtractedPiece("text", text=passage, page=section.page)


def _joined(sections: Iterable[Section], limit: int) -> Iterator[Section]:
    held: Section | None = None
    for section in sections:
        if not section.text.strip():
            continue
        if held is not None:
            both = f"{held.text.rstrip()}\n\n{section.text.lstrip(chr(10))}"
            if held.page == section.page and len(held.text.strip()) < _SHORT * limit and len(both) <= limit:
                held = Section(both, held.page)
                continue
            yield held
        held = section
    if held is not None:
        yield held
