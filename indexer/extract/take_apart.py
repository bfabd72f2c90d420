"""One file taken apart: the checks that hold for every kind of file, then the format's own module.

This is what the worker process runs. It trusts nothing about the file but its name's extension, and that not far.
"""

import stat
from collections.abc import Iterator
from pathlib import Path

from indexer.errors import ExtractionError
from indexer.extract.registry import Format, Span, format_of
from indexer.extract.sniff import content_of, head_of
from indexer.pieces import ExtractedPiece, Extraction, ExtractionLimits, MediaFormat


def take_apart(path: Path, media: MediaFormat, limits: ExtractionLimits, span: Span | None = None) -> Extraction:
    """Open one file; its pieces are decoded while they are iterated.

    Raises ExtractionError with the reason, here or during the iteration, whatever is wrong with the file; MemoryError
    alone is let through, because only the process knows its limit.
    """
    try:
        format = format_of(path)
        if format is None:
            raise ExtractionError(f"files named {path.suffix or 'without an extension'} are not read")
        _check(path, format, span)
        opened = format.extract(path, media, limits, span)
        if span is not None and opened.kind not in ("audio", "video"):  # a picture may prove to be an animation
            raise _no_span()
    except (ExtractionError, MemoryError):
        raise
    except Exception as error:
        raise _unforeseen(error) from error
    return Extraction(opened.kind, opened.duration, _guarded(opened.pieces), opened.recorded, opened.dimensions)


def _guarded(pieces: Iterator[ExtractedPiece]) -> Iterator[ExtractedPiece]:
    empty = True
    try:
        for piece in pieces:
            empty = False
            yield piece
    except (ExtractionError, MemoryError):
        raise
    except Exception as error:
        raise _unforeseen(error) from error
    if empty:
        raise ExtractionError("there is nothing in it to search for")


def _check(path: Path, format: Format, span: Span | None) -> None:
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise ExtractionError("it is gone") from error
    if not stat.S_ISREG(status.st_mode):
        raise ExtractionError("it is a directory" if stat.S_ISDIR(status.st_mode) else "it is not an ordinary file")
    if status.st_size == 0:
        raise ExtractionError("the file is empty")
    if span is not None:
        if format.kind in ("text", "document"):
            raise _no_span()
        if not 0 <= span[0] < span[1]:
            raise ExtractionError("the span must begin at 0 or later and end after it begins")
    try:
        head = head_of(path)
    except PermissionError as error:
        raise ExtractionError("you may not read it") from error
    content = content_of(head)
    sloppy_pdf = format.kind == "document" and b"%PDF-" in head[:1024]  # junk before the header is common and harmless
    if content is not None and content.kind not in format.contents and not sloppy_pdf:
        raise ExtractionError(f"named {path.suffix}, but its content is {content.name}")


def _no_span() -> ExtractionError:
    return ExtractionError("a span of seconds needs a sound or a video")


def _unforeseen(error: Exception) -> ExtractionError:
    said = " ".join(str(error).split())[:200]
    return ExtractionError(f"it cannot be read: {said or type(error).__name__}")
