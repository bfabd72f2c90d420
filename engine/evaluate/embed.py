"""One embedding of every text and every piece by a model: all columns read from it."""

from collections.abc import Iterator

import torch
from torch import Tensor

from engine.errors import ModelError
from engine.model.families import OmniModel, device_of
from engine.model.fused_model import PieceFeatures
from engine.train.data import TrainingData
from engine.train.loop import embedder

HELD_BYTES = 2 * 1024**3


class Inputs:
    """What is to be embedded, read from the cache in batches of ``batch``.

    The first 2 GiB stay in memory, for the models that come after the first.
    """

    def __init__(self, data: TrainingData, batch: int = 256) -> None:
        self.data, self._size = data, batch
        self._held: dict[int, list[PieceFeatures]] = {}
        self._held_bytes = 0
        texts = sorted(range(len(data.texts)), key=lambda number: len(data.texts[number]))
        rows = sorted(range(len(data.pairs)), key=lambda row: data.pairs[row].modality)
        self._places = [*texts, *(len(texts) + row for row in rows)]

    @torch.inference_mode()
    def embed(self, model: OmniModel, name: str) -> Tensor:
        """Embeddings of all texts, then of all rows' pieces: float32 (texts + rows, dimension), where the model is.

        Raises ``ModelError``, naming the model by ``name``, when any value is not a finite number.
        """
        embed = embedder(model, device_of(model))
        parts = torch.cat([embed(features).float() for features in self._batches()])
        embeddings = parts[torch.tensor(self._places, device=parts.device).argsort()]
        if not bool(embeddings.isfinite().all()):
            raise ModelError(f"model {name}: some of its embeddings are not numbers; its weights are damaged")
        return embeddings

    def _batches(self) -> Iterator[list[PieceFeatures]]:
        for start in range(0, len(self._places), self._size):
            features = self._held.get(start)
            if features is None:
                features = [self._load(place) for place in self._places[start : start + self._size]]
                size = sum(map(_bytes, features))
                if self._held_bytes + size <= HELD_BYTES:
                    self._held[start] = features
                    self._held_bytes += size
            yield features

    def _load(self, place: int) -> PieceFeatures:
        texts = len(self.data.texts)
        if place < texts:
            return self.data.captions([place])[0]
        return self.data.first_pieces([place - texts])[0]


def _bytes(piece: PieceFeatures) -> int:
    parts = (piece.tokens, piece.frames, piece.sound, piece.events)
    return sum(part.numel() * part.element_size() for part in parts if part is not None)
