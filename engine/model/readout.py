"""The closed-form readouts: what a classifier sees or hears, said in words, with no training through the backbone."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

HEAD_WIDTHS = (256, 128)
"""Widths inside a classifier of sounds."""

EVENT_TEMPERATURE = 1.5


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


class SoundReadout(nn.Module):
    """Two readings of a block of sound as points of the text space; the counterpart of ``PictureReadout``.

    The *class mixture* is ConSE over several classifiers, each with its own list of ``classes``, averaged. The *map* is
    a ridge regression from the square roots of what the encoder says to the text embeddings of captions: roots, since a
    few large values would speak for all. ``parts`` is how many equal stretches of time the encoder sums up apart; the
    classifiers were trained on the maximum over all of them. Over the sounds they were fitted on, the mean of either
    reading is zero.
    """

    def __init__(self, features: int, parts: int, pooled: int, classes: Sequence[int], width: int) -> None:
        super().__init__()
        widths = (pooled, *HEAD_WIDTHS)
        self.heads = nn.ModuleList(_head([*widths, count]) for count in classes)
        self.class_texts = nn.Parameter(torch.zeros(sum(classes), width))
        self.map = nn.Linear(features, width)
        self.parts, self.pooled = parts, pooled

    def forward(self, blocks: Tensor) -> tuple[Tensor, Tensor]:
        """Class mixture and map, each (n, width), of what the encoder says of blocks (n, features)."""
        likely = torch.cat([logits.softmax(dim=-1) for logits in self.classify(blocks)], dim=1)
        return likely @ self.class_texts / len(self.heads), self.map(blocks.sqrt())

    def classify(self, blocks: Tensor) -> list[Tensor]:
        """Logits (n, classes) of each classifier."""
        whole = blocks[:, -self.parts * self.pooled :].reshape(len(blocks), self.parts, self.pooled).amax(dim=1)
        return [head(whole) for head in self.heads]


class EventReadout(nn.Module):
    """Two readings of a sound as points of the text space, by the events that are heard in it.

    The *class mixture* is ConSE over all kinds of events. Their scores are made for saying whether each is heard, not
    which: the logarithm of how usual a kind is, ``usual``, is taken off before the softmax, or speech and music would
    be in everything. The *map* is fitted together with that of ``SoundReadout``; the two are summands of one. Both
    readings are centred as there.
    """

    def __init__(self, features: int, events: int, width: int) -> None:
        super().__init__()
        self.usual = nn.Parameter(torch.zeros(events))
        self.class_texts = nn.Parameter(torch.zeros(events, width))
        self.map = nn.Linear(features, width)

    def forward(self, features: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Class mixture and map, each (n, width), of features (n, features) and logits (n, events) of sounds."""
        likely = ((logits - self.usual) / EVENT_TEMPERATURE).softmax(dim=-1)
        return likely @ self.class_texts, self.map(features.sqrt())


def _head(widths: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
