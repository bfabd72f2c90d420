"""From a row of the manifest to pieces: files are taken apart by the indexer, in its confined process."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from engine.errors import ModelError
from engine.train.pairs import Pair
from indexer.errors import ExtractionError
from indexer.extract.sandbox import ExtractionWorker
from indexer.pieces import ExtractedPiece, ExtractionLimits, MediaFormat

Reader = Callable[[Pair], ExtractedPiece]


@contextmanager
def _reader(worker: ExtractionWorker) -> Iterator[Reader]:
    with worker:
        yield lambda pair: read_piece(worker, pair)


def piece_reader(media: MediaFormat, limits: ExtractionLimits | None = None) -> AbstractContextManager[Reader]:
    """A function from rows to pieces, while the context lasts."""
    return _reader(ExtractionWorker(media, limits or ExtractionLimits()))


def read_piece(worker: ExtractionWorker, pair: Pair) -> ExtractedPiece:
    """The piece of ``pair``: its passage, or the first piece of its file (or page) with its modality.

    Raises ``ModelError`` naming the file when it cannot be read or has no such piece.
    """
    if pair.file is None:
        return ExtractedPiece("text", text=pair.passage)
    span = None if pair.start is None or pair.end is None else (pair.start, pair.end)
    found = None
    try:
        for piece in worker.open(pair.file, span).pieces:
            if found is None and piece.modality == pair.modality and pair.page in (None, piece.page):
                found = piece
                if pair.page is not None:
                    break  # a book may be long; elsewhere, reading to the end spares the process
    except ExtractionError as error:
        raise ModelError(f"{pair.file}: {error}") from error
    if found is not None:
        return found
    where = "" if pair.page is None else f" on page {pair.page}"
    raise ModelError(f"{pair.file}: there is no piece of modality {pair.modality}{where}")
