"""From embeddings to scores, column by column."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from engine.evaluate.columns import Column
from engine.retrieval_metrics import average_precisions, first_ranks, mean_reciprocal_rank, recall_at, spearman
from storage.records import Modality

Scores = dict[str, float]
CHUNK = 1024  # queries that are ranked at once


def score_column(embeddings: Tensor, column: Column) -> Scores:
    """Recall@1 and @10, mean reciprocal rank and, for a column that is read by it, mean average precision; 0 to 1."""
    pool = embeddings[column.pool.to(embeddings.device)]
    ranks, precisions = [], []
    for chosen, cosines in _chunks(embeddings, column, pool):
        relevant = column.mask(column.relevant, chosen, pool.device)
        neutral = column.mask(column.neutral, chosen, pool.device)
        ranks.append(first_ranks(cosines, relevant, neutral))
        if column.measure == "map":
            precisions.append(average_precisions(cosines, relevant))
    scores = summarise_ranks(torch.cat(ranks))
    if precisions:
        scores["map"] = float(torch.cat(precisions).mean())
    return scores


def summarise_ranks(ranks: Tensor) -> Scores:
    """The scores that follow from the ranks of the first right answers."""
    return {"recall@1": recall_at(ranks, 1), "recall@10": recall_at(ranks, 10), "mrr": mean_reciprocal_rank(ranks)}


def score_mixed(embeddings: Tensor, columns: Mapping[Modality, Column], kinds: Tensor) -> dict[str, Any]:
    """Each column of the mixed pool ranked in three ways, with the mean over modalities of each.

    ``single``: among pieces of the intended modality alone. ``cosine``: among all, by cosine. ``standardised``: among
    all, by how many standard deviations a cosine lies above the mean cosine of the query with pieces of that modality,
    which is what calibration could give at best.
    """
    kinds = kinds.to(embeddings.device)
    found: dict[str, dict[str, Scores]] = {"single": {}, "cosine": {}, "standardised": {}}
    for modality, column in columns.items():
        pool = embeddings[column.pool.to(embeddings.device)]
        ranks: dict[str, list[Tensor]] = {way: [] for way in found}
        for chosen, cosines in _chunks(embeddings, column, pool):
            relevant = column.mask(column.relevant, chosen, pool.device)
            neutral = column.mask(column.neutral, chosen, pool.device)
            own = kinds[relevant.any(dim=0)][0]
            ranks["single"].append(first_ranks(cosines, relevant, neutral | (kinds != own)))
            ranks["cosine"].append(first_ranks(cosines, relevant, neutral))
            ranks["standardised"].append(first_ranks(standardise(cosines, kinds), relevant, neutral))
        for way, parts in ranks.items():
            found[way][modality] = summarise_ranks(torch.cat(parts))
    return {way: {"mean": _mean(list(scores.values())), **scores} for way, scores in found.items()}


def standardise(cosines: Tensor, kinds: Tensor) -> Tensor:
    """Each query's cosines (queries, pool) less their mean over the entries of a kind, in their standard deviations."""
    result = torch.empty_like(cosines)
    for kind in set(kinds.tolist()):
        own = kinds == kind
        part = cosines[:, own]
        spread = part.std(dim=1, keepdim=True, correction=0).clamp(min=1e-6)
        result[:, own] = (part - part.mean(dim=1, keepdim=True)) / spread
    return result


def text_pairs(texts: int, count: int = 200_000, seed: int = 0) -> Tensor:
    """``count`` pairs of different numbers below ``texts``, drawn at random from ``seed``: int64 (2, count).

    All pairs there are, where these are fewer.
    """
    if texts * (texts - 1) // 2 <= count:
        return torch.triu_indices(texts, texts, offset=1)
    draw = torch.Generator().manual_seed(seed)
    first = torch.randint(texts, (count,), generator=draw)
    other = (first + torch.randint(1, texts, (count,), generator=draw)) % texts
    return torch.stack([first, other])


def text_retention(base: Tensor, embeddings: Tensor, texts: Tensor, pairs: Tensor) -> float:
    """Rank correlation of the cosines of ``pairs`` of ``texts`` (places) before and after: 1 where nothing changed."""
    cosines = []
    for vectors in (base, embeddings):
        own = vectors[texts.to(vectors.device)]
        cosines.append((own[pairs[0]] * own[pairs[1]]).sum(dim=1))
    return spearman(*cosines)


def _chunks(embeddings: Tensor, column: Column, pool: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Some queries at a time, and their cosines with the pool."""
    for start in range(0, len(column.queries), CHUNK):
        chosen = slice(start, min(start + CHUNK, len(column.queries)))
        yield chosen, embeddings[column.queries[chosen].to(embeddings.device)] @ pool.T


def _mean(scores: Sequence[Scores]) -> Scores:
    return {name: sum(one[name] for one in scores) / len(scores) for name in scores[0]}
