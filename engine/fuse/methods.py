"""Ways to combine task vectors. Arithmetic only: float32 tensors of one parameter in, one tensor of that shape out.

Every function takes ``vectors``, one for each specialist, and a coefficient for each; what it returns is added to the
base. Specialists are taken in the order of their names, so the order of the mapping changes nothing, not even rounding.
"""

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor

Vectors = Mapping[str, Tensor]
Coefficients = Mapping[str, float]


def weighted_sum(vectors: Vectors, coefficients: Coefficients) -> Tensor:
    """sum_m alpha_m tau_m. Ilharco et al., "Editing Models with Task Arithmetic", arXiv 2212.04089."""
    total = torch.zeros_like(next(iter(vectors.values())))
    for name in sorted(vectors):
        total = total + coefficients[name] * vectors[name]
    return total


def ties(vectors: Vectors, coefficients: Coefficients, keep: float) -> Tensor:
    """Trim, elect sign, disjoint mean. Yadav et al., "TIES-Merging", arXiv 2306.01708.

    Of each vector only the share ``keep`` with the largest magnitude stays; each entry takes the sign with the larger
    total; those that have it are averaged. The paper trims a vector as a whole and scales the mean by one lambda; here
    each parameter is trimmed by itself, so that parameters can be streamed, and coefficients may differ (equal ones are
    that lambda).
    """
    stacked = torch.stack([coefficients[name] * trim(vectors[name], keep) for name in sorted(vectors)])
    agrees = (torch.sign(stacked) == torch.sign(stacked.sum(dim=0))) & (stacked != 0)
    return torch.where(agrees, stacked, 0.0).sum(dim=0) / agrees.sum(dim=0).clamp(min=1)


def trim(vector: Tensor, keep: float) -> Tensor:
    """``vector`` with all but the share ``keep`` of its entries set to zero; entries as large as the last one stay."""
    kept = round(keep * vector.numel())
    if kept <= 0:
        return torch.zeros_like(vector)
    magnitude = vector.abs()
    threshold = magnitude.flatten().kthvalue(vector.numel() - kept + 1).values
    return torch.where(magnitude >= threshold, vector, 0.0)


def dare(vectors: Vectors, coefficients: Coefficients, drop: float, seed: int, parameter: str) -> Tensor:
    """Drop entries at random, rescale the rest by 1 / (1 - drop), add. Yu et al., "Language Models are Super Mario:
    Absorbing Abilities from Homologous Models as a Free Lunch", arXiv 2311.03099.

    The mask depends on ``seed``, the specialist and the name of the ``parameter`` alone, not on what was merged before.
    """
    thinned = {}
    for name, vector in vectors.items():
        digest = hashlib.sha256(f"{seed}/{name}/{parameter}".encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "big", signed=True))
        stays = torch.rand(vector.shape, generator=generator) >= drop
        thinned[name] = torch.where(stays, vector / (1.0 - drop), 0.0)
    return weighted_sum(thinned, coefficients)
