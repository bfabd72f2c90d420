"""The embedder over a loaded checkpoint: pieces of any modality in, points of one space out."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import ModelError
from engine.model.audio_encoder import BLOCK_HOP, log_mel
from engine.model.checkpoint import Checkpoint, Part, open_checkpoint
from engine.model.event_encoder import event_patches
from engine.model.fused_model import PieceInput
from engine.model.rounding import use_rounding
from engine.model.spaces import Space
from indexer.pieces import ExtractedPiece, MediaFormat
from storage.records import MODALITIES, Modality

BUNDLED = Path(__file__).parents[1] / "weights" / "bundled"

BATCH_COST = 4096
"""Tokens that may go through the backbone at once, padding included; a frame or a block of sound counts as 128."""

_SHORT = 64
_CHANNELS_LAST: Mapping[Part, tuple[str, ...]] = {"vision": ("image_encoder",), "audio": ("event_encoder",)}
"""Encoders whose convolutions, most of them of one channel or of one pixel, are faster so."""


class ModelEmbedder:
    """Implements ``indexer.embedder.Embedder`` with a ``FusedModel``.

    Weights are read when first needed: embedding text never touches the picture or the sound encoder. Threads may share
    it. Queries take turns with queries and indexing with indexing, since each forward pass uses all cores anyway; a
    query never waits for a batch of pieces. The system lets it go first where indexing has stepped back: the threads
    that compute are those of the thread that asks, and have its priority.
    """

    asks_as_it_holds = True

    def __init__(self, checkpoint: Checkpoint, device: str = "cpu") -> None:
        self.checkpoint = checkpoint
        self.device = torch.device(device)
        self.loaded: set[Part] = set()
        self._indexing, self._asking, self._loading = threading.Lock(), threading.Lock(), threading.Lock()
        self._model = checkpoint.build()
        self._threads = torch.get_num_threads()
        self._tokenizer = checkpoint.tokenizer()

    @classmethod
    def load(cls, folder_or_name: str | Path, device: str = "cpu", threads: int | None = None) -> "ModelEmbedder":
        """Open a checkpoint folder, or the model that ships with the package under the name "bundled".

        ``threads`` limits the processor threads of torch, for the whole process. Raises ``ModelError`` when the folder
        is missing or anything in it is damaged or does not fit.
        """
        if threads is not None:
            torch.set_num_threads(threads)
        folder = BUNDLED if folder_or_name == "bundled" else Path(folder_or_name)
        return cls(open_checkpoint(folder), device)

    @property
    def modalities(self) -> frozenset[Modality]:
        return frozenset(MODALITIES)

    @property
    def dimension(self) -> int:
        return self.checkpoint.config.dimension

    @property
    def fingerprint(self) -> str:
        return self.checkpoint.fingerprint

    @property
    def spaces(self) -> tuple[Space, ...]:
        """The one space in which everything lies."""
        return (Space("bundled", self.modalities, 0, self.dimension),)

    @property
    def media(self) -> MediaFormat:
        return self.checkpoint.media

    def background(self, query: Modality, piece: Modality) -> tuple[float, float]:
        """Mean and standard deviation of the cosine between an unrelated query and piece of these modalities."""
        try:
            mean, deviation = self.checkpoint.config.background[query][piece]
        except KeyError:
            raise ModelError(
                f"model {self.checkpoint.folder}: config.json has no background for {query} queries and {piece} pieces"
            ) from None
        return mean, deviation

    def embed(self, pieces: Sequence[ExtractedPiece]) -> NDArray[np.float32]:
        """L2-normalised vectors, float32 (len(pieces), dimension); each depends on its own piece alone.

        Raises ``ValueError`` for a piece without content (no text, no frames, no sound).
        """
        return self._embed(pieces, self._indexing)

    def embed_query(self, pieces: Sequence[ExtractedPiece]) -> NDArray[np.float32]:
        """The same vectors for what is asked with, without waiting for what is being indexed."""
        return self._embed(pieces, self._asking)

    def _embed(self, pieces: Sequence[ExtractedPiece], turn: threading.Lock) -> NDArray[np.float32]:
        vectors = np.empty((len(pieces), self.dimension), dtype=np.float32)
        with torch.inference_mode():
            inputs = [self.prepare(piece) for piece in pieces]
            for batch in _batches(inputs):
                chosen = [inputs[index] for index in batch]
                self._load_for(chosen)
                with turn, self._threads_for(chosen):
                    vectors[batch] = self._model(chosen).cpu().numpy()
        return vectors

    @contextmanager
    def _threads_for(self, inputs: Sequence[PieceInput]) -> Iterator[None]:
        """All threads, but one for a few words: several would wait for each other longer than that takes.

        The number is the calling thread's own, and the one that threads new to torch begin with; so it is put back.
        """
        torch.set_num_threads(1 if _are_short(inputs) else self._threads)
        try:
            yield
        finally:
            torch.set_num_threads(self._threads)

    def prepare(self, piece: ExtractedPiece) -> PieceInput:
        """One piece as the tensors its model takes. Raises ``ValueError`` for a piece without content."""
        tokens = frames = sound = events = None
        if piece.text is not None:
            ids = self._tokenizer.encode(piece.text, add_special_tokens=False).ids
            if piece.frames is not None:
                ids = ids[: self._room_beside(len(piece.frames))]
            tokens = torch.tensor(ids, dtype=torch.long, device=self.device)
        if piece.frames is not None:
            frames = torch.stack([self._resize(frame) for frame in piece.frames])
        if piece.sound is not None:
            waves = torch.from_numpy(piece.sound)
            sound = log_mel(waves).to(self.device)
            if self.checkpoint.config.events:
                events = event_patches(waves).to(self.device)
        if tokens is None and frames is None and sound is None:
            raise ValueError(f"a piece of modality {piece.modality} has neither text nor frames nor sound")
        return PieceInput(piece.modality, tokens, frames, sound, events)

    def _room_beside(self, frames: int) -> int:
        """Word pieces that fit into a sequence beside so many frames."""
        config = self.checkpoint.config
        fixed = len(config.prefix_tokens) + len(config.suffix_tokens)
        return max(config.max_tokens - fixed - frames * (1 + config.image.grid**2), 0)

    def _resize(self, frame: NDArray[np.uint8]) -> Tensor:
        """One picture (height, width, 3) as float (3, size, size), squeezed to a square so that nothing is cut off."""
        size = self.checkpoint.config.image.size
        pixels = torch.tensor(frame, device=self.device).permute(2, 0, 1).float()
        if pixels.shape[1:] == (size, size):
            return pixels
        return F.interpolate(pixels.unsqueeze(0), (size, size), mode="bilinear", antialias=True).squeeze(0)

    def _load_for(self, inputs: Sequence[PieceInput]) -> None:
        needed: dict[Part, bool] = {
            "backbone": True,
            "vision": any(piece.frames is not None for piece in inputs),
            "audio": any(piece.sound is not None for piece in inputs),
        }
        for part, is_needed in needed.items():
            if is_needed and part not in self.loaded:
                self._load(part)

    def _load(self, part: Part) -> None:
        with self._loading:
            if part in self.loaded:
                return
            self.checkpoint.load_part(self._model, part, self.device)
            if part == "backbone" and self.device.type == "cpu":
                use_rounding(self._model, self.checkpoint.rounded(part))
            for encoder in _CHANNELS_LAST.get(part, ()):
                self._model.get_submodule(encoder).to(memory_format=torch.channels_last)
            self.loaded.add(part)  # last: other threads go by it


def _are_short(inputs: Sequence[PieceInput]) -> bool:
    """Whether these are texts of a few words together."""
    texts = [piece.tokens for piece in inputs if piece.tokens is not None and piece.frames is None]
    return len(texts) == len(inputs) and sum(map(len, texts)) <= _SHORT


def _batches(inputs: Sequence[PieceInput]) -> Iterator[list[int]]:
    """Indices of pieces to embed together: alike in modality and length, and at most ``BATCH_COST`` together."""

    def cost(index: int) -> int:
        piece = inputs[index]
        tokens = 0 if piece.tokens is None else len(piece.tokens)
        frames = 0 if piece.frames is None else len(piece.frames)
        blocks = 0 if piece.sound is None else len(piece.sound) // BLOCK_HOP
        return tokens + 2 + 128 * (frames + blocks)

    batch: list[int] = []
    for index in sorted(range(len(inputs)), key=lambda index: (inputs[index].modality, cost(index))):
        alike = not batch or inputs[batch[0]].modality == inputs[index].modality
        if not alike or (batch and cost(index) * (len(batch) + 1) > BATCH_COST):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
