"""Projector Drift, measured (arXiv 2606.09331).

A projector writes soft tokens for one backbone. After fusion the backbone is another, and the projector, though copied
unchanged, speaks to one that is gone. So three changes are told apart, between a model ``before`` (the specialist: what
the backbone was tuned with) and a model ``after`` (fused, recovered, rehearsed):

    tokens      what the projector says             before's projector  ->  after's projector
    backbone    what is made of the same tokens     before              ->  after's backbone with before's projector
    embedding   both together                       before              ->  after

Drift is ``backbone`` far off while ``tokens`` are the same; recovery moves ``tokens`` so that ``embedding`` comes back.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.model.families import OmniModel
from engine.model.fused_model import PieceFeatures


@dataclass(frozen=True)
class Shift:
    """From vectors a to vectors b, on average: ``cosine`` (a, b), and ``relative_norm`` |b - a| / |a|."""

    cosine: float
    relative_norm: float


@dataclass(frozen=True)
class Drift:
    """The three shifts of the module's docstring for one projector, over ``pieces`` pieces."""

    projector: str
    pieces: int
    tokens: Shift
    backbone: Shift
    embedding: Shift


def measure_shift(before: Tensor, after: Tensor) -> Shift:
    """The shift between two tensors of vectors (n, width), row by row."""
    before, after = before.double(), after.double()
    relative = (after - before).norm(dim=-1) / before.norm(dim=-1).clamp(min=1e-12)
    return Shift(float(F.cosine_similarity(before, after, dim=-1).mean()), float(relative.mean()))


def measure_drift(
    before: OmniModel, after: OmniModel, pieces: Sequence[PieceFeatures], projector: str = "audio_projector"
) -> Drift:
    """Drift of the modality that enters through ``projector``; ``pieces`` are of that modality."""
    tokens_before, embedding_before = _run(before, pieces, projector)
    tokens_after, embedding_after = _run(after, pieces, projector)
    with borrowed(after, projector, before):
        _, embedding_crossed = _run(after, pieces, projector)
    return Drift(
        projector,
        len(pieces),
        measure_shift(tokens_before, tokens_after),
        measure_shift(embedding_before, embedding_crossed),
        measure_shift(embedding_before, embedding_after),
    )


@contextmanager
def borrowed(model: nn.Module, name: str, lender: nn.Module) -> Iterator[None]:
    """While it lasts, ``model`` uses the module ``name`` of ``lender``."""
    own = model.get_submodule(name)
    model.set_submodule(name, lender.get_submodule(name))
    try:
        yield
    finally:
        model.set_submodule(name, own)


@torch.no_grad()
def _run(model: OmniModel, pieces: Sequence[PieceFeatures], projector: str) -> tuple[Tensor, Tensor]:
    """Soft tokens (n, width) that the projector gives, and pooled embeddings (len(pieces), dimension)."""
    tokens: list[Tensor] = []
    hook = model.get_submodule(projector).register_forward_hook(lambda *call: tokens.append(call[2].detach()))
    try:
        embeddings = model.embed_features(pieces)
    finally:
        hook.remove()
    return torch.cat([part.flatten(0, -2) for part in tokens]), embeddings
