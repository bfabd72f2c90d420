"""Long texts cut into passages at the places where a reader would pause."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from indexer.pieces import ExtractedPiece


@dataclass(frozen=True)
class Pause:
    """A place where a text may be cut: at the end of ``pattern``'s match, if the passage is then long enough.

    ``fill`` is that length as a share of the limit, so that one short paragraph before a long one is not left alone.
    """

    pattern: re.Pattern[str]
    fill: float = 0.0


_HEADING = Pause(re.compile(r"\n\s*\n(?=#{1,6} )"), 0.5)
_PARAGRAPH = Pause(re.compile(r"\n[^\S\n]*\n\s*"), 1 / 3)
_SENTENCE = Pause(re.compile(r"""[.!?…]["'”’)\]]*\s+|[。！？]"""), 1 / 3)
_LINE = Pause(re.compile(r"\n"), 1 / 3)
_WORD = Pause(re.compile(r"\s+"))

PROSE = (_HEADING, _PARAGRAPH, _SENTENCE, _LINE, _WORD)
CODE = (Pause(re.compile(r"\n[^\S\n]*\n(?=\S)"), 1 / 3), Pause(re.compile(r"\n[^\S\n]*\n"), 1 / 3), _LINE, _WORD)
LINES = (_LINE, _WORD)

# A last paragraph that announces what follows: "# Title", a short line without full stop, or one underlined.
_TRAILING_HEADING = re.compile(
    r"\n\s*\n(?:#{1,6} [^\n]*|[^\n]{1,80}\n[=~-]{3,}|[^\s\n\-*][^\n]{0,58}[^\s.!?,;:…])\s*\Z"
)

_BLANK_LINES = re.compile(r"\n(?:[^\S\n]*\n){2,}")


def passages(text: str, limit: int, pauses: tuple[Pause, ...] = PROSE) -> Iterator[str]:
    """Consecutive parts of ``text``, each of 1 to ``limit`` characters.

    Nothing but white space at the cuts is lost. A part ends at the first kind of pause in ``pauses`` that gives one,
    and as late as the limit allows; a word longer than the limit is cut.
    """
    text = _BLANK_LINES.sub("\n\n", text)
    position = 0
    while position < len(text):
        end = _end(text, position, limit, pauses)
        passage = text[position:end].strip("\n").rstrip()
        if passage.strip():
            yield passage
        position = end


def text_pieces(text: str, limit: int, pauses: tuple[Pause, ...] = PROSE) -> Iterator[ExtractedPiece]:
    """The passages of a text as pieces."""
    return (ExtractedPiece("text", text=passage) for passage in passages(text, limit, pauses))


def _end(text: str, start: int, limit: int, pauses: tuple[Pause, ...]) -> int:
    if len(text) - start <= limit:
        return len(text)
    window = text[start : start + limit]
    for pause in pauses:
        ends = [found.end() for found in pause.pattern.finditer(window)]
        long_enough = [end for end in ends if end > 0 and end >= pause.fill * limit]
        if long_enough:
            end = long_enough[-1]
            heading = _TRAILING_HEADING.search(window, 0, end) if pauses is PROSE else None
            return start + (heading.start() if heading and heading.start() > 0 else end)
    return start + limit
