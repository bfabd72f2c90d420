"""Documents, presentations and workbooks as LibreOffice saves them."""

import itertools
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lxml.etree import LxmlError
from odfdo import Document, Element, Table

from indexer.errors import ExtractionError
from indexer.extract.office import cell_text, check_package, seconds, under_headings, up_to
from indexer.extract.passages import LINES, PROSE
from indexer.extract.registry import Span
from indexer.extract.sections import Section, section_pieces
from indexer.extract.tables import named_rows
from indexer.pieces import Extraction, ExtractionLimits, MediaFormat

_MOST_ROWS = 200_000
"""A sheet may say of one empty row that it is repeated a million times."""

_PARAGRAPHS = "descendant::text:h|descendant::text:p"


def extract(path: Path, media: MediaFormat, limits: ExtractionLimits, span: Span | None) -> Extraction:
    """The sections of a text, the slides of a presentation or the sheets of a workbook, as passages.

    Raises ExtractionError.
    """
    check_package(path)
    try:
        with zipfile.ZipFile(path) as package:
            if b"encryption-data" in package.read("META-INF/manifest.xml"):
                raise ExtractionError("password-protected")
        document = Document(path)
        kind = document.get_type()
        recorded = seconds(document.meta.creation_date)
        if kind == "spreadsheet":
            pieces = section_pieces(_sheets(document, limits), media.passage_characters, LINES)
        elif kind == "presentation":
            pieces = section_pieces(_slides(document, limits), media.passage_characters, PROSE)
        else:
            sections = (Section(text) for text in under_headings(_blocks(document.body)))
            pieces = section_pieces(sections, media.passage_characters, PROSE)
        return Extraction("document", None, pieces, recorded)
    except (KeyError, ValueError, OSError, LxmlError, zipfile.BadZipFile) as error:
        raise ExtractionError("damaged: it cannot be opened as an OpenDocument file") from error


def _blocks(parent: Element) -> Iterator[tuple[bool, str]]:
    """(is a heading, text) of the paragraphs, lists and tables of a text in order."""
    for child in parent.children:
        if isinstance(child, Table):
            yield False, "\n".join(named_rows(_cells(child)))
        elif child.tag in ("text:p", "text:h"):
            yield child.tag == "text:h", child.text_recursive
        elif child.tag != "text:tracked-changes":  # what was deleted is not there any more
            yield from _blocks(child)


def _slides(document: Document, limits: ExtractionLimits) -> Iterator[Section]:
    for number, slide in enumerate(document.body.get_draw_pages()[: limits.pages], start=1):
        texts = (paragraph.text_recursive.strip() for paragraph in slide.get_elements(_PARAGRAPHS))
        yield Section("\n\n".join(filter(None, texts)), number)


def _sheets(document: Document, limits: ExtractionLimits) -> Iterator[Section]:
    tables: list[Any] = document.body.get_elements("table:table")[: limits.pages]
    for number, table in enumerate(tables, start=1):
        rows = up_to(named_rows(_cells(table)), limits)
        if rows:
            yield Section(f"{table.name}\n{rows}", number)


def _cells(table: Table) -> Iterator[list[str]]:
    for row in itertools.islice(table.iter_values(), _MOST_ROWS):
        yield [cell_text(value) for value in row]
