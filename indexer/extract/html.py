"""Web pages: the title, then what a reader sees of the body."""

import re
from pathlib import Path

from bs4 import BeautifulSoup
from bs4.element import NavigableString, PreformattedString, Tag

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
_ITEMS = ("li", "tr", "dt", "dd")


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
    for tag in soup.find_all(list(_UNSEEN)):
        tag.decompose()
    for tag in soup.select("[role=navigation], [hidden]"):
        if not tag.decomposed:
            tag.decompose()
    for string in soup.find_all(string=True):
        _flatten(string)
    for tag in soup.find_all("br"):
        tag.replace_with("\n")
    for tag in soup.find_all(_BLOCKS):
        _set_apart(tag)
    lines = "\n".join(" ".join(line.split(" ")).strip() for line in soup.get_text().split("\n"))
    body = re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]{2,}", " ", lines)).strip()
    return body if not title or body.startswith(title) else f"{title}\n\n{body}".strip()


def _flatten(string: NavigableString) -> None:
    """Line ends in the source of a page are spaces, except where the page says that they count; comments go."""
    if isinstance(string, PreformattedString):
        string.extract()
    elif string.find_parent("pre") is None:
        string.replace_with(NavigableString(re.sub(r"\s+", " ", string)))


def _set_apart(tag: Tag) -> None:
    gap = " " if tag.name in ("td", "th") else "\n" if tag.name in _ITEMS else "\n\n"
    tag.insert_before(gap)
    tag.insert_after(gap)
