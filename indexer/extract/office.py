"""Word documents, presentations and workbooks as Office has saved them since 2007."""

import zipfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from lxml.etree import LxmlError

from indexer.errors import ExtractionError
from indexer.extract.passages import LINES, PROSE
from indexer.extract.registry import Span
from indexer.extract.sections import Section, section_pieces
from indexer.extract.tables import named_rows
from indexer.pieces import Extraction, ExtractionLimits, MediaFormat


def extract(path: Path, media: MediaFormat, limits: ExtractionLimits, span: Span | None) -> Extraction:
    """The sections of a document, the slides of a presentation or the sheets of a workbook, as passages.

    Raises ExtractionError.
    """
    check_package(path)
    kind = path.suffix.lower()[1:4]
    try:
        if kind == "doc":
            return _document(path, media)
        return _presentation(path, media, limits) if kind == "ppt" else _workbook(path, media, limits)
    except (KeyError, ValueError, OSError, LxmlError, zipfile.BadZipFile) as error:
        raise ExtractionError("damaged: it cannot be opened as an Office document") from error


def check_package(path: Path) -> None:
    """Raises ExtractionError when a document that is a ZIP archive is cut off or damaged as such."""
    try:
        with zipfile.ZipFile(path) as package:
            package.namelist()
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as error:
        raise ExtractionError("damaged or cut off: its parts cannot be found") from error


def seconds(when: datetime | None) -> float | None:
    """A time that a document says of itself, as the catalog counts it."""
    return when.timestamp() if when is not None and when.year > 1980 else None


def _document(path: Path, media: MediaFormat) -> Extraction:
    import docx

    document = docx.Document(str(path))
    sections = (Section(text) for text in under_headings(_blocks(document)))
    pieces = section_pieces(sections, media.passage_characters, PROSE)
    return Extraction("document", None, pieces, seconds(document.core_properties.created))


def under_headings(blocks: Iterable[tuple[bool, str]]) -> Iterator[str]:
    """The text of each section, from (is a heading, text) for every paragraph in order."""
    section: list[str] = []
    for is_heading, text in blocks:
        if is_heading and section:
            yield "\n\n".join(section)
            section = []
        if text.strip():
            section.append(text.strip())
    yield "\n\n".join(section)


def _blocks(document: Any) -> Iterator[tuple[bool, str]]:
    from docx.table import Table

    for block in document.iter_inner_content():
        if isinstance(block, Table):
            yield False, "\n".join(named_rows([cell.text for cell in row.cells] for row in block.rows))
        else:
            name = (block.style.name or "") if block.style is not None else ""
            yield name.startswith(("Heading", "Title")), block.text


def _presentation(path: Path, media: MediaFormat, limits: ExtractionLimits) -> Extraction:
    import pptx

    show = pptx.Presentation(str(path))
    slides = (
        Section("\n\n".join(_slide_texts(slide)), number)
        for number, slide in enumerate(show.slides, start=1)
        if number <= limits.pages
    )
    pieces = section_pieces(slides, media.passage_characters, PROSE)
    return Extraction("document", None, pieces, seconds(show.core_properties.created))


def _slide_texts(slide: Any) -> Iterator[str]:
    """The title, what the shapes say, and the speaker's notes."""
    yield from _shape_texts(slide.shapes)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        yield slide.notes_slide.notes_text_frame.text


def _shape_texts(shapes: Any) -> Iterator[str]:
    for shape in shapes:
        if hasattr(shape, "shapes"):
            yield from _shape_texts(shape.shapes)
        elif shape.has_text_frame and shape.text_frame.text.strip():
            yield shape.text_frame.text.strip().replace("\v", "\n")
        elif getattr(shape, "has_table", False):
            yield "\n".join(named_rows([cell.text for cell in row.cells] for row in shape.table.rows))


def _workbook(path: Path, media: MediaFormat, limits: ExtractionLimits) -> Extraction:
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    sheets = (
        Section(f"{sheet.title}\n{_rows(sheet, limits)}", number)
        for number, sheet in enumerate(book.worksheets, start=1)
        if number <= limits.pages
    )
    filled = (sheet for sheet in sheets if "\n" in sheet.text.strip())
    pieces = section_pieces(filled, media.passage_characters, LINES)
    return Extraction("document", None, pieces, seconds(book.properties.created))


def _rows(sheet: Any, limits: ExtractionLimits) -> str:
    rows = ([cell_text(value) for value in row] for row in sheet.iter_rows(values_only=True))
    return up_to(named_rows(rows), limits)


def up_to(lines: Iterable[str], limits: ExtractionLimits) -> str:
    """As many lines as a text file may have characters."""
    kept, size = [], 0
    for line in lines:
        kept.append(line)
        size += len(line)
        if size > limits.text_megabytes * 1e6:
            break
    return "\n".join(kept)


def cell_text(value: object) -> str:
    """What a cell shows, without the decimals and the midnight that its type brings with it."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.10g}"
    return str(value).removesuffix(" 00:00:00")
