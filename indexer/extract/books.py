"""EPUB and Mobipocket: their pages are laid out anew on every reader, so a section is cut into passages instead."""

# mypy: disable-error-code="no-untyped-call"

import zipfile
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pymupdf

from indexer.errors import ExtractionError
from indexer.extract.pages import drawn, failure, open_document
from indexer.extract.passages import PROSE, passages
from indexer.extract.recorded import moment
from indexer.extract.registry import Span
from indexer.pieces import ExtractedPiece, Extraction, ExtractionLimits, MediaFormat

PASSAGE_CHARACTERS = 1800
_MOST_BAD_PAGES = 0.1


def extract(path: Path, media: MediaFormat, limits: ExtractionLimits, span: Span | None) -> Extraction:
    """The passages of a book, section by section, each with the picture of the page it begins on.

    At most ``limits.pages`` pages are read. A section without text (a cover, a plate) is one piece with text "".
    Raises ExtractionError: copy-protected, damaged, nothing in it.
    """
    if zipfile.is_zipfile(path) and _copy_protected(path):
        raise ExtractionError("copy-protected: the shop's own reader alone can open it")
    document = open_document(path, "epub" if zipfile.is_zipfile(path) else path.suffix[1:].lower())
    try:
        count = document.page_count
        starts = _section_starts(document, count)
    except (RuntimeError, ValueError) as error:
        raise failure(error, "damaged: its pages cannot be found") from error
    if count == 0:
        raise ExtractionError("damaged: it has no pages")
    recorded = moment((document.metadata or {}).get("creationDate") or "")
    return Extraction("document", None, _pieces(document, starts, min(count, limits.pages), media), recorded)


def _section_starts(document: pymupdf.Document, count: int) -> list[int]:
    """The first page, from 0, of each file and each entry of the table of contents."""
    starts = {0}
    number = 0
    for chapter in range(document.chapter_count):
        starts.add(number)
        number += document.chapter_page_count(chapter)
    starts |= {page - 1 for _, _, page in document.get_toc(simple=True) if 0 < page <= count}
    return sorted(start for start in starts if start < count)


def _pieces(document: pymupdf.Document, starts: list[int], count: int, media: MediaFormat) -> Iterator[ExtractedPiece]:
    bad = 0
    with document:
        for start, end in zip(starts, [*starts[1:], count], strict=True):
            texts: list[str] = []
            for number in range(start, min(end, count)):
                try:
                    texts.append(_text(document.load_page(number)))
                except (RuntimeError, ValueError) as error:
                    if "malloc" in str(error):
                        raise MemoryError from error
                    bad += 1
                    texts.append("")
            if texts:
                yield from _section(document, start, texts, media)
    if bad > count * _MOST_BAD_PAGES:
        raise ExtractionError(f"damaged: {bad} of {count} pages cannot be read")


def _section(document: pymupdf.Document, start: int, texts: list[str], media: MediaFormat) -> Iterator[ExtractedPiece]:
    # Paragraphs run on over the end of a page.
    offsets = [0]
    whole = ""
    for text in texts:
        whole += ("" if not whole or whole.endswith("\n") else "\n") + text
        offsets.append(len(whole) + 1)
    place = 0
    found = list(passages(whole, PASSAGE_CHARACTERS, PROSE)) or [""]
    for passage in found:
        place = max(whole.find(passage[:60], place), place)
        page = min(max(bisect_right(offsets, place) - 1, 0), len(texts) - 1)
        frame = drawn(document.load_page(start + page), media.image_size)
        yield ExtractedPiece("document", text=passage, frames=frame[np.newaxis], page=start + page + 1)


def _text(page: pymupdf.Page) -> str:
    """A paragraph a block of text, its lines joined."""
    blocks = [block for block in page.get_text("blocks") if block[6] == 0]
    return "\n\n".join(" ".join(block[4].split()) for block in blocks if block[4].strip())


def _copy_protected(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as book:
            return any(name in book.namelist() for name in ("META-INF/rights.xml", "META-INF/license.lcpl"))
    except zipfile.BadZipFile:
        return False
