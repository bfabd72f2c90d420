"""The embedder over a large checkpoint of our own: a vision-language model that has been given ears."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from engine.errors import ModelError
from engine.model.batch_sizes import BatchSizes
from engine.model.devices import chosen_devices, dtype_for, is_out_of_memory
from engine.model.families import to_device
from engine.model.fused_model import PieceInput
from engine.model.hub_embedder import UNRELATED
from engine.model.large_checkpoint import LargeCheckpoint, open_large
from engine.model.large_inputs import prepare_large
from engine.model.room import require_room
from engine.model.spaces import Space
from engine.model.turns import Turns
from indexer.pieces import ExtractedPiece, MediaFormat
from storage.records import MODALITIES, Modality

_FIRST_BATCH = 16


class LargeEmbedder:
    """Implements ``engine.model.spaces.SearchModel`` with a ``LargeModel``.

    Threads may share it; they take turns, batch by batch, and queries go before what is being indexed.
    """

    asks_as_it_holds = True

    def __init__(self, checkpoint: LargeCheckpoint, device: torch.device) -> None:
        self.checkpoint, self.device = checkpoint, device
        self.modalities = frozenset(MODALITIES)
        self.dimension = checkpoint.config.dimension
        self._tokenizer = checkpoint.tokenizer()
        self._turns = Turns()
        self._sizes = BatchSizes(dict.fromkeys(MODALITIES, _FIRST_BATCH))
        require_room(str(checkpoint.folder), checkpoint.folder, device)
        try:
            self._model = checkpoint.load(device, dtype_for(device))
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise ModelError(
                f"model {checkpoint.folder} does not fit into the memory of {device}; take a smaller one"
            ) from None

    @classmethod
    def load(cls, folder: Path, device: str = "auto") -> "LargeEmbedder":
        """Open a checkpoint folder. Raises ``ModelError``."""
        return cls(open_large(folder), chosen_devices(device)[0])

    @property
    def fingerprint(self) -> str:
        return self.checkpoint.fingerprint

    @property
    def media(self) -> MediaFormat:
        return self.checkpoint.media

    @property
    def spaces(self) -> tuple[Space, ...]:
        """The one space in which everything lies."""
        return (Space(str(self.checkpoint.folder), self.modalities, 0, self.dimension),)

    def background(self, query: Modality, piece: Modality) -> tuple[float, float]:
        """Mean and standard deviation of the cosine between an unrelated query and piece: a guess, the same for all."""
        return UNRELATED

    def embed(self, pieces: Sequence[ExtractedPiece]) -> NDArray[np.float32]:
        """L2-normalised vectors, float32 (len(pieces), dimension); each depends on its own piece alone.

        Raises ``ValueError`` for a piece without content, ``ModelError`` when one alone needs too much memory.
        """
        return self._embed(pieces, is_query=False)

    def embed_query(self, pieces: Sequence[ExtractedPiece]) -> NDArray[np.float32]:
        """The same vectors for what is asked with, before what is being indexed."""
        return self._embed(pieces, is_query=True)

    def _embed(self, pieces: Sequence[ExtractedPiece], is_query: bool) -> NDArray[np.float32]:
        vectors = np.empty((len(pieces), self.dimension), dtype=np.float32)
        inputs = [prepare_large(piece, self._tokenizer, self.checkpoint.config) for piece in pieces]

        def compute(part: Sequence[PieceInput]) -> torch.Tensor:
            with self._turns.taken(first=is_query), torch.inference_mode():
                made: torch.Tensor = self._model([to_device(one, self.device) for one in part])
                return made.float().cpu()

        for modality in dict.fromkeys(one.modality for one in inputs):
            own = [n for n, one in enumerate(inputs) if one.modality == modality]
            own.sort(key=lambda n: _words(inputs[n]))
            too_large = (
                f"model {self.checkpoint.folder}: one piece of {modality} alone needs more memory than "
                f"{self.device} has; take a smaller model"
            )
            vectors[own] = self._sizes.run(modality, [inputs[n] for n in own], compute, self.device, too_large).numpy()
        return vectors


def _words(piece: PieceInput) -> int:
    return 0 if piece.tokens is None else len(piece.tokens)
