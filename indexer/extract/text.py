"""Plain text and Markdown: passages of prose."""

from pathlib import Path

from indexer.extract.decode import read_text
from indexer.extract.passages import PROSE, text_pieces
from indexer.extract.registry import Span
from indexer.pieces import Extraction, ExtractionLimits, MediaFormat


def extract(path: Path, media: MediaFormat, limits: ExtractionLimits, span: Span | None) -> Extraction:
    """The passages of a text file, cut between paragraphs where possible. Raises ExtractionError."""
    text = read_text(path, limits)
    return Extraction("text", None, text_pieces(text, media.passage_characters, PROSE))
