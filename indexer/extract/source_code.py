"""Source code and configuration: passages that end at blank lines or line ends, indentation kept."""

from pathlib import Path

from indexer.extract.decode import read_text
from indexer.extract.passages import CODE, text_pieces
from indexer.extract.registry import Span
from indexer.pieces import Extraction, ExtractionLimits, MediaFormat


def extract(path: Path, media: MediaFormat, limits: ExtractionLimits, span: Span | None) -> Extraction:
    """The passages of a source file, cut between its blocks where possible. Raises ExtractionError."""
    text = read_text(path, limits, declared=True)
    return Extraction("text", None, text_pieces(text, media.passage_characters, CODE))
