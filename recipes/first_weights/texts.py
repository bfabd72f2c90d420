"""Text embeddings of the frozen backbone, for everything that is fitted to text."""

from pathlib import Path

import torch
from torch import Tensor

from engine.model.checkpoint import Checkpoint
from engine.model.fused_model import FusedModel, PieceFeatures


class TextEncoder:
    """Texts to L2-normalised embeddings (n, width), remembered, so a caption that comes up often costs once."""

    def __init__(self, checkpoint: Checkpoint, model: FusedModel, store: Path | None = None) -> None:
        self.tokenizer = checkpoint.tokenizer()
        self.model = model
        self.store = store
        self.known: dict[str, Tensor] = torch.load(store, weights_only=True) if store and store.exists() else {}

    def __call__(self, texts: list[str]) -> Tensor:
        new = sorted({text for text in texts if text not in self.known}, key=len)
        with torch.inference_mode():
            for start in range(0, len(new), 64):
                chosen = new[start : start + 64]
                pieces = [PieceFeatures("text", torch.tensor(self.ids(text), dtype=torch.long)) for text in chosen]
                self.known.update(zip(chosen, self.model.embed_features(pieces).clone(), strict=True))
        return torch.stack([self.known[text] for text in texts])

    def save(self) -> None:
        """Keep what is known for the next run."""
        if self.store:
            torch.save(self.known, self.store)

    def ids(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False).ids
