"""Encoder outputs, computed once: the encoders are frozen, so every epoch and every stage reads them from disk.

A cache is a folder for one set of encoders, named by their fingerprint, with shards of float16 safetensors. A piece is
known by a hash of its content; it may have several *variants* (the clip itself, then altered copies). Shards are
written one after the other and never changed: a run that is cut off goes on after its last whole shard. Reading maps
them into memory.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from engine.errors import ModelError
from engine.model.families import OmniModel, device_of, to_device
from engine.model.fused_model import PieceFeatures, PieceInput
from engine.train.pairs import Pair
from storage.atomic import replaced_file

PARTS = ("tokens", "frames", "sound", "events")
TOGETHER = 16  # rows that go through the encoders at once
Variants = Callable[[Pair], Sequence[PieceInput]]


class FeatureCache:
    """The features under ``folder`` / ``fingerprint`` (see ``families.encoder_fingerprint``).

    Raises ``ModelError`` for a damaged shard.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder = folder / fingerprint[:16]
        self.folder.mkdir(parents=True, exist_ok=True)
        self._next = 0  # number of the next shard; one that was removed leaves a gap
        self._where: dict[str, dict[str, Any]] = {}
        for shard in sorted(self.folder.glob("*.safetensors")):
            self._add(shard)

    def __contains__(self, key: str) -> bool:
        return f"{key}/0" in self._where

    def variants(self, key: str) -> int:
        """How many variants there are of a piece; 0 when it is not in the cache."""
        count = 0
        while f"{key}/{count}" in self._where:
            count += 1
        return count

    def load(self, pair: Pair, key: str, variant: int = 0) -> PieceFeatures:
        """The features of one variant, as ``extract`` gave them, in float32."""
        parts: dict[str, Tensor] = {}
        for part, shard in self._where[f"{key}/{variant}"].items():
            tensor = shard.get_tensor(f"{key}/{variant}/{part}")
            parts[part] = tensor.long() if part == "tokens" else tensor.float()
        return PieceFeatures(pair.modality, **parts)

    def fill(self, model: OmniModel, pairs: Iterable[Pair], variants: Variants, shard_rows: int = 512) -> int:
        """Compute what is missing for ``pairs``; returns how many rows that was.

        ``variants`` turns a row into the inputs to encode, the piece itself first; it is asked only for missing rows.
        """
        missing = {key: pair for pair in pairs if (key := piece_key(pair)) not in self}
        for rows in _chunks(list(missing.items()), shard_rows):
            tensors: dict[str, Tensor] = {}
            for group in _chunks(rows, TOGETHER):
                inputs = [(key, variants(pair)) for key, pair in group]
                names = [f"{key}/{number}" for key, own in inputs for number in range(len(own))]
                features = _extract(model, [piece for _, own in inputs for piece in own])
                tensors |= {
                    f"{name}/{part}": tensor
                    for name, one in zip(names, features, strict=True)
                    for part, tensor in _parts(one)
                }
            shard = self.folder / f"{self._next:06d}.safetensors"
            with replaced_file(shard) as path:
                save_file(tensors, path)
            self._add(shard)
        return len(missing)

    def _add(self, shard: Path) -> None:
        try:
            weights: Any = safe_open(shard, framework="pt")
        except (OSError, SafetensorError) as error:
            raise ModelError(f"cannot read the features in {shard}: {error}; remove this file and run again") from error
        self._next = max(self._next, int(shard.stem) + 1)
        for name in weights.keys():  # noqa: SIM118, not a mapping
            owner, _, part = name.rpartition("/")
            self._where.setdefault(owner, {})[part] = weights


def piece_key(pair: Pair) -> str:
    """A hash of what a piece is: the bytes of its file (or its passage) and the place in it. Raises ``ModelError``."""
    digest = hashlib.sha256(f"{pair.modality}/{pair.start}/{pair.end}/{pair.page}/".encode())
    if pair.file is None:
        digest.update((pair.passage or "").encode())
    else:
        try:
            with pair.file.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise ModelError(f"{pair.file}: cannot be read ({error.strerror})") from error
    return digest.hexdigest()[:32]


@torch.inference_mode()
def _extract(model: OmniModel, pieces: Sequence[PieceInput]) -> list[PieceFeatures]:
    device = device_of(model)
    return model.extract([to_device(piece, device) for piece in pieces])


def _parts(features: PieceFeatures) -> Iterator[tuple[str, Tensor]]:
    for part in PARTS:
        tensor = getattr(features, part)
        if tensor is not None:
            yield part, tensor.to("cpu", torch.int32 if part == "tokens" else torch.float16).contiguous()


def _chunks(rows: list[tuple[str, Pair]], size: int) -> Iterator[list[tuple[str, Pair]]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
