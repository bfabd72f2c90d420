"""Vector search on a GPU: exact in float16 through torch, and FAISS's inverted file above the size where that pays."""

from collections.abc import Iterable
from typing import Any

import faiss
import numpy as np
import torch
from numpy.typing import NDArray

from storage.accelerator import Block, DeviceSearch, Found

ROWS_AT_ONCE = 1 << 20
# Rounding to float16 may swap neighbours, so some more are taken and measured again in float32.
_SPARE = 64

_SAMPLE_A_LIST = 40
_LISTS_PROBED = 64


class TorchSearch:
    """Every vector is looked at: one matrix product in float16, the best of it again in float32."""

    most = None

    def __init__(self, dimension: int, device: str, capacity: int = 0) -> None:
        self._device = torch.device(device)
        self._rows = torch.empty((capacity, dimension), dtype=torch.float16, device=self._device)
        self._ids = np.empty(0, dtype=np.int64)

    @property
    def name(self) -> str:
        return f"exact on {device_name(self._device)}"

    @property
    def ids(self) -> NDArray[np.int64]:
        """The numbers of the pieces held, ascending."""
        return self._ids

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float16]) -> None:
        """Add pieces; ``vectors`` has shape (len(ids), dimension)."""
        held, needed = len(self._ids), len(self._ids) + len(ids)
        if needed > len(self._rows):
            grown = self._rows.new_empty((max(needed, held + held // 4), self._rows.shape[1]))
            grown[:held] = self._rows[:held]
            self._rows = grown
        self._rows[held:needed] = torch.from_numpy(np.ascontiguousarray(vectors, dtype=np.float16)).to(self._device)
        self._ids = np.concatenate([self._ids, ids])

    def remove(self, ids: NDArray[np.int64]) -> None:
        """Remove pieces; what stands behind them moves up, block by block, so that no second copy is needed."""
        stays = ~np.isin(self._ids, ids)
        if stays.all():
            return
        end = 0
        for start in range(0, len(stays), ROWS_AT_ONCE):
            kept = torch.from_numpy(start + np.flatnonzero(stays[start : start + ROWS_AT_ONCE])).to(self._device)
            self._rows[end : end + len(kept)] = self._rows[kept]
            end += len(kept)
        self._ids = self._ids[stays]

    @torch.inference_mode()
    def search(self, queries: NDArray[np.float32], limit: int) -> Found:
        """Numbers and inner products, (len(queries), limit), best first; -1 where there are too few."""
        count = len(self._ids)
        exact = torch.from_numpy(np.ascontiguousarray(queries, dtype=np.float32)).to(self._device)
        rounded = exact.to(torch.float16).T.contiguous()
        best = torch.empty((len(queries), 0), dtype=torch.float16, device=self._device)
        places = torch.empty((len(queries), 0), dtype=torch.int64, device=self._device)
        for start in range(0, count, ROWS_AT_ONCE):
            scores = (self._rows[start : min(start + ROWS_AT_ONCE, count)] @ rounded).T
            own, at = scores.topk(min(limit + _SPARE, scores.shape[1]), dim=1)
            best, places = torch.cat([best, own], 1), torch.cat([places, at + start], 1)
            if best.shape[1] > limit + _SPARE:
                best, kept = best.topk(limit + _SPARE, dim=1)
                places = places.gather(1, kept)
        again = torch.einsum("nkd,nd->nk", self._rows[places].float(), exact)
        scores, order = again.topk(min(limit, again.shape[1]), dim=1)
        return _padded(self._ids[places.gather(1, order).cpu().numpy()], scores.cpu().numpy(), limit)


class FaissGpuSearch:
    """FAISS's inverted file on the GPU, vectors kept as float16: looks at the ``probed`` nearest lists only.

    FAISS cannot take vectors out of such an index: what is removed is passed over in answers, until a rebuild.
    """

    most = 2048  # of FAISS on a GPU

    def __init__(self, dimension: int, sample: NDArray[np.float32], lists: int, probed: int = _LISTS_PROBED) -> None:
        library: Any = faiss  # builds for the processor lack these names
        self._resources = library.StandardGpuResources()
        self._index = library.GpuIndexIVFScalarQuantizer(
            self._resources, dimension, lists, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT, False
        )
        self._index.train(np.ascontiguousarray(sample, dtype=np.float32))
        self.probe(probed)
        self._ids = np.empty(0, dtype=np.int64)
        self._removed = np.empty(0, dtype=np.int64)

    def probe(self, lists: int) -> None:
        """How many of the nearest lists a search looks at."""
        self._index.nprobe = min(lists, self._index.nlist)

    @property
    def name(self) -> str:
        return f"inverted file on {device_name(torch.device('cuda'))}"

    @property
    def ids(self) -> NDArray[np.int64]:
        """The numbers of the pieces held, ascending."""
        return self._ids

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float16]) -> None:
        """Add pieces; ``vectors`` has shape (len(ids), dimension)."""
        if len(ids):
            self._index.add_with_ids(np.ascontiguousarray(vectors, dtype=np.float32), ids)
            self._ids = np.concatenate([self._ids, ids])

    def remove(self, ids: NDArray[np.int64]) -> None:
        """From now on these are passed over."""
        gone = np.isin(self._ids, ids)
        self._removed = np.union1d(self._removed, self._ids[gone])
        self._ids = self._ids[~gone]

    def search(self, queries: NDArray[np.float32], limit: int) -> Found:
        """Numbers and inner products, (len(queries), limit), best first; -1 where there are too few."""
        spare = min(len(self._removed), self.most - limit)
        scores, ids = self._index.search(np.ascontiguousarray(queries, dtype=np.float32), limit + spare)
        gone = np.isin(ids, self._removed) | (ids < 0)
        order = np.argsort(gone, axis=1, kind="stable")[:, :limit]
        ids = np.where(np.take_along_axis(gone, order, 1), -1, np.take_along_axis(ids, order, 1))
        return ids, np.take_along_axis(scores, order, 1).astype(np.float32)


class GpuAccelerator:
    """Exact search as long as its vectors fit into half of what memory is free and number at most ``exact_up_to``."""

    def __init__(self, device: str = "cuda", exact_up_to: int = 2_000_000) -> None:
        self._device, self._exact_up_to = device, exact_up_to

    def build(self, dimension: int, count: int, blocks: Iterable[Block]) -> DeviceSearch:
        """A search over the ``count`` vectors in ``blocks``. Raises RuntimeError if it does not fit."""
        found: DeviceSearch
        if self._device != "cuda":
            found = TorchSearch(dimension, self._device, count)
        else:
            free = torch.cuda.mem_get_info()[0]
            if 2 * count * dimension > free * 0.8:
                raise RuntimeError(f"{count:,} vectors do not fit into the {free / 1e9:.0f} GB free on the GPU")
            if count <= self._exact_up_to:
                found = TorchSearch(dimension, self._device, count)
            else:
                held = list(blocks)
                found, blocks = FaissGpuSearch(dimension, *_training(held, count)), held
        for ids, vectors in blocks:
            found.add(ids, vectors)
        return found


def lists_for(count: int) -> int:
    """How many lists an inverted file of ``count`` vectors has: about four times the root, a power of two."""
    return int(2 ** round(np.log2(4 * np.sqrt(max(count, 1)))))


def device_name(device: torch.device) -> str:
    """What the maker calls it."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "the processor"


def _training(blocks: list[Block], count: int) -> tuple[NDArray[np.float32], int]:
    """A sample spread evenly over ``blocks``, and the number of lists that it is for."""
    lists = lists_for(count)
    every = max(1, count // (_SAMPLE_A_LIST * lists))
    return np.concatenate([vectors[::every] for _, vectors in blocks]).astype(np.float32), lists


def _padded(ids: NDArray[np.int64], scores: NDArray[np.float32], limit: int) -> Found:
    missing = ((0, 0), (0, limit - ids.shape[1]))
    return np.pad(ids, missing, constant_values=-1), np.pad(scores, missing, constant_values=-np.inf)
