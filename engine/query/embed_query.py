"""From the parts of a query to points in the library's space: a query file is taken apart like one of the library.

Unless the library holds it, and has done so already.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from engine.errors import QueryError
from engine.model.spaces import Asking
from engine.query.exact import without_quotes
from engine.query.held import same_source
from engine.query.query import LikeFile, LikeHit, Part, Query, Words
from indexer.decoders import Decoders
from indexer.errors import ExtractionError
from indexer.extract.sandbox import ExtractionWorker
from indexer.pieces import ExtractedPiece
from storage.catalog import Catalog
from storage.records import MODALITIES, Modality

AGAINST = -0.5
"""What a part that is not wanted counts: it bends the query, at full weight it would outvote what is wanted."""

_PIECES_PER_BATCH = 32

Vector = NDArray[np.float32]


@dataclass(frozen=True)
class PartVector:
    """One part of a query: a unit vector, shape (dimension,), what it was made from, and its signed weight."""

    modality: Modality
    vector: Vector
    weight: float


Reading = tuple[PartVector, ...]
"""A query as it may be meant: one vector for each wanted part, then those of the parts that are not wanted."""


def embed_query(query: Query, embedder: Asking, decoders: Decoders, catalog: Catalog) -> list[Reading]:
    """The readings of ``query``. Most have one; with a video there are two, what it shows and how it sounds.

    All files are decoded by one process. Raises QueryError.
    """
    with ExitStack() as stack:
        worker = cache(lambda: stack.enter_context(decoders.lent()))
        wanted = [(part.weight, _vectors(part, embedder, worker, catalog)) for part in query.wanted]
        unwanted = [(part.weight, _vectors(part, embedder, worker, catalog)) for part in query.unwanted]
    against = [
        PartVector(modality, vector, AGAINST * weight / len(vectors))
        for weight, vectors in unwanted
        for modality, vector in vectors.items()
    ]
    # Several films are all meant by what they show, or all by how they sound.
    senses = dict.fromkeys(modality for _, vectors in wanted if len(vectors) > 1 for modality in vectors)
    return [(*(_meant(vectors, sense, weight) for weight, vectors in wanted), *against) for sense in senses or [None]]


def _meant(vectors: Mapping[Modality, Vector], sense: Modality | None, weight: float) -> PartVector:
    modality = sense if sense is not None and sense in vectors else next(iter(vectors))
    return PartVector(modality, vectors[modality], weight)


def _vectors(
    part: Part, embedder: Asking, worker: Callable[[], ExtractionWorker], catalog: Catalog
) -> dict[Modality, Vector]:
    """One vector for each modality found in a part: the mean over its pieces."""
    if isinstance(part, Words):
        return {"text": embedder.embed([ExtractedPiece("text", text=without_quotes(part.text))])[0]}
    if isinstance(part, LikeHit):
        found = _hit_vectors(part, catalog)
    else:
        found = _held_vectors(part, catalog) if embedder.holds_the_same and part.span is None else {}
        found = found or _file_vectors(part, embedder, worker())
    return {modality: _mean(found[modality]) for modality in MODALITIES if modality in found}


def _hit_vectors(part: LikeHit, catalog: Catalog) -> dict[Modality, list[Vector]]:
    held = catalog.embeddings(part.hit.pieces)
    if not part.hit.pieces or len(held) < len(part.hit.pieces):
        raise QueryError(f"{part.hit.path}: the file has changed or gone since it was found; search again")
    found: dict[Modality, list[Vector]] = {}
    for modality, vector in held.values():
        found.setdefault(modality, []).append(vector)
    return found


def _held_vectors(part: LikeFile, catalog: Catalog) -> dict[Modality, list[Vector]]:
    """What the library holds of a file, or of a page of it; nothing if it does not hold the file as it is."""
    held = same_source(part.path.expanduser().resolve(), catalog)
    if held is None:
        return {}
    pieces = [piece.id for piece in catalog.pieces_of([held.id]) if part.page in (None, piece.page)]
    embeddings = catalog.embeddings(pieces)
    found: dict[Modality, list[Vector]] = {}
    for modality, vector in (embeddings[number] for number in pieces if number in embeddings):
        found.setdefault(modality, []).append(vector)
    return found


def _file_vectors(part: LikeFile, embedder: Asking, worker: ExtractionWorker) -> dict[Modality, list[Vector]]:
    found: dict[Modality, list[Vector]] = {}
    path = part.path.expanduser().resolve()
    try:
        waiting: list[ExtractedPiece] = []
        for piece in worker.open(path, part.span).pieces:
            if part.page is None or piece.page == part.page:
                waiting.append(piece)
            if len(waiting) == _PIECES_PER_BATCH:
                _embed_into(found, waiting, embedder)
                waiting = []
            if part.page is not None and _is_past(part.page, piece):
                break  # the rest of a book need not be drawn
        _embed_into(found, waiting, embedder)
    except ExtractionError as error:
        raise QueryError(f"{part.path}: {error}") from error
    if not found:
        raise QueryError(
            f"{part.path}: there is no page {part.page} in it"
            if part.page is not None
            else f"{part.path}: there is nothing in it to search by"
        )
    return found


def _is_past(page: int, piece: ExtractedPiece) -> bool:
    """Whether nothing of ``page`` comes after ``piece``. A drawn page is one piece, a slide may be several."""
    return piece.page is None or piece.page > page or (piece.page == page and piece.frames is not None)


def _embed_into(found: dict[Modality, list[Vector]], pieces: Sequence[ExtractedPiece], embedder: Asking) -> None:
    """Vectors are as exact as those that are held: a file finds the same, held or not."""
    if pieces:
        for piece, vector in zip(pieces, embedder.embed(pieces).astype("<f2").astype(np.float32), strict=True):
            found.setdefault(piece.modality, []).append(vector)


def _mean(vectors: Sequence[Vector]) -> Vector:
    mean: Vector = np.mean(vectors, axis=0, dtype=np.float32)
    return mean / np.float32(max(float(np.linalg.norm(mean)), 1e-12))
