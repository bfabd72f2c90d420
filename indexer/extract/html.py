"""Web pages: the title, then what a reader sees of the body."""

import re
from collections.abc import Iterator
from pathlib import Path

from bs4 import BeautifulSoup
from bs4.element import NavigableString, PageElement, PreformattedString, Tag

from indexer.errors import ExtractionError
from indexer.extract.decode import read_text
from indexer.extract.passages import PROSE, text_pieces
from indexer.extract.registry import Span
from indexer.pieces import Extraction, ExtractionLimits, MediaFormat

_UNSEEN = ("head", "script", "style", "noscript", "template", "nav", "svg", "iframe", "object", "select", "button")
_BLOCKS = (  # noqa: SIM905 - reads better so
    "address article aside blockquote body caption dd details div dl dt fieldset figcaption figure footer form "
    "h1 h2 h3 h4 h5 h6 header hr html li main ol p pre section summary table tbody td tfoot th thead tr ul"
).split()
_GAPS = dict.fromkeys(_BLOCKS, "\n\n") | dict.fromkeys(("li", "tr", "dt", "dd", "br"), "\n") | {"td": " ", "th": " "}


def extract(path: Path, media: MediaFormat, limits: ExtractionLimits, span: Span | None) -> Extraction:
    """The passages of a web page, without scripts, styles and navigation. Raises ExtractionError."""
    text = visible_text(read_text(path, limits, declared=True))
    if not text:
        raise ExtractionError("there is no text in it")
    return Extraction("text", None, text_pieces(text, media.passage_characters, PROSE))


def visible_text(page: str) -> str:
    """The title and the readable text of an HTML page, paragraphs apart by a blank line."""
    soup = BeautifulSoup(page, "html.parser")
    title = " ".join(soup.title.get_text().split()) if soup.title else ""
    lines = re.sub(r"[ \t]{2,}", " ", "".join(_strings(soup))).split("\n")
    body = re.sub(r"\n{3,}", "\n\n", "\n".join(line.strip() for line in lines)).strip()
    return body if not title or body.startswith(title) else f"{title}\n\n{body}".strip()


def _strings(root: Tag) -> Iterator[str]:
    """What is seen of a page, in order. White space in its source is a space, except where the page says it counts."""
    stack: list[PageElement | str] = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, NavigableString):
            if not isinstance(node, PreformattedString):  # remarks and the like
                yield re.sub(r"\s+", " ", node)
        elif isinstance(node, str):
            yield node
        elif isinstance(node, Tag) and not _is_unseen(node):
            gap = _GAPS.get(node.name, "")
            yield gap
            stack.append(gap)
            stack.extend([node.get_text()] if node.name == "pre" else reversed(node.contents))


def _is_unseen(tag: Tag) -> bool:
    return tag.name in _UNSEEN or tag.get("role") == "navigation" or "hidden" in tag.attrs
