"""The closed-form picture readout: what the classifier sees, said in words, with no training through the backbone."""

import torch
from torch import Tensor, nn


class PictureReadout(nn.Module):
    """Two readings of a picture as points of the text space.

    The *class mixture* is ConSE (Norouzi et al., "Zero-Shot Learning by Convex Combination of Semantic Embeddings",
    ICLR 2014): the text embeddings of the likeliest classes, weighted by their probability. It is not normalised: a
    picture the classifier is unsure of says less. The *map* is a ridge regression from the pooled feature to the text
    embeddings of captions and class names.
    """

    def __init__(self, features: int, classes: int, width: int, temperature: float, top_classes: int) -> None:
        super().__init__()
        self.class_texts = nn.Parameter(torch.zeros(classes, width))
        self.map = nn.Linear(features, width)
        self.temperature = temperature
        self.top_classes = top_classes

    def forward(self, pooled: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Class mixture and map, each (n, width), of pooled features (n, features) and class logits (n, classes)."""
        best, classes = (logits / self.temperature).softmax(dim=-1).topk(self.top_classes, dim=-1)
        mixture = (best.unsqueeze(-1) * self.class_texts[classes]).sum(dim=1)
        return mixture, self.map(pooled)
