"""How good a ranking is, and what chance would have reached.

Scores are (queries, pool), higher is better; masks beside them are bool and of the same shape. A tie between a right
and a wrong answer goes to the wrong one, and a score that is not a number speaks for a wrong entry and against a right
one: no model gains by giving everything the same score.
"""

from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor


def first_ranks(scores: Tensor, relevant: Tensor, neutral: Tensor | None = None) -> Tensor:
    """The rank of each query's best relevant entry, from 1: int64 (queries,).

    ``neutral`` entries are neither right nor wrong: they are left out of the ranking. Where nothing is relevant, the
    rank is one more than there are wrong entries.
    """
    if neutral is not None:
        relevant = relevant & ~neutral
    scores = _against(scores, relevant)
    best = scores.masked_fill(~relevant, float("-inf")).amax(dim=1, keepdim=True)
    wrong = ~relevant if neutral is None else ~(relevant | neutral)
    return (wrong & (scores >= best)).sum(dim=1) + 1


def recall_at(ranks: Tensor, k: int) -> float:
    """The share of queries, 0 to 1, whose rank is at most ``k``."""
    return float((ranks <= k).double().mean())


def mean_reciprocal_rank(ranks: Tensor) -> float:
    """The mean of 1 / rank, between 0 and 1."""
    return float((1 / ranks.double()).mean())


def average_precisions(scores: Tensor, relevant: Tensor) -> Tensor:
    """For each query the mean, over its relevant entries, of the precision at the rank of each: float64 (queries,).

    Manning, Raghavan, Schuetze, "Introduction to Information Retrieval", section 8.4. 0 where nothing is relevant.
    """
    scores = _against(scores, relevant)
    wrong_first = relevant.int().argsort(dim=1, stable=True)
    by_score = scores.gather(1, wrong_first).argsort(dim=1, descending=True, stable=True)
    right = relevant.gather(1, wrong_first.gather(1, by_score)).double()
    places = torch.arange(1, right.shape[1] + 1, device=right.device)
    return (right * right.cumsum(dim=1) / places).sum(dim=1) / right.sum(dim=1).clamp(min=1)


def chance_recall(relevant: Sequence[int], pool: Sequence[int], k: int) -> float:
    """Expected recall@k of a ranking at random: 1 - C(pool - relevant, k) / C(pool, k), mean over the queries.

    ``relevant`` and ``pool`` count, for each query, its relevant entries and all entries that are ranked.
    """

    def of_one(right: int, size: int) -> float:
        missed = 1.0
        for drawn in range(min(k, size)):
            missed *= (size - right - drawn) / (size - drawn)
        return 1 - missed

    return _mean([(of_one(right, size), count) for (right, size), count in Counter(_both(relevant, pool)).items()])


def chance_reciprocal_rank(relevant: Sequence[int], pool: Sequence[int]) -> float:
    """Expected mean reciprocal rank of a ranking at random, with arguments as for ``chance_recall``."""

    def of_one(right: int, size: int) -> float:
        drawn = torch.arange(size - right, dtype=torch.float64)
        missed = torch.cumprod(torch.cat([torch.ones(1).double(), (size - right - drawn) / (size - drawn)]), dim=0)
        found = missed - torch.cat([missed[1:], torch.zeros(1).double()])
        return float((found / torch.arange(1, len(found) + 1)).sum())

    return _mean([(of_one(right, size), count) for (right, size), count in Counter(_both(relevant, pool)).items()])


def chance_average_precision(relevant: Sequence[int], pool: Sequence[int]) -> float:
    """Expected mean average precision of a ranking at random, with arguments as for ``chance_recall``.

    (H + (r - 1) / (n - 1) * (n - H)) / n for r relevant among n, H the n-th harmonic number: precision at a relevant
    rank i is 1 / i for itself and (r - 1) / (n - 1) for each of the i - 1 entries before it.
    """

    def of_one(right: int, size: int) -> float:
        harmonic = float((1 / torch.arange(1, size + 1, dtype=torch.float64)).sum())
        return (harmonic + (right - 1) / max(size - 1, 1) * (size - harmonic)) / size

    return _mean([(of_one(right, size), count) for (right, size), count in Counter(_both(relevant, pool)).items()])


def spearman(first: Tensor, second: Tensor) -> float:
    """Rank correlation of two vectors (n,), equal values sharing their mean rank; 0 when either does not vary."""
    ranks = torch.stack([_mean_ranks(first), _mean_ranks(second)])
    centred = ranks - ranks.mean(dim=1, keepdim=True)
    lengths = centred.norm(dim=1)
    if float(lengths.min()) == 0.0:
        return 0.0
    return float((centred[0] * centred[1]).sum() / lengths.prod())


def _against(scores: Tensor, relevant: Tensor) -> Tensor:
    """``scores`` in which what is not a number is the lowest for a right entry and the highest for a wrong one."""
    worst = torch.where(relevant, float("-inf"), float("inf")).to(scores.dtype)
    return torch.where(scores.isnan(), worst, scores)


def _mean_ranks(values: Tensor) -> Tensor:
    _, places, counts = torch.unique(values, return_inverse=True, return_counts=True)
    last = counts.cumsum(dim=0).double()
    shared: Tensor = (last - (counts.double() - 1) / 2)[places]
    return shared


def _both(relevant: Sequence[int], pool: Sequence[int]) -> list[tuple[int, int]]:
    return list(zip(relevant, pool, strict=True))


def _mean(values: Sequence[tuple[float, int]]) -> float:
    """The mean of (value, how often)."""
    return sum(value * count for value, count in values) / sum(count for _, count in values)
