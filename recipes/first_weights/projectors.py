"""The projectors: two small networks that turn encoder features into soft tokens for the frozen backbone.

Loss: InfoNCE between the pooled backbone output and the text embedding of the caption, both ways, over the batch;
captions that mean nearly the same (cosine above ``SAME``) do not count as negatives of each other. To it comes the
plain distance (1 - cosine) to the caption, which keeps concepts apart that no batch brings together.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.model.fused_model import FusedModel
from engine.model.projector import Projector

TEMPERATURE = 0.05
SAME = 0.85


def contrastive(embeddings: Tensor, texts: Tensor) -> Tensor:
    """The loss over a batch: embeddings and caption texts, both (n, width) and normalised."""
    scores = embeddings @ texts.T / TEMPERATURE
    own = torch.eye(len(texts), dtype=torch.bool, device=texts.device)
    alike = (texts @ texts.T > SAME) & ~own
    scores = scores.masked_fill(alike, -torch.inf)
    target = torch.arange(len(texts), device=texts.device)
    nce = (F.cross_entropy(scores, target) + F.cross_entropy(scores.T, target)) / 2
    return nce + 5 * (1 - (embeddings * texts).sum(dim=1)).mean()


def train_projector(
    model: FusedModel,
    projector: Projector,
    sample: Callable[[torch.Generator], tuple[Sequence[Tensor], Tensor]],
    steps: int,
    rate: float = 1e-3,
    seed: int = 0,
) -> None:
    """Fit ``projector`` in place. ``sample`` draws a batch: features (tokens, width) of each piece, caption texts."""
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    projector.requires_grad_(True).train()
    optimiser = torch.optim.AdamW(projector.parameters(), lr=rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps, pct_start=0.1)
    total = 0.0
    for step in range(1, steps + 1):
        features, texts = sample(generator)
        loss = contrastive(model.encode(wrapped(model, projector, features)), texts)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        total += float(loss)
        if step % 100 == 0:
            print(f"step {step} of {steps}: loss {total / 100:.3f}", flush=True)
            total = 0.0
    projector.requires_grad_(False).eval()


def wrapped(model: FusedModel, projector: Projector, features: Sequence[Tensor]) -> list[Tensor]:
    """Soft tokens between prefix and suffix, as ``FusedModel.soft_tokens`` lays them."""
    embed = model.backbone.get_input_embeddings()
    device = embed.weight.device
    prefix, suffix = (
        embed(torch.tensor(ids, device=device)) for ids in (model.config.prefix_tokens, model.config.suffix_tokens)
    )
    tokens = projector(torch.cat(list(features))).split([len(part) for part in features])
    return [torch.cat([prefix, own, suffix]) for own in tokens]
