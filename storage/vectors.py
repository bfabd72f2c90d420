"""Vector search with FAISS: one exact inner-product index a modality, kept as float16, saved as a snapshot.

The embeddings are unit vectors, so the inner product is the cosine. One index a modality, because an answer ranks each
modality on its own scale first.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from storage.atomic import replaced_file, sync_folder
from storage.records import MODALITIES, Modality

_MANIFEST = "manifest.json"
_FORMAT = 1
# At most this many vectors, or this fraction of all, are looked at one by one; measured on 100,000 vectors of 384.
_FEW = 200


@dataclass(frozen=True)
class Marks:
    """Up to where an index follows the catalog: the highest piece and the last removal it has taken in."""

    piece: int = 0
    removal: int = 0


class SnapshotError(Exception):
    """A snapshot is missing a part, damaged, or of another model; the catalog makes it superfluous."""


class VectorIndex:
    """Exact nearest neighbours among unit vectors of ``dimension``, by piece number. Not to be changed in a search."""

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self._parts: dict[Modality, faiss.IndexIDMap2] = {}
        self._ids: dict[Modality, NDArray[np.int64]] = {}  # copies of what the parts hold, made when first asked for

    def count(self, modality: Modality) -> int:
        return int(self._parts[modality].ntotal) if modality in self._parts else 0

    def ids(self, modality: Modality) -> NDArray[np.int64]:
        """The numbers of the pieces held, in the order in which they came, which is ascending."""
        if modality not in self._parts:
            return np.empty(0, dtype=np.int64)
        if modality not in self._ids:
            self._ids[modality] = faiss.vector_to_array(self._parts[modality].id_map).astype(np.int64)
        return self._ids[modality]

    def vectors(self, modality: Modality, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """The vectors at ``positions`` of ``ids(modality)``, shape (len(positions), dimension)."""
        return self._parts[modality].index.reconstruct_batch(positions)

    def add(self, modality: Modality, ids: NDArray[np.int64], vectors: NDArray[np.floating]) -> None:
        """Add pieces; ``vectors`` has shape (len(ids), dimension). Each number is higher than all before it."""
        if modality not in self._parts:
            codes = faiss.IndexScalarQuantizer(
                self.dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
            )
            self._parts[modality] = faiss.IndexIDMap2(codes)
        self._parts[modality].add_with_ids(np.ascontiguousarray(vectors, dtype=np.float32), ids)
        self._ids.pop(modality, None)

    def remove(self, ids: NDArray[np.int64]) -> None:
        """Remove pieces; numbers that are not held are passed over."""
        if len(ids):
            for part in self._parts.values():
                part.remove_ids(faiss.IDSelectorBatch(ids))
            self._ids.clear()

    def search(
        self,
        modality: Modality,
        query: NDArray[np.float32],
        limit: int,
        among: NDArray[np.int64] | None = None,
        without: NDArray[np.int64] | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The best ``limit`` pieces (or all, if fewer) and their cosines, best first.

        Only pieces ``among`` these numbers, if given, and none ``without``: the choice is made inside the search, so
        that the answer is the same as if the index held nothing else.
        """
        count = self.count(modality)
        if limit <= 0 or count == 0:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        if among is None and without is None:
            return self._search_flat(modality, query, min(limit, count), None)
        allowed = np.full(count, among is None)
        if among is not None:
            allowed[self._positions(modality, among)] = True
        if without is not None:
            allowed[self._positions(modality, without)] = False
        chosen = np.flatnonzero(allowed)
        if len(chosen) <= max(_FEW, count // _FEW):
            return self._search_few(modality, query, limit, chosen)
        return self._search_flat(modality, query, min(limit, len(chosen)), np.packbits(allowed, bitorder="little"))

    def scores(
        self, modality: Modality, query: NDArray[np.float32], ids: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Those of ``ids`` that are held, ascending, and their cosines with ``query``."""
        positions = self._positions(modality, ids)
        if len(positions) == 0:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        return self.ids(modality)[positions], self._scores_at(modality, query, positions)

    def _positions(self, modality: Modality, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where in ``ids(modality)`` those of ``ids`` stand that are held, ascending."""
        held = self.ids(modality)
        if len(held) == 0:
            return np.empty(0, dtype=np.int64)
        ids = np.unique(ids)
        positions = np.minimum(np.searchsorted(held, ids), len(held) - 1)
        found: NDArray[np.int64] = positions[held[positions] == ids]
        return found

    def _search_flat(
        self, modality: Modality, query: NDArray[np.float32], limit: int, bits: NDArray[np.uint8] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """FAISS goes through all vectors, or those whose position is set in ``bits``."""
        selection = None
        if bits is not None:
            selection = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bits))  # type: ignore[call-arg, arg-type]
        row = np.ascontiguousarray(query, dtype=np.float32).reshape(1, -1)
        scores, positions = self._parts[modality].index.search(row, limit, params=selection)
        held = positions[0] >= 0
        return self.ids(modality)[positions[0][held]], scores[0][held]

    def _search_few(
        self, modality: Modality, query: NDArray[np.float32], limit: int, positions: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """When only a few are allowed, it is quicker to look at these than to pass over the others."""
        if len(positions) == 0:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        scores = self._scores_at(modality, query, positions)
        best = np.argsort(-scores, kind="stable")[:limit]
        return self.ids(modality)[positions[best]], scores[best]

    def _scores_at(
        self, modality: Modality, query: NDArray[np.float32], positions: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        # einsum goes row by row: the rounding of a matrix product depends on how many rows it has.
        cosines: NDArray[np.float32] = np.einsum("ij,j->i", self.vectors(modality, positions), query)
        return cosines

    def save(self, folder: Path, marks: Marks, owner: str) -> None:
        """Write a snapshot. The manifest comes last, in one rename: before it the old one counts, after it this one."""
        folder.mkdir(parents=True, exist_ok=True)
        files = {}
        for modality, part in self._parts.items():
            data = faiss.serialize_index(part).tobytes()
            name = f"{modality}-{marks.piece}-{marks.removal}.faiss"
            with replaced_file(folder / name) as path:
                path.write_bytes(data)
            files[modality] = {"name": name, "sha256": hashlib.sha256(data).hexdigest()}
        manifest = {
            "format": _FORMAT,
            "owner": owner,
            "dimension": self.dimension,
            "piece_mark": marks.piece,
            "removal_mark": marks.removal,
            "files": files,
        }
        with replaced_file(folder / _MANIFEST) as path:
            path.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        in_use = {entry["name"] for entry in files.values()} | {_MANIFEST}
        for path in folder.iterdir():
            if path.name not in in_use:
                path.unlink(missing_ok=True)
        sync_folder(folder)


def load_snapshot(folder: Path, owner: str) -> tuple[VectorIndex, Marks] | None:
    """The snapshot in ``folder``, or None if none was ever written. Raises SnapshotError if it cannot be trusted.

    ``owner`` names the catalog and the model that it must be of.
    """
    try:
        manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise SnapshotError(f"its manifest cannot be read ({error})") from error
    try:
        if manifest["format"] != _FORMAT or manifest["owner"] != owner:
            raise SnapshotError("it belongs to another catalog, model or version")
        index = VectorIndex(int(manifest["dimension"]))
        marks = Marks(int(manifest["piece_mark"]), int(manifest["removal_mark"]))
        index._parts = {m: _read_part(folder, manifest["files"][m]) for m in MODALITIES if m in manifest["files"]}
    except (KeyError, TypeError, ValueError) as error:
        raise SnapshotError(f"its manifest is not complete ({error!r})") from error
    return index, marks


def _read_part(folder: Path, entry: Mapping[str, str]) -> faiss.IndexIDMap2:
    try:
        data = (folder / Path(entry["name"]).name).read_bytes()
    except OSError as error:
        raise SnapshotError(f"{entry['name']} cannot be read ({error.strerror})") from error
    if hashlib.sha256(data).hexdigest() != entry["sha256"]:
        raise SnapshotError(f"{entry['name']} is damaged (its checksum differs)")
    part = faiss.deserialize_index(np.frombuffer(data, dtype=np.uint8))
    if not isinstance(part, faiss.IndexIDMap2):
        raise SnapshotError(f"{entry['name']} is no index of ours")
    return part
