"""PDF, XPS and comics: one piece a page, its text and its picture together."""

# mypy: disable-error-code="no-untyped-call"

import mmap
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pymupdf
from numpy.typing import NDArray
from PIL import Image

from indexer.errors import ExtractionError
from indexer.extract.pictures import cropped, fitted, fitted_size
from indexer.extract.recorded import moment
from indexer.extract.registry import Span
from indexer.pieces import ExtractedPiece, Extraction, ExtractionLimits, MediaFormat

PAGE_CHARACTERS = 4000
_MOST_BAD_PAGES = 0.1

_STAMP_CHARACTERS = 40
"""A page with less text than this may still be a scanned one: programs stamp a number or their name on them."""


def extract(path: Path, media: MediaFormat, limits: ExtractionLimits, span: Span | None) -> Extraction:
    """The pages of a document, at most ``limits.pages``: text ("" if none) and a frame of shape (1, height, width, 3).

    Raises ExtractionError: password-protected, copy-protected, damaged, no pages; at the end of the iteration when
    more than a tenth of the pages cannot be drawn.
    """
    document = _opened(path)
    recorded = moment((document.metadata or {}).get("creationDate") or "")
    count = min(document.page_count, limits.pages)
    return Extraction("document", None, _pages(document, count, media.image_size), recorded)


def pages_without_text(path: Path, limits: ExtractionLimits, shorter: int) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """(number, picture) of the pages that have hardly a character of text, such as scanned ones.

    Pictures are RGB, uint8 of shape (height, width, 3), the shorter side ``shorter`` pixels. Raises ExtractionError.
    """
    with _opened(path) as document:
        for index in range(min(document.page_count, limits.pages)):
            try:
                page = document.load_page(index)
                if len(_tidy(page.get_text("text"))) < _STAMP_CHARACTERS:
                    yield index + 1, drawn(page, shorter)
            except (RuntimeError, ValueError) as error:
                if "malloc" in str(error):
                    raise MemoryError from error


def _opened(path: Path) -> pymupdf.Document:
    """A document that can be read and has pages. Raises ExtractionError."""
    document = open_document(path, path.suffix[1:].lower().replace("oxps", "xps"))
    if document.needs_pass:
        raise ExtractionError("password-protected")
    if document.is_pdf and _end_is_missing(path, document.is_repaired):
        raise ExtractionError("damaged: the end of the file is missing")
    try:
        count = document.page_count
    except (RuntimeError, ValueError) as error:
        raise failure(error, "damaged: its pages cannot be found") from error
    if count == 0:
        raise ExtractionError("damaged: it has no pages")
    return document


def open_document(path: Path, filetype: str) -> pymupdf.Document:
    """The document, by MuPDF, which is told to keep quiet. Raises ExtractionError."""
    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)
    try:
        try:
            os.fspath(path).encode()
        except UnicodeEncodeError:  # MuPDF knows UTF-8 names alone: give it another name of the same file
            with path.open("rb") as file:
                return pymupdf.open(f"/dev/fd/{file.fileno()}", filetype=filetype)
        return pymupdf.open(path, filetype=filetype)
    except (RuntimeError, ValueError) as error:
        raise failure(error, "damaged: it cannot be opened as a document") from error


def _pages(document: pymupdf.Document, count: int, image_size: int) -> Iterator[ExtractedPiece]:
    bad = 0
    with document:
        for index in range(count):
            try:
                page = document.load_page(index)
                text = _tidy(page.get_text("text"))
                frame = drawn(page, image_size)
            except (RuntimeError, ValueError) as error:
                if "malloc" in str(error):
                    raise MemoryError from error
                bad += 1
                continue
            yield ExtractedPiece("document", text=text, frames=frame[np.newaxis], page=index + 1)
    if bad > count * _MOST_BAD_PAGES:
        raise ExtractionError(f"damaged: {bad} of {count} pages cannot be read")


def _tidy(text: str) -> str:
    return re.sub(r"[ \t]+", " ", re.sub(r"\s*\n\s*", "\n", text)).strip()[:PAGE_CHARACTERS]


def drawn(page: pymupdf.Page, image_size: int) -> NDArray[np.uint8]:
    """The page drawn straight at its final size; a page longer than the rule allows is drawn in part."""
    bounds = page.rect
    if bounds.is_empty or bounds.is_infinite:
        raise ValueError("a page without a size")
    # Hundredths of a point: the rule counts in whole numbers.
    left, top, right, bottom = (side / 100 for side in cropped(round(bounds.width * 100), round(bounds.height * 100)))
    width, height = fitted_size(round(bounds.width * 100), round(bounds.height * 100), image_size)
    clip = pymupdf.Rect(bounds.x0 + left, bounds.y0 + top, bounds.x0 + right, bounds.y0 + bottom)
    zoom = pymupdf.Matrix(width / clip.width, height / clip.height)
    drawn = page.get_pixmap(matrix=zoom, clip=clip, colorspace=pymupdf.csRGB, alpha=False)
    picture = Image.frombytes("RGB", (drawn.width, drawn.height), drawn.samples)
    if picture.size != (width, height):  # a rounded edge of one pixel
        picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    return fitted(picture, image_size)


def _end_is_missing(path: Path, repaired: bool) -> bool:
    """Whether a PDF was cut off; MuPDF makes do with what is there and says only whether it ``repaired`` the file.

    A whole PDF ends with "%%EOF", perhaps with junk after it. A file of which the end is gone has none, or (it was
    saved in several steps, or for the web) has one with more objects after it.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        last = data.rfind(b"%%EOF")
        return repaired if last < 0 else re.search(rb"\d+\s+\d+\s+obj\b", data[last:]) is not None


def failure(error: Exception, reason: str) -> Exception:
    """What to raise for an error of MuPDF: no memory, or ``reason``."""
    return MemoryError() if "malloc" in str(error) else ExtractionError(reason)
