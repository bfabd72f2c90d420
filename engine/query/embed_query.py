"""From a query to points in the library's space: a query file goes through the same extraction as the library's."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from engine.errors import QueryError
from engine.query.query import LikeFile, Query
from indexer.embedder import Embedder
from indexer.errors import ExtractionError
from indexer.extract.sandbox import ExtractionWorker
from indexer.pieces import ExtractedPiece, ExtractionLimits
from storage.records import MODALITIES, Modality

# What is not wanted only bends the query: at full weight it would outvote what is wanted.
_AGAINST = 0.5
_PIECES_PER_BATCH = 32


@dataclass(frozen=True)
class QueryVector:
    """One reading of a query: a unit vector, shape (dimension,), and the modality of what it was made from."""

    modality: Modality
    vector: NDArray[np.float32]


def embed_query(query: Query, embedder: Embedder, limits: ExtractionLimits) -> list[QueryVector]:
    """The readings of ``query``. Most have one; a video has two, what it shows and how it sounds.

    Words and files together are added, what is not wanted is subtracted at half weight. Raises QueryError.
    """
    wanted = [_readings(file, embedder, limits) for file in query.like]
    if query.words and query.words.strip():
        wanted.append([_embed_words(query.words, embedder)])
    against = [_embed_words(words, embedder).vector for words in query.not_words]
    against += [_mean([r.vector for r in _readings(file, embedder, limits)]) for file in query.not_like]
    return [_combine(combination, against) for combination in product(*wanted)]


def _combine(wanted: Sequence[QueryVector], against: Sequence[NDArray[np.float32]]) -> QueryVector:
    vector = _mean([reading.vector for reading in wanted])
    if against:
        vector = _unit(vector - _AGAINST * _mean(against))
    return QueryVector(wanted[0].modality, vector)


def _embed_words(words: str, embedder: Embedder) -> QueryVector:
    return QueryVector("text", embedder.embed([ExtractedPiece("text", text=words)])[0])


def _readings(file: LikeFile, embedder: Embedder, limits: ExtractionLimits) -> list[QueryVector]:
    """One vector for each modality found in the file: the mean over its pieces."""
    path = file.path.resolve()
    found: dict[Modality, list[NDArray[np.float32]]] = {modality: [] for modality in MODALITIES}
    try:
        with ExtractionWorker(embedder.media, limits) as worker:
            waiting: list[ExtractedPiece] = []
            for piece in worker.open(path, file.span).pieces:
                waiting.append(piece)
                if len(waiting) == _PIECES_PER_BATCH:
                    _embed_into(found, waiting, embedder)
                    waiting = []
            _embed_into(found, waiting, embedder)
    except ExtractionError as error:
        raise QueryError(f"{file.path}: {error}") from error
    readings = [QueryVector(modality, _mean(vectors)) for modality, vectors in found.items() if vectors]
    if not readings:
        raise QueryError(f"{file.path}: there is nothing in it to search by")
    return readings


def _embed_into(
    found: dict[Modality, list[NDArray[np.float32]]], pieces: Sequence[ExtractedPiece], embedder: Embedder
) -> None:
    if pieces:
        for piece, vector in zip(pieces, embedder.embed(pieces), strict=True):
            found[piece.modality].append(vector)


def _mean(vectors: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    return _unit(np.mean(vectors, axis=0, dtype=np.float32))


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    return vector / np.float32(max(float(np.linalg.norm(vector)), 1e-12))
