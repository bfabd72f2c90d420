"""Whose the pieces are, in memory: a program that answers many questions asks it of some hundred pieces each time."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from storage.records import MODALITIES, Owner

Owned = tuple[NDArray[np.int64], NDArray[np.int8]]
"""For each of some pieces the number of its source (0: the piece is not known), and what that file is: its place in
``MODALITIES``."""

_KINDS = {modality: place for place, modality in enumerate(MODALITIES)}


class Owners:
    """The sources of pieces, by number: 17 bytes a piece.

    Whose a piece is never changes, nor what that file is, and no number is given twice. So what has left the library
    may stay in here; the vector index lets go of it, and nobody asks for it any more.
    """

    def __init__(self) -> None:
        self._pieces, self._sources = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        self._kinds = np.empty(0, dtype=np.int8)

    def add(self, owners: Iterable[tuple[int, Owner]]) -> None:
        """Take in pieces by number, ascending and higher than all before them."""
        rows = [(piece, source, _KINDS[kind]) for piece, (source, kind) in owners]
        pieces, sources, kinds = np.array(rows, dtype=np.int64).reshape(-1, 3).T
        self._pieces = np.concatenate([self._pieces, pieces])
        self._sources = np.concatenate([self._sources, sources])
        self._kinds = np.concatenate([self._kinds, kinds.astype(np.int8)])

    def of(self, pieces: NDArray[np.int64]) -> Owned:
        """Whose ``pieces``, shape (n,), are."""
        if len(self._pieces) == 0:
            return np.zeros(len(pieces), dtype=np.int64), np.zeros(len(pieces), dtype=np.int8)
        places = np.minimum(np.searchsorted(self._pieces, pieces), len(self._pieces) - 1)
        return np.where(self._pieces[places] == pieces, self._sources[places], 0), self._kinds[places]
