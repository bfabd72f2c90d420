"""Weights rounded to int8: a matrix ``X`` is stored as int8 beside ``X.scale``, float32, one for each row.

Symmetric and per row, the largest magnitude at 127. What reads a checkpoint gets float32 back and need not know.
"""

from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor

SCALE = ".scale"
LARGEST = 127


def round_matrix(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """``matrix`` (rows, columns) as int8 and scales, float32 (rows,)."""
    scales = matrix.float().abs().amax(dim=1).clamp(min=1e-12) / LARGEST
    return (matrix.float() / scales.unsqueeze(1)).round().to(torch.int8), scales


def read_tensor(weights: Any, name: str, names: Collection[str]) -> Tensor:
    """A tensor of an open safetensors file with the given ``names``; a rounded one as float32."""
    tensor: Tensor = weights.get_tensor(name)
    if name + SCALE not in names:
        return tensor
    scales: Tensor = weights.get_tensor(name + SCALE)
    return tensor.float() * scales.unsqueeze(1)


def is_scale(name: str, names: Collection[str]) -> bool:
    """Whether a tensor holds the scales of another."""
    return name.endswith(SCALE) and name.removesuffix(SCALE) in names
