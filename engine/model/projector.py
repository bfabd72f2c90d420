"""Projectors: from an encoder's features to soft tokens the backbone can read."""

import torch.nn.functional as F
from torch import Tensor, nn


class Projector(nn.Module):
    """Two layers: (..., features) to (..., width of the backbone).

    The features are normalised first, because encoders differ in scale by orders of magnitude and the backbone's own
    token embeddings are small.
    """

    def __init__(self, features: int, hidden: int, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(features)
        self.first = nn.Linear(features, hidden)
        self.second = nn.Linear(hidden, width)

    def forward(self, features: Tensor) -> Tensor:
        tokens: Tensor = self.second(F.gelu(self.first(self.norm(features))))
        return tokens
