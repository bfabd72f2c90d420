"""The library in two dimensions: pieces that are alike lie near each other."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from storage.catalog import Catalog
from storage.records import PieceFilter, PieceLocation
from storage.vectors import evenly

PIECES = 4000
"""Drawn at most; of a larger library an even sample."""


def map_of(catalog: Catalog) -> tuple[list[PieceLocation], NDArray[np.float32]]:
    """Pieces, and where each lies: float32 (n, 2), between -1 and 1."""
    held = catalog.matching_pieces(PieceFilter())
    numbers = np.sort(np.concatenate([np.empty(0, dtype=np.int64), *held.values()]))
    chosen = evenly(numbers, PIECES)
    locations = catalog.locate(chosen.tolist())
    vectors = catalog.embeddings(locations)
    pieces = [locations[number] for number in sorted(locations) if number in vectors]
    return pieces, layout([vectors[piece.id] for piece in pieces])


def layout(vectors: Sequence[tuple[str, NDArray[np.float32]]]) -> NDArray[np.float32]:
    """The two principal components of (modality, vector) with each modality's own mean taken off.

    Vectors of one modality lie close together whatever they are of (the modality gap); without their means what is
    alike comes together across modalities. Ranks instead of values spread the points evenly over the square.
    """
    if len(vectors) < 3:
        return np.zeros((len(vectors), 2), dtype=np.float32)
    matrix = np.stack([vector for _, vector in vectors]).astype(np.float32)
    modalities = np.array([modality for modality, _ in vectors])
    for modality in np.unique(modalities):
        matrix[modalities == modality] -= matrix[modalities == modality].mean(axis=0)
    _, axes = np.linalg.eigh(matrix.T @ matrix)
    points = matrix @ axes[:, -2:]
    ranks = points.argsort(axis=0).argsort(axis=0)
    spread: NDArray[np.float32] = (ranks / (len(points) - 1) * 2 - 1).astype(np.float32)
    return spread
