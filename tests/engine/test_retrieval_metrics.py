"""Metrics against brute force."""

from itertools import permutations
from math import isnan

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from engine.retrieval_metrics import (
    average_precisions,
    chance_average_precision,
    chance_recall,
    chance_reciprocal_rank,
    first_ranks,
    mean_reciprocal_rank,
    recall_at,
    spearman,
)

# Few different values, so that ties are common; some are no numbers.
SCORES = st.sampled_from([-1.0, 0.0, 0.25, 0.5, 1.0, float("nan")])
ENTRY = st.tuples(SCORES, st.booleans(), st.booleans())  # score, relevant, neutral


def split(entries: list[tuple[float, bool, bool]]) -> tuple[Tensor, Tensor, Tensor]:
    scores, relevant, neutral = zip(*entries, strict=True)
    return torch.tensor([scores]), torch.tensor([relevant]), torch.tensor([neutral])


def worst_order(scores: list[float], relevant: list[bool]) -> list[bool]:
    """Relevance in the order of the ranking, every doubt decided against the relevant."""

    def key(place: int) -> tuple[float, bool]:
        value = scores[place]
        if isnan(value):
            value = float("-inf") if relevant[place] else float("inf")
        return (-value, relevant[place])

    return [relevant[place] for place in sorted(range(len(scores)), key=key)]


@given(st.lists(ENTRY, min_size=1, max_size=12))
def test_first_rank_is_that_of_the_best_answer_in_the_worst_order(entries: list[tuple[float, bool, bool]]) -> None:
    kept = [(score, relevant) for score, relevant, neutral in entries if not neutral]
    order = worst_order([score for score, _ in kept], [relevant for _, relevant in kept])
    expected = order.index(True) + 1 if True in order else len(order) + 1
    assert first_ranks(*split(entries)).tolist() == [expected]


@given(st.lists(ENTRY, min_size=1, max_size=12))
def test_average_precision_is_the_mean_of_precisions_at_the_answers(entries: list[tuple[float, bool, bool]]) -> None:
    scores, relevant, _ = split(entries)
    order = worst_order(scores[0].tolist(), relevant[0].tolist())
    at_answers = [sum(order[: place + 1]) / (place + 1) for place, right in enumerate(order) if right]
    expected = sum(at_answers) / len(at_answers) if at_answers else 0.0
    assert average_precisions(scores, relevant).tolist() == [pytest.approx(expected)]


@given(st.lists(st.booleans(), min_size=1, max_size=6).filter(any), st.integers(1, 8))
def test_chance_is_the_mean_over_all_orders(relevant: list[bool], k: int) -> None:
    orders = list(permutations(relevant))
    ranks = torch.tensor([order.index(True) + 1 for order in orders])
    right, pool = [sum(relevant)], [len(relevant)]
    assert chance_recall(right, pool, k) == pytest.approx(recall_at(ranks, k))
    assert chance_reciprocal_rank(right, pool) == pytest.approx(mean_reciprocal_rank(ranks))
    scores = -torch.arange(len(relevant), dtype=torch.float32).expand(len(orders), -1)
    precisions = average_precisions(scores, torch.tensor(orders))
    assert chance_average_precision(right, pool) == pytest.approx(float(precisions.mean()))


def test_chance_of_several_queries_is_their_mean() -> None:
    each = [chance_recall([right], [9], 2) for right in (1, 4, 4)]
    assert chance_recall([1, 4, 4], [9, 9, 9], 2) == pytest.approx(sum(each) / 3)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=12))
def test_spearman_is_the_correlation_of_mean_ranks(points: list[tuple[int, int]]) -> None:
    columns = [list(column) for column in zip(*points, strict=True)]
    ranks = [
        [sum(other < own for other in column) + (column.count(own) + 1) / 2 for own in column] for column in columns
    ]
    expected = 0.0
    if all(len(set(column)) > 1 for column in columns):
        expected = float(torch.corrcoef(torch.tensor(ranks, dtype=torch.float64))[0, 1])
    found = spearman(*(torch.tensor(column, dtype=torch.float32) for column in columns))
    assert found == pytest.approx(expected, abs=1e-9)


def test_a_model_that_scores_everything_alike_finds_nothing() -> None:
    scores, relevant = torch.ones(1, 50), torch.zeros(1, 50, dtype=torch.bool)
    relevant[0, 0] = True
    assert first_ranks(scores, relevant).tolist() == [50]
