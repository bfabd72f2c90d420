"""Losses on embeddings, and the gradient cache that lets a batch exceed memory."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.model.fused_model import PieceFeatures

Embed = Callable[[Sequence[PieceFeatures]], Tensor]


def info_nce(pieces: Tensor, texts: Tensor, temperature: float, allowed: Tensor | None = None) -> Tensor:
    """Symmetric InfoNCE with in-batch negatives. Van den Oord et al., "Representation Learning with Contrastive
    Predictive Coding", arXiv 1807.03748.

    ``pieces`` and ``texts`` are L2-normalised (n, width), row i of one belonging to row i of the other; the loss is the
    mean over both directions of the cross-entropy of cosines / ``temperature``. ``allowed`` (n, n), bool, says which
    pairs may serve as negatives; the diagonal always counts.
    """
    logits = pieces @ texts.T / temperature
    if allowed is not None:
        own = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
        logits = logits.masked_fill(~(allowed | own), float("-inf"))
    target = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def allowed_negatives(groups: Sequence[Sequence[int]]) -> Tensor:
    """Pairs (n, n) that differ in every one of ``groups``, each a sequence of n labels.

    Two pictures of one concept, or two sounds with one caption, are no negatives of each other.
    """
    labels = torch.tensor(groups)
    return (labels.unsqueeze(2) != labels.unsqueeze(1)).all(dim=0)


def text_anchor(texts: Tensor, base_texts: Tensor) -> Tensor:
    """How far texts have moved: the mean squared distance, 2 (1 - cosine), between what this model and the base say.

    Both are L2-normalised (n, width). Texts that stay where they are keep their geometry, and remain the points that
    whatever is fitted to the base's text space in closed form refers to.
    """
    return (texts - base_texts).square().sum(dim=1).mean()


def backward(
    embed: Embed,
    inputs: Sequence[PieceFeatures],
    loss: Callable[[Tensor], Tensor],
    chunk: int,
    gather: Callable[[Tensor], tuple[Tensor, slice]] | None = None,
) -> float:
    """Add the gradient of ``loss(embed(inputs))`` to the parameters, ``chunk`` inputs in memory at a time.

    Gao et al., "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup" (GradCache), arXiv 2101.06983:
    embed everything without a graph, take the loss's gradient at the embeddings, embed again chunk by chunk with a
    graph and push that gradient through. ``gather`` joins the embeddings of several processes and says which rows are
    this process's own. Randomness (dropout) is replayed, so both passes see the same function. One process whose inputs
    are one chunk has no need of the detour, which costs a third more time.
    """
    if gather is None and len(inputs) <= chunk:
        value = loss(embed(inputs).float())
        torch.autograd.backward(value)
        return float(value.detach())
    chunks = [inputs[start : start + chunk] for start in range(0, len(inputs), chunk)]
    states, parts = [], []
    with torch.no_grad():
        for part in chunks:
            states.append(_random_state())
            parts.append(embed(part).float())
    everything, own = (torch.cat(parts), slice(None)) if gather is None else gather(torch.cat(parts))
    leaf = everything.detach().requires_grad_()
    value = loss(leaf)
    (gradient,) = torch.autograd.grad(value, leaf)
    pieces = torch.split(gradient[own], chunk)
    after = _random_state()
    for part, state, piece in zip(chunks, states, pieces, strict=True):
        _set_random_state(state)
        embeddings = embed(part).float()
        if embeddings.requires_grad:  # texts have no gradient while only a projector is trained
            torch.autograd.backward(embeddings, piece)
    _set_random_state(after)
    return float(value.detach())


def _random_state() -> tuple[Tensor, list[Tensor]]:
    return torch.get_rng_state(), torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []


def _set_random_state(state: tuple[Tensor, list[Tensor]]) -> None:
    torch.set_rng_state(state[0])
    if state[1]:
        torch.cuda.set_rng_state_all(state[1])
