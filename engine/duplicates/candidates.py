"""Which files may be copies of each other: those with a piece in common, as far as its embedding can tell.

Every file asks with a few of its pieces for the nearest pieces of other files, by products of matrices in blocks:
exact, whatever index the library has. The work grows with the square of the library, but in matrix products alone.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from storage.catalog import Catalog

LEAST_COSINE = 0.4
"""Most copies are closer than this, though a model of meaning minds noise, blur and a narrower band of sound more than
one would think; so are many others, which the fingerprints tell apart."""

NEAREST = 16
"""At most so many files are asked for with one piece, the nearest ones."""

PIECES_ASKED = 8
"""So many pieces of a file ask, evenly spread: one that is contained in another finds it with any of them."""

_ROWS, _COLUMNS = 1024, 16_384


def candidate_pairs(catalog: Catalog, pieces: Mapping[int, Sequence[int]], dimension: int) -> set[tuple[int, int]]:
    """Pairs (lower, higher) of files with near pieces. ``pieces``: for each file, by a number, its pieces' numbers."""
    file_of = {piece: file for file, own in pieces.items() for piece in own}
    asking = np.array(sorted(piece for own in pieces.values() for piece in _evenly(sorted(own))), dtype=np.int64)
    asking, queries = catalog.vectors(asking, dimension)
    files = np.array([file_of[piece] for piece in asking.tolist()], dtype=np.int64)
    near: dict[int, list[tuple[float, int]]] = defaultdict(list)
    everything = np.array(sorted(file_of), dtype=np.int64)
    for first in range(0, len(everything), _COLUMNS):
        numbers, vectors = catalog.vectors(everything[first : first + _COLUMNS], dimension)
        theirs = np.array([file_of[piece] for piece in numbers.tolist()], dtype=np.int64)
        for row, cosine, file in _nearest(queries, files, vectors, theirs):
            near[row].append((cosine, file))
    pairs = set()
    for row, found in near.items():
        for other in list(dict.fromkeys(file for _, file in sorted(found, reverse=True)))[:NEAREST]:
            pairs.add((min(int(files[row]), other), max(int(files[row]), other)))
    return pairs


def _nearest(
    queries: NDArray[np.float32], files: NDArray[np.int64], vectors: NDArray[np.float32], theirs: NDArray[np.int64]
) -> Iterator[tuple[int, float, int]]:
    """(row of the query, cosine, file) for the nearest pieces of other files among ``vectors``."""
    for begin in range(0, len(queries), _ROWS):
        cosines = queries[begin : begin + _ROWS] @ vectors.T
        cosines[files[begin : begin + _ROWS, None] == theirs[None, :]] = -1
        rows, columns = np.nonzero(cosines >= LEAST_COSINE)
        edges = np.searchsorted(rows, np.arange(len(cosines) + 1))
        for row in np.flatnonzero(np.diff(edges)).tolist():
            chosen = columns[edges[row] : edges[row + 1]]
            # A piece may be near many of one file: the best by far more than NEAREST are kept, then counted by file.
            if len(chosen) > 16 * NEAREST:
                chosen = chosen[np.argpartition(-cosines[row, chosen], 16 * NEAREST)[: 16 * NEAREST]]
            best: dict[int, float] = {}
            for column in chosen.tolist():
                file = int(theirs[column])
                best[file] = max(best.get(file, -1.0), float(cosines[row, column]))
            for file in sorted(best, key=lambda each: -best[each])[:NEAREST]:
                yield begin + row, best[file], file


def _evenly(numbers: Sequence[int]) -> list[int]:
    if len(numbers) <= PIECES_ASKED:
        return list(numbers)
    return [numbers[round(place)] for place in np.linspace(0, len(numbers) - 1, PIECES_ASKED)]
