"""Vector search: one part a modality, exact or approximate, each following the catalog up to its own marks.

The embeddings are unit vectors, so the inner product is the cosine. One part a modality, because an answer ranks each
modality on its own scale first.
"""

import logging
import threading
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from storage.accelerator import DeviceSearch, Found
from storage.approximate import FEWEST, ApproximatePart
from storage.exact import ExactPart
from storage.faiss_threads import one_thread
from storage.records import MODALITIES, Modality
from storage.wrong_codes import VectorReader

_log = logging.getLogger(__name__)

Part = ExactPart | ApproximatePart

# At most this many vectors, or this fraction of all, are looked at one by one; measured on 100,000 vectors of 384.
_FEW = 200
# Reading a vector from the catalog takes five microseconds; above this many the codes are quicker.
_FEW_READ = 4_000
_OUTGROWN = 4


@dataclass(frozen=True)
class Marks:
    """Up to where something follows the catalog: the highest piece and the last removal it has taken in."""

    piece: int = 0
    removal: int = 0


class Follower(Protocol):
    """What takes in pieces, each of a higher number than all before it, and lets go of pieces."""

    @property
    def ids(self) -> NDArray[np.int64]: ...
    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float16]) -> None: ...
    def remove(self, ids: NDArray[np.int64]) -> None: ...


F = TypeVar("F", bound=Follower)


@dataclass
class Followed(Generic[F]):
    """A follower and its marks."""

    target: F
    marks: Marks = Marks()


@dataclass(frozen=True)
class IndexPolicy:
    """Which kind of index a modality gets: exact up to so many pieces, approximate above."""

    exact_up_to: int = 200_000

    def wants_rebuild(self, part: Part) -> bool:
        """Whether ``part`` should be of the other kind now, or be trained again because it has been outgrown.

        Between half of the limit and the limit either kind may stay, so that a few files do not switch it to and fro.
        """
        count = len(part.ids)
        if isinstance(part, ExactPart):
            return self.is_approximate(count)
        return count <= self.exact_up_to // 2 or count < FEWEST // 2 or count > _OUTGROWN * part.trained_on

    def is_approximate(self, count: int) -> bool:
        """Whether a part made anew for ``count`` pieces is approximate."""
        return count > self.exact_up_to and count >= FEWEST


@dataclass
class VectorIndex:
    """Nearest neighbours among unit vectors of ``dimension``, by piece number. Any number of threads may search it, but
    not while it is changed.

    ``devices``: modalities whose searches without a filter go to a GPU.
    """

    dimension: int
    read: VectorReader
    parts: dict[Modality, Followed[Part]] = field(default_factory=dict)
    devices: dict[Modality, Followed[DeviceSearch]] = field(default_factory=dict)
    _device_turn: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        for modality in MODALITIES:
            self.parts.setdefault(modality, Followed(ExactPart(self.dimension)))

    def count(self, modality: Modality) -> int:
        return len(self.ids(modality))

    def ids(self, modality: Modality) -> NDArray[np.int64]:
        """The numbers of the pieces held, ascending."""
        return self.parts[modality].target.ids

    def sample(self, modality: Modality, size: int) -> NDArray[np.float32]:
        """Vectors of up to ``size`` pieces spread evenly over those held, shape (n, dimension)."""
        part = self.parts[modality].target
        return part.vectors(evenly(part.ids, size))[1]

    def search(
        self,
        modality: Modality,
        query: NDArray[np.float32],
        limit: int,
        among: NDArray[np.int64] | None = None,
        without: NDArray[np.int64] | None = None,
    ) -> Found:
        """The best ``limit`` pieces (or all, if fewer) and their cosines, best first.

        Only pieces ``among`` these numbers, if given, and none ``without``: the choice is made inside the search, so
        that the answer is the same as if the index held nothing else.
        """
        part = self.parts[modality].target
        count = len(part.ids)
        if limit <= 0 or count == 0:
            return _nothing()
        if among is None and without is None:
            by_device = self._search_device(modality, query, min(limit, count))
            return by_device or self._search_part(part, query, min(limit, count), None)
        allowed = np.ones(count, dtype=np.bool_) if among is None else _is_among(part.ids, among)
        if without is not None:
            allowed[_places(part.ids, without)] = False
        chosen = int(np.count_nonzero(allowed))
        return self._search_part(part, query, min(limit, chosen), allowed) if chosen else _nothing()

    def scores(self, modality: Modality, query: NDArray[np.float32], ids: NDArray[np.int64]) -> Found:
        """Those of ``ids`` that are held, ascending, and their cosines with ``query``."""
        part = self.parts[modality].target
        return _scored(part, query, part.ids[_places(part.ids, ids)])

    def _search_part(
        self, part: Part, query: NDArray[np.float32], limit: int, allowed: NDArray[np.bool_] | None
    ) -> Found:
        """When only a few are allowed, or nearly all are wanted, it is quicker to look at each of them."""
        count = len(part.ids)
        chosen = count if allowed is None else int(np.count_nonzero(allowed))
        few = max(_FEW, count // _FEW) if isinstance(part, ExactPart) else max(_FEW_READ, 4 * limit)
        if chosen > few or (allowed is None and isinstance(part, ExactPart)):
            with one_thread():
                return part.search(query, limit, allowed)
        ids, scores = _scored(part, query, part.ids if allowed is None else part.ids[allowed])
        best = np.argsort(-scores, kind="stable")[:limit]
        return ids[best], scores[best]

    def _search_device(self, modality: Modality, query: NDArray[np.float32], limit: int) -> Found | None:
        with self._device_turn:  # FAISS has one stack of memory for all searches on a device
            if modality not in self.devices:
                return None
            device = self.devices[modality].target
            if device.most is not None and limit > device.most:
                return None
            try:
                ids, scores = device.search(query.reshape(1, -1), limit)
            except (RuntimeError, MemoryError) as error:  # what torch and FAISS raise when the device fails
                del self.devices[modality]
                _log.warning("%s pieces are searched on the processor from now on: %s", modality, one_line(error))
                return None
        held = ids[0] >= 0
        return ids[0][held], scores[0][held]


def evenly(ids: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Up to ``size`` of ``ids``, spread evenly."""
    if len(ids) == 0:
        return ids
    return ids[np.unique(np.linspace(0, len(ids) - 1, min(size, len(ids))).astype(np.int64))]


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _scored(part: Part, query: NDArray[np.float32], ids: NDArray[np.int64]) -> Found:
    if len(ids) == 0:
        return _nothing()
    ids, vectors = part.vectors(ids)
    # einsum goes row by row: the rounding of a matrix product depends on how many rows it has.
    return ids, np.einsum("ij,j->i", vectors, query)


def _is_among(held: NDArray[np.int64], ids: NDArray[np.int64]) -> NDArray[np.bool_]:
    """For each of ``held``, ascending, whether it is one of ``ids``."""
    if len(ids) < len(held) // _FEW:
        among = np.zeros(len(held), dtype=np.bool_)
        among[_places(held, ids)] = True
        return among
    # A table by number: many are found in it ten times as fast as by searching for each.
    table = np.zeros(int(held[-1]) + 1, dtype=np.bool_)
    table[ids[(ids >= 0) & (ids < len(table))]] = True
    found: NDArray[np.bool_] = table[held]
    return found


def _places(held: NDArray[np.int64], ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where in ``held`` those of ``ids`` stand that are there, ascending."""
    if len(held) == 0:
        return np.empty(0, dtype=np.int64)
    if not (ids[1:] > ids[:-1]).all():
        ids = np.unique(ids)
    places = np.minimum(np.searchsorted(held, ids), len(held) - 1)
    found: NDArray[np.int64] = places[held[places] == ids]
    return found


def _nothing() -> Found:
    return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
