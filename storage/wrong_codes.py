"""Hold the codes of an approximate part of the index against the vectors in the catalog.

A code is right if it is as near to its vector as the code is that the vector would get now in the same list (between
two lists equally near, rounding decides). FAISS can neither decode nor reconstruct vectors of this kind of index
(1.15.1 ends the process), so the codes are unpacked here.
"""

from collections.abc import Callable, Iterator
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

VectorReader = Callable[[NDArray[np.int64]], tuple[NDArray[np.int64], NDArray[np.float32]]]
"""Those of some pieces, ascending, that the catalog holds, ascending, and their vectors, (n, dimension)."""

# Codes that are further off than usual by this factor are held against new ones.
_SUSPECT = 1.6
_TOLERANCE = 1.01


def wrong_codes(index: Any, sample: NDArray[np.float32], read: VectorReader) -> NDArray[np.int64]:
    """The numbers, ascending, of the pieces whose codes are of another vector than the catalog has.

    ``index``: an IndexIVFPQFastScan, of which FAISS's own annotations lack what is used here.
    ``sample``: some of the vectors in the catalog, shape (n, dimension), by which it is seen how far off is usual.
    """
    centres = index.quantizer.reconstruct_n(0, index.nlist)
    usual = np.median(_off_anew(index, _residuals(index, sample))) if len(sample) else 0.0
    found = [np.empty(0, dtype=np.int64)]
    for number, (ids, codes) in enumerate(_lists(index)):
        held, vectors = read(ids)
        residuals = vectors - centres[number]
        off = _lengths(residuals - _decoded(index, codes[np.isin(ids, held)]))
        suspect = np.flatnonzero(off > _SUSPECT * usual)
        if len(suspect):
            found.append(held[suspect[off[suspect] > _TOLERANCE * _off_anew(index, residuals[suspect]) + 1e-6]])
    return np.sort(np.concatenate(found))


def usual_error(index: Any, sample: NDArray[np.float32]) -> float:
    """By how much the inner products that the codes of ``index`` give are off, in the mean of squares.

    Told from how far codes are off some vectors in the catalog, ``sample``, (n, dimension), n at least 1: with a query
    of length 1 and no particular direction, by that over the root of the dimension.
    """
    off = _off_anew(index, _residuals(index, sample))
    return float(np.sqrt(np.mean(off**2) / index.d))


def _residuals(index: Any, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """What is left of vectors without the centre of the nearest list, shape (n, dimension)."""
    nearest = index.quantizer.search(vectors, 1)[1][:, 0]
    found: NDArray[np.float32] = vectors - index.quantizer.reconstruct_batch(nearest)
    return found


def _off_anew(index: Any, residuals: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far the codes that residuals would get now are from them, shape (n,)."""
    return _lengths(residuals - _decoded(index, index.pq.compute_codes(residuals)))


def _lengths(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths: NDArray[np.float32] = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return lengths


def _lists(index: Any) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint8]]]:
    """Numbers, ascending, and codes, (n, bytes a code), of each list in turn."""
    lists: Any = faiss.downcast_InvertedLists(index.invlists)
    packer = lists.packer
    for number in range(index.nlist):
        count = lists.list_size(number)
        blocks = -(-count // packer.nvec)
        codes = np.zeros((blocks * packer.nvec, packer.code_size), dtype=np.uint8)
        if count:
            packed = faiss.rev_swig_ptr(lists.get_codes(number), blocks * packer.block_size)
            for block in range(blocks):
                begin = packed[block * packer.block_size :]
                packer.unpack_all(faiss.swig_ptr(begin), faiss.swig_ptr(codes[block * packer.nvec :]))
        ids = np.array(faiss.rev_swig_ptr(lists.get_ids(number), count) if count else (), dtype=np.int64)
        order = np.argsort(ids)
        yield ids[order], codes[:count][order]


def _decoded(index: Any, codes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What the codes add to the centre of their list, (n, dimension)."""
    words = faiss.vector_to_array(index.pq.centroids).reshape(index.pq.M, 16, -1)
    halves = np.stack([codes & 15, codes >> 4], axis=2).reshape(len(codes), 2 * codes.shape[1])[:, : index.pq.M]
    found: NDArray[np.float32] = words[np.arange(index.pq.M), halves].reshape(len(codes), index.d)
    return found
