"""What a device other than the processor must offer to search the vectors of a modality faster.

The package knows only these protocols: who can drive such a device hands an ``Accelerator`` to ``Library.accelerate``.
"""

from collections.abc import Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Found = tuple[NDArray[np.int64], NDArray[np.float32]]
Block = tuple[NDArray[np.int64], NDArray[np.float16]]
"""Numbers of pieces, ascending, and their vectors, shape (n, dimension)."""


class DeviceSearch(Protocol):
    """Nearest neighbours by inner product on a device. Not to be changed in a search."""

    @property
    def name(self) -> str:
        """How it searches, for people: "exact on NVIDIA H100"."""

    @property
    def most(self) -> int | None:
        """The highest ``limit`` that a search may have; None: any."""

    @property
    def ids(self) -> NDArray[np.int64]:
        """The numbers of the pieces held, ascending."""

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float16]) -> None:
        """Add pieces; each number is higher than all before it."""

    def remove(self, ids: NDArray[np.int64]) -> None:
        """Remove pieces; numbers that are not held are passed over."""

    def search(self, queries: NDArray[np.float32], limit: int) -> Found:
        """Numbers and inner products, both of shape (len(queries), limit), best first; -1 where there are too few."""


class Accelerator(Protocol):
    """A device that can hold a modality's vectors."""

    def build(self, dimension: int, count: int, blocks: Iterable[Block]) -> DeviceSearch:
        """A search over the ``count`` vectors in ``blocks``. Raises MemoryError or RuntimeError if it cannot."""
