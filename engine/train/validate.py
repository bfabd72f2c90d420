"""Retrieval on held-out rows, as the score by which coefficients are chosen. Reports are another matter: they use far
larger pools and many more columns (engine/evaluate).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.fuse.search import weighted_recall
from engine.model.families import OmniModel, device_of
from engine.retrieval_metrics import first_ranks, recall_at
from engine.train.data import TrainingData
from engine.train.loop import embedder
from storage.records import Modality


@torch.inference_mode()
def text_recalls(
    model: OmniModel, data: TrainingData, modality: Modality, ks: Sequence[int] = (1, 10), chunk: int = 256
) -> dict[int, float]:
    """Recall@k, between 0 and 1, of asking for each row of ``modality`` with its first caption among all such rows.

    A row with the same first caption or the same concept is as good an answer as the row itself.
    """
    rows = [row for row, pair in enumerate(data.pairs) if pair.modality == modality]
    pairs = [data.pairs[row] for row in rows]
    embed = embedder(model, device_of(model))

    def embed_all(captions: bool) -> Tensor:
        parts = []
        for start in range(0, len(rows), chunk):
            chosen = rows[start : start + chunk]
            parts.append(embed(data.first_captions(chosen) if captions else data.first_pieces(chosen)).float())
        return torch.cat(parts)

    scores = embed_all(captions=True) @ embed_all(captions=False).T
    alike = _same([pair.texts[0] for pair in pairs]) | _same([pair.concept for pair in pairs])
    ranks = first_ranks(scores, alike.to(scores.device))
    return {k: recall_at(ranks, k) for k in ks}


def validation_score(
    model: OmniModel, data: TrainingData, modalities: Sequence[Modality], weight_at_1: float = 0.75
) -> float:
    """The mean over modalities of recall@1 and recall@10, the first weighing ``weight_at_1``."""
    recalls = [text_recalls(model, data, modality) for modality in modalities]
    return weighted_recall([(recall[1], recall[10]) for recall in recalls], weight_at_1)


def _same(labels: Sequence[str]) -> Tensor:
    """Which pairs of rows bear the same label: bool (n, n)."""
    numbers = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    own = torch.tensor([numbers[label] for label in labels])
    return own.unsqueeze(0) == own.unsqueeze(1)
