"""Tables in CSV or TSV: every row reads "column: value; column: value", several rows make a passage."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from indexer.extract.decode import read_text
from indexer.extract.passages import LINES, text_pieces
from indexer.extract.registry import Span
from indexer.pieces import Extraction, ExtractionLimits, MediaFormat

_SAMPLE = 64 * 1024


def extract(path: Path, media: MediaFormat, limits: ExtractionLimits, span: Span | None) -> Extraction:
    """The rows of a table as passages. Raises ExtractionError when the file is no text."""
    text = read_text(path, limits)
    try:
        written_out = "\n".join(rows_as_text(text, tabs=path.suffix.lower() == ".tsv"))
    except csv.Error:
        written_out = ""
    return Extraction("text", None, text_pieces(written_out or text, media.passage_characters, LINES))


def rows_as_text(text: str, *, tabs: bool = False) -> Iterator[str]:
    """One line a row; the first row names the columns when its cells are distinct words. Raises csv.Error."""
    return named_rows(csv.reader(io.StringIO(text, newline=""), _dialect(text, tabs)))


def named_rows(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The same for rows that are cells already; empty ones are passed over."""
    header: list[str] | None = None
    alone = False
    for row in rows:
        cells = [" ".join(cell.split()) for cell in row]
        if not any(cells):
            continue
        if header is None and _is_header(cells):
            header, alone = cells, True
            continue
        header = header if header is not None else []
        alone = False
        yield "; ".join(_named(header, column, cell) for column, cell in enumerate(cells) if cell)
    if header and alone:
        yield "; ".join(header)


def _dialect(text: str, tabs: bool) -> type[csv.Dialect]:
    if tabs:
        return csv.excel_tab
    try:
        return csv.Sniffer().sniff(text[:_SAMPLE], delimiters=",;\t|")
    except csv.Error:
        return csv.excel


def _is_header(cells: list[str]) -> bool:
    return len(cells) > 1 and len(set(cells)) == len(cells) and not any(_is_number(cell) or not cell for cell in cells)


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True


def _named(header: list[str], column: int, cell: str) -> str:
    return f"{header[column]}: {cell}" if column < len(header) else cell
