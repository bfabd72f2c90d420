"""Web pages: the title, then the article without what stands around it; of a page that has none, all that is seen."""

import re
from collections.abc import Iterator
from pathlib import Path

import trafilatura
from bs4 import BeautifulSoup
from bs4.element import NavigableString, PageElement, PreformattedString, Tag

from indexer.errors import ExtractionError
from indexer.extract.decode import read_text
from indexer.extract.passages import PROSE, text_pieces
from indexer.extract.registry import Span
from indexer.pieces import Extraction, ExtractionLimits, MediaFormat

_SHORT = 500
"""Characters below which a page is taken whole: there is not enough to tell the article from the rest."""

_LEAST_ARTICLE = 0.2
"""The share of a page below which what was found is not the article, but a part of it."""

_UNSEEN = ("head", "script", "style", "noscript", "template", "nav", "svg", "iframe", "object", "select", "button")
_BLOCKS = (  # noqa: SIM905 - reads better so
    "address article aside blockquote body caption dd details div dl dt fieldset figcaption figure footer form "
    "h1 h2 h3 h4 h5 h6 header hr html li main ol p pre section summary table tbody td tfoot th thead tr ul"
).split()
_GAPS = dict.fromkeys(_BLOCKS, "\n\n") | dict.fromkeys(("li", "tr", "dt", "dd", "br"), "\n") | {"td": " ", "th": " "}


def extract(path: Path, media: MediaFormat, limits: ExtractionLimits, span: Span | None) -> Extraction:
    """The passages of a web page, without menus, notices and advertisements. Raises ExtractionError."""
    text = readable_text(read_text(path, limits, declared=True))
    if not text:
        raise ExtractionError("there is no text in it")
    return Extraction("text", None, text_pieces(text, media.passage_characters, PROSE))


def readable_text(page: str) -> str:
    """The title and the article of an HTML page (Barbaresi, "Trafilatura", ACL 2021), paragraphs apart by a blank line.

    All that is visible when there is no article to be found.
    """
    seen = visible_text(page)
    if len(seen) < _SHORT:
        return seen
    article = trafilatura.extract(page, output_format="html", favor_recall=True, include_comments=False)
    text = visible_text(article) if article else ""
    if len(text) < _LEAST_ARTICLE * len(seen):
        return seen
    title = seen.split("\n", 1)[0]
    return text if text.startswith(title) else f"{title}\n\n{text}"


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
