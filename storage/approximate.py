"""The approximate kind of index: short codes in memory name candidates, the vectors in the catalog decide among them.

An inverted file of product-quantised codes, four bits for every two numbers, compared in registers (FAISS
IndexIVFPQFastScan; André et al., "Quicker ADC", arXiv 1812.09162, the method of ScaNN). A piece takes dimension / 4
bytes and its number. docs/vector_index.md compares it with other kinds.
"""

from typing import Any, Literal

import faiss
import numpy as np
from numpy.typing import NDArray

from storage.accelerator import Found
from storage.wrong_codes import VectorReader, usual_error, wrong_codes

FEWEST = 64
"""Pieces below which there is nothing to be trained on."""

_SAMPLE_A_LIST = 40
_PROBED = 4
# A list is looked at if its centre's cosine is at most this far below the nearest one's: a query among pieces of its
# like needs a few, words among pictures nearly all. Measured: docs/vector_index.md.
_NEAR = 0.35
# On average the lists looked at hold this many times the candidates wanted.
_HELD_FOR_EACH = 8
_CANDIDATES = 100
# A candidate is measured if its code is at most this many errors worse than that of the last one needed.
_ERRORS = 3
_PIECES_FOR_ERROR = 200


class ApproximatePart:
    """Nearly nearest neighbours among the vectors of one modality. ``trained_on``: how many there were at training.

    ``read`` gets vectors from the catalog; a piece that has left it is never an answer, whatever the codes say.
    """

    kind: Literal["approximate"] = "approximate"

    def __init__(self, index: faiss.IndexIVFPQFastScan, trained_on: int, read: VectorReader) -> None:
        self._index: Any = index  # FAISS's own annotations are of its C++ methods
        self.trained_on, self._read = trained_on, read
        self._ids = _ids_of(index)
        self._centres = index.quantizer  # asking for it takes as long as reading ten pieces
        self._error: float | None = None
        self.probed = index.nprobe = probed_lists(index.nlist)

    @property
    def ids(self) -> NDArray[np.int64]:
        """The numbers of the pieces held, ascending."""
        return self._ids

    @property
    def memory_bytes(self) -> int:
        return memory_bytes(self._index.d, len(self._ids), self._index.nlist)

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float16]) -> None:
        """Add pieces; ``vectors`` has shape (len(ids), dimension). Each number is higher than all before it."""
        if len(ids):
            self._index.add_with_ids(np.ascontiguousarray(vectors, dtype=np.float32), ids)
            self._ids = np.concatenate([self._ids, ids])

    def remove(self, ids: NDArray[np.int64]) -> None:
        """Remove pieces; numbers that are not held are passed over."""
        stays = ~np.isin(self._ids, ids)
        if not stays.all():
            self._index.remove_ids(faiss.IDSelectorBatch(self._ids[~stays]))
            _clear_free_places(self._index)
            self._ids = self._ids[stays]

    def vectors(self, ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Those of ``ids`` that are still in the catalog, and their vectors."""
        return self._read(ids)

    def search(self, query: NDArray[np.float32], limit: int, allowed: NDArray[np.bool_] | None) -> Found:
        """The best ``limit`` and their cosines, best first, of all or of those at the places ``allowed`` of ``ids``."""
        row = np.ascontiguousarray(query, dtype=np.float32).reshape(1, -1)
        wanted = min(len(self._ids), max(_CANDIDATES, 4 * limit))
        if allowed is None:
            codes, found = self._index.search_preassigned(row, wanted, *self._near_lists(row, wanted))
        else:
            codes, found = self._index.search(row, wanted, params=self._only(allowed))
        codes, found = codes[0], found[0]
        if found[-1] < 0:
            codes, found = codes[found >= 0], found[found >= 0]
        near = found
        if len(found) > limit:  # best first
            near = found[codes >= codes[limit - 1] - _ERRORS * self._code_error()]
        ids, vectors = self.vectors(np.sort(near))
        if len(ids) < min(limit, len(found)):  # some have left the catalog
            ids, vectors = self.vectors(np.sort(found))
        scores = np.einsum("ij,j->i", vectors, query)
        best = np.argsort(-scores, kind="stable")[:limit]
        return ids[best], scores[best]

    def _near_lists(self, row: NDArray[np.float32], wanted: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The lists to be looked at, -1 for none, and the cosines of their centres: shape (1, probed) each."""
        cosines, lists = self._centres.search(row, self.probed)
        near = int(np.count_nonzero(cosines >= cosines[0, 0] - _NEAR))
        lists[0, max(near, _HELD_FOR_EACH * wanted * self._index.nlist // len(self._ids)) :] = -1
        return lists, cosines

    def _only(self, allowed: NDArray[np.bool_]) -> faiss.IVFSearchParameters:
        """How to search those at the places ``allowed`` of ``ids``: the fewer, the further they may lie from the
        query's own lists."""
        bits = np.zeros(int(self._ids[-1]) + 1, dtype=np.bool_)
        bits[self._ids] = allowed
        selection = faiss.IDSelectorBitmap(np.packbits(bits, bitorder="little"))  # type: ignore[call-arg, arg-type]
        probed = int(self.probed / np.sqrt(max(allowed.mean(), 1e-6)))
        return faiss.IVFSearchParameters(nprobe=min(probed, self._index.nlist), sel=selection)  # type: ignore[call-arg]

    def _code_error(self) -> float:
        """By how much the cosines that codes give are usually off."""
        if self._error is None:
            _, vectors = self._read(self._ids[:: max(1, len(self._ids) // _PIECES_FOR_ERROR)])
            self._error = usual_error(self._index, vectors) if len(vectors) else 1.0
        return self._error

    def wrong_codes(self) -> NDArray[np.int64]:
        """The numbers of the pieces whose codes are of another vector than the catalog has, ascending."""
        ids = self._ids[:: max(1, len(self._ids) // 500)]
        return wrong_codes(self._index, self._read(ids)[1], self._read)

    def serialized(self) -> NDArray[np.uint8]:
        """All of it, as the bytes of a snapshot."""
        return faiss.serialize_index(self._index)


def train(dimension: int, count: int, sample: NDArray[np.float32], read: VectorReader) -> ApproximatePart:
    """An empty part for about ``count`` vectors that lie like those of ``sample``, (n, dimension)."""
    coarse = faiss.IndexFlatIP(dimension)
    lists = lists_for(count)
    codes = dimension // 2 if dimension % 2 == 0 else dimension
    index = faiss.IndexIVFPQFastScan(coarse, dimension, lists, codes, 4, faiss.METRIC_INNER_PRODUCT)
    index.by_residual = True
    for clustering in (index.cp, index.pq.cp):
        clustering.min_points_per_centroid = 1  # FAISS prints a line otherwise
        clustering.max_points_per_centroid = _SAMPLE_A_LIST
        clustering.seed = 1
    index.pq.cp.max_points_per_centroid = 1024
    index.cp.spherical = True
    index.train(np.ascontiguousarray(sample, dtype=np.float32))
    return ApproximatePart(index, count, read)


def restored(data: NDArray[np.uint8], trained_on: int, read: VectorReader) -> ApproximatePart:
    """A part from what ``serialized`` gave. Raises ValueError if it is something else."""
    index = faiss.deserialize_index(data)
    if not isinstance(index, faiss.IndexIVFPQFastScan):
        raise ValueError("it is no index of ours")
    return ApproximatePart(index, trained_on, read)


def lists_for(count: int) -> int:
    """About twice the root of the number of vectors, a power of two."""
    return int(2 ** max(0, round(np.log2(2 * np.sqrt(max(count, 1))))))


def probed_lists(lists: int) -> int:
    """How many of the nearest lists a search without a filter looks at: four times their root."""
    return min(lists, int(_PROBED * np.sqrt(lists)))


def sample_size(count: int) -> int:
    """How many vectors training looks at."""
    return min(count, max(_SAMPLE_A_LIST * lists_for(count), 16 * 256))


def memory_bytes(dimension: int, count: int, lists: int) -> int:
    """What ``count`` pieces take in memory: the codes, in blocks of 32, and each number twice, beside the code and in
    order; and the lists' centres."""
    code = ((dimension // 2 if dimension % 2 == 0 else dimension) + 1) // 2
    return count * (code + 16) + lists * (16 * code + 4 * dimension)


def _clear_free_places(index: faiss.IndexIVFPQFastScan) -> None:
    """FAISS leaves codes in the places it frees, and joins the bits of what is added there with theirs (1.15.1)."""
    lists: Any = faiss.downcast_InvertedLists(index.invlists)  # type: ignore[arg-type]
    packer = lists.packer
    codes = np.empty((packer.nvec, packer.code_size), dtype=np.uint8)
    for number in range(index.nlist):
        whole, begun = divmod(lists.list_size(number), packer.nvec)
        if begun:
            block = faiss.rev_swig_ptr(lists.get_codes(number), (whole + 1) * packer.block_size)
            last = faiss.swig_ptr(block[whole * packer.block_size :])
            packer.unpack_all(last, faiss.swig_ptr(codes))
            codes[begun:] = 0
            packer.pack_all(faiss.swig_ptr(codes), last)


def _ids_of(index: faiss.IndexIVFPQFastScan) -> NDArray[np.int64]:
    lists: Any = index.invlists
    sizes = [lists.list_size(number) for number in range(index.nlist)]
    found = [faiss.rev_swig_ptr(lists.get_ids(n), size).copy() for n, size in enumerate(sizes) if size]
    return np.sort(np.concatenate(found)).astype(np.int64) if found else np.empty(0, dtype=np.int64)
