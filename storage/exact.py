"""The exact kind of index: every vector is looked at. Up to some hundred thousand pieces nothing is faster to keep."""

from typing import Literal

import faiss
import numpy as np
from numpy.typing import NDArray

from storage.accelerator import Found


class ExactPart:
    """Nearest neighbours among the vectors of one modality, kept as float16 in memory.

    It has no snapshot: the embeddings in the catalog are the only copy on disk.
    """

    kind: Literal["exact"] = "exact"

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self._codes = faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        self._ids = np.empty(0, dtype=np.int64)

    @property
    def ids(self) -> NDArray[np.int64]:
        """The numbers of the pieces held, ascending."""
        return self._ids

    @property
    def memory_bytes(self) -> int:
        return memory_bytes(self._dimension, len(self._ids))

    def reserve(self, count: int) -> None:
        """Make room for ``count`` more pieces at once: growing step by step copies everything again and again."""
        codes, size = self._codes.codes, self._codes.codes.size()
        codes.resize(size + count * self._codes.code_size)
        codes.resize(size)

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float16]) -> None:
        """Add pieces; ``vectors`` has shape (len(ids), dimension). Each number is higher than all before it."""
        # FAISS's codes of this kind are the float16 numbers themselves.
        self._codes.add_sa_codes(np.ascontiguousarray(vectors, dtype="<f2").view(np.uint8))
        self._ids = np.concatenate([self._ids, ids])

    def remove(self, ids: NDArray[np.int64]) -> None:
        """Remove pieces; numbers that are not held are passed over."""
        gone = np.flatnonzero(np.isin(self._ids, ids))
        if len(gone):
            self._codes.remove_ids(faiss.IDSelectorBatch(gone))
            self._ids = np.delete(self._ids, gone)

    def vectors(self, ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """``ids``, which are held, and their vectors, shape (len(ids), dimension)."""
        return ids, self._codes.reconstruct_batch(np.searchsorted(self._ids, ids))

    def search(self, query: NDArray[np.float32], limit: int, allowed: NDArray[np.bool_] | None) -> Found:
        """The best ``limit`` and their cosines, best first, of all or of those at the places ``allowed`` of ``ids``."""
        selection = None
        if allowed is not None:
            bits = np.packbits(allowed, bitorder="little")
            selection = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bits))  # type: ignore[call-arg, arg-type]
        row = np.ascontiguousarray(query, dtype=np.float32).reshape(1, -1)
        scores, places = self._codes.search(row, limit, params=selection)
        held = places[0] >= 0
        return self._ids[places[0][held]], scores[0][held]


def memory_bytes(dimension: int, count: int) -> int:
    """What ``count`` pieces take in memory: the vectors and their numbers."""
    return count * (2 * dimension + 8)
