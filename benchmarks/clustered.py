"""Vectors for benchmarks of the index: as many as wanted, whose neighbourhoods resemble those of real embeddings.

Real embeddings are grouped by k-means; a new vector is one of them plus half the difference of two others of its group,
so it leaves its origin in the directions in which its neighbours differ, and by about as much. Without real embeddings
groups are drawn: centres near each other in families, members around each in a few directions of its own.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

DIMENSION = 384
_GROUP = 48
_SHARE = 0.5


def real_embeddings(file: Path, kinds: tuple[str, ...] = ()) -> Vectors:
    """What `e` of the file holds (n, dimension), all of it or of the ``kinds`` that its `kinds` names; shuffled."""
    held = np.load(file)
    chosen = held["e"] if not kinds else held["e"][np.isin(held["kinds"], kinds)]
    return unit(np.random.default_rng(0).permutation(chosen).astype(np.float32))


def drawn_embeddings(count: int, dimension: int = DIMENSION, seed: int = 0) -> Vectors:
    """Without a model at hand: families of groups, each group spread mostly in 16 directions of its own."""
    random = np.random.default_rng(seed)
    groups = max(1, count // _GROUP)
    families = unit(random.standard_normal((max(1, groups // 16), dimension), dtype=np.float32))
    centres = families[random.integers(len(families), size=groups)]
    centres = unit(centres + 0.8 * unit(random.standard_normal((groups, dimension), dtype=np.float32)))
    found = np.empty((groups * _GROUP, dimension), dtype=np.float32)
    for number, centre in enumerate(centres):
        spread = random.standard_normal((_GROUP, 16), dtype=np.float32)
        directions = random.standard_normal((16, dimension), dtype=np.float32) / np.sqrt(16 * dimension)
        rest = random.standard_normal((_GROUP, dimension), dtype=np.float32) / np.sqrt(dimension)
        found[number * _GROUP : (number + 1) * _GROUP] = centre + 0.6 * spread @ directions + 0.3 * rest
    return unit(random.permutation(found))


def resembling(real: Vectors, count: int, seed: int = 1, block: int = 50_000) -> Iterator[Vectors]:
    """``count`` new vectors like ``real``, in blocks."""
    random = np.random.default_rng(seed)
    groups = max(1, len(real) // _GROUP)
    means = faiss.Kmeans(real.shape[1], groups, niter=8, seed=1, max_points_per_centroid=_GROUP)
    means.train(real)
    group = means.index.search(real, 1)[1][:, 0]
    order = np.argsort(group, kind="stable")
    begins = np.searchsorted(group[order], np.arange(groups + 1))
    for start in range(0, count, block):
        size = min(block, count - start)
        own = group[origin := random.integers(len(real), size=size)]
        width = begins[own + 1] - begins[own]
        first, second = (real[order[begins[own] + random.integers(0, width)]] for _ in range(2))
        yield unit(real[origin] + _SHARE * (first - second))


def unit(rows: Vectors) -> Vectors:
    """Each row at length 1."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def recall(found: Sequence[NDArray[np.int64]] | NDArray[np.int64], truth: NDArray[np.int64]) -> float:
    """The share of the true best, (n, k), that stands in the answers to the same n queries."""
    shares = [len(set(a.tolist()) & set(b.tolist())) / len(b) for a, b in zip(found, truth, strict=True)]
    return float(np.mean(shares))
