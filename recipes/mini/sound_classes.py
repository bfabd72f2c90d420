"""Which class of aiSFX's classifiers is which category of the Universal Category System, and what each means.

The published checkpoint numbers its classes without naming them. Three of its classifiers have 78, 79 and 69 of UCS's
82 categories, and a list of labels is sorted as a rule: so class and category stand in the same order, and only the
categories that a classifier lacks are unknown. They are found with captioned sounds: the order-preserving assignment
whose classes are likeliest where the category's words are nearest to the captions. Dynamic programming gives the best
one; it fits far better than the best one of a shuffled list, which is the test of the assumption (docs/LOG.md).

``sound_classes.tsv`` has the categories in order, each with words for what is in it. "Archived" is not among them: it
is no sound.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from base import AISFX, load_pickled, read_member
from numpy.typing import NDArray
from torch import Tensor

HEADS = (0, 1, 2)
"""The classifiers that were trained on UCS's categories."""


def categories() -> dict[str, list[str]]:
    """Category -> words for what is in it, in UCS's order."""
    rows = (Path(__file__).parent / "sound_classes.tsv").read_text(encoding="utf-8").splitlines()
    return {name: words.split("; ") for name, words in (row.split("\t") for row in rows)}


def published_heads(packages: Path) -> list[dict[str, Tensor]]:
    """The weights of the classifiers, named as in ``SoundReadout.heads``."""
    weights, _ = load_pickled(read_member(packages / AISFX, "aisfx/models/checkpoint.pth"))
    prefixes = [f"fc.{head}." for head in HEADS]
    return [
        {name.removeprefix(prefix): tensor.float() for name, tensor in weights.items() if name.startswith(prefix)}
        for prefix in prefixes
    ]


def class_counts(heads: Sequence[dict[str, Tensor]]) -> tuple[int, ...]:
    """How many classes each classifier has."""
    return tuple(len(head["4.bias"]) for head in heads)


def assign(likely: Tensor, captions: Tensor, concepts: Sequence[str], texts: Tensor) -> tuple[list[int], float]:
    """The category of each class, and how well they fit, from log-probabilities (sounds, classes) and embeddings.

    ``captions`` (sounds, width) and ``texts`` (categories, width) are normalised. Each concept counts once, and both
    sides are centred: some classes are always likely, some words near to everything.
    """
    names = sorted(set(concepts))
    member = F.one_hot(torch.tensor([names.index(name) for name in concepts])).float()
    average = member / member.sum(dim=0)
    near = F.normalize(average.T @ captions, dim=1) @ texts.T
    evidence = _standard(average.T @ likely).T @ _standard(near) / len(names)
    evidence = evidence - evidence.mean(dim=0) - evidence.mean(dim=1, keepdim=True)
    return in_order(evidence.double().numpy())


def in_order(evidence: NDArray[np.float64]) -> tuple[list[int], float]:
    """The columns, one for each row and rising, with the largest sum; and that sum."""
    rows, columns = evidence.shape
    best = np.full((rows + 1, columns + 1), -np.inf)
    best[0] = 0.0
    for row in range(1, rows + 1):
        for column in range(row, columns + 1):
            taken = best[row - 1, column - 1] + evidence[row - 1, column - 1]
            best[row, column] = max(taken, best[row, column - 1])
    found: list[int] = []
    row, column = rows, columns
    while row:
        if best[row, column] > best[row, column - 1]:
            row -= 1
            found.append(column - 1)
        column -= 1
    return found[::-1], float(best[rows, columns])


def _standard(values: Tensor) -> Tensor:
    values = (values - values.mean(dim=0)) / values.std(dim=0)
    return values - values.mean(dim=1, keepdim=True)
