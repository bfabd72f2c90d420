"""Scores from embeddings, against brute force."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.evaluate import score
from engine.evaluate.columns import Column, column
from engine.evaluate.score import score_column, score_mixed, standardise, text_pairs, text_retention
from engine.retrieval_metrics import spearman


def vectors(count: int, seed: int = 0, width: int = 8) -> Tensor:
    return F.normalize(torch.randn(count, width, generator=torch.Generator().manual_seed(seed)), dim=1)


def concepts(count: int) -> list[set[tuple[str, str]]]:
    return [{("concept", str(number % 5))} for number in range(count)]


def to_another(count: int) -> Column:
    places = torch.arange(count)
    return column("x", places, concepts(count), places, concepts(count), measure="map")


@pytest.mark.parametrize("chunk", [1, 7, 1024])
def test_a_column_is_scored_as_if_query_by_query(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(score, "CHUNK", chunk)
    embeddings = vectors(20)
    ranks, precisions = [], []
    for query in range(20):
        cosines = embeddings @ embeddings[query]
        order = [other for other in cosines.argsort(descending=True).tolist() if other != query]
        right = [place for place, other in enumerate(order, start=1) if other % 5 == query % 5]
        ranks.append(right[0])
        # The query itself is neutral and no answer, but average precision counts all that is not right as wrong.
        whole = cosines.argsort(descending=True).tolist()
        at = [place for place, other in enumerate(whole, start=1) if other % 5 == query % 5 and other != query]
        precisions.append(sum(number / place for number, place in enumerate(at, start=1)) / len(at))
    found = score_column(embeddings, to_another(20))
    assert found["recall@1"] == pytest.approx(sum(rank == 1 for rank in ranks) / 20)
    assert found["recall@10"] == pytest.approx(sum(rank <= 10 for rank in ranks) / 20)
    assert found["mrr"] == pytest.approx(sum(1 / rank for rank in ranks) / 20)
    assert found["map"] == pytest.approx(sum(precisions) / 20, abs=1e-6)


def test_standardised_scores_are_comparable_across_modalities() -> None:
    kinds = torch.tensor([0, 0, 0, 1, 1, 1])
    cosines = torch.tensor([[0.1, 0.2, 0.9, 0.91, 0.92, 0.93]])
    found = standardise(cosines, kinds)
    for kind in (0, 1):
        assert found[0, kinds == kind].mean() == pytest.approx(0.0, abs=1e-5)
        assert found[0, kinds == kind].std(correction=0) == pytest.approx(1.0, abs=1e-4)
    assert found.argmax() == 2 and cosines.argmax() == 5


def test_the_mixed_pool_shows_what_a_gap_between_modalities_costs_and_calibration_gives_back() -> None:
    """Texts in one corner, pieces of kind 0 beside them, those of kind 1 far off though in the same order."""
    count, width = 12, 32
    axes = torch.eye(count, width)
    far = F.normalize(axes - 8 * torch.eye(width)[-1], dim=1)
    embeddings = torch.cat([axes, F.normalize(axes + 0.5, dim=1), far])
    queries, pool = torch.arange(count), torch.arange(count, 3 * count)
    labels = [{("concept", str(number))} for number in range(count)]
    kinds = torch.tensor([0] * count + [1] * count)
    columns = {
        name: column(name, queries, labels, pool, labels * 2, intended=[int(kind) == number for kind in kinds])
        for number, name in enumerate(("image", "audio"))
    }
    found = score_mixed(embeddings, columns, kinds)  # type: ignore[arg-type]
    assert found["single"]["audio"]["recall@1"] == found["single"]["image"]["recall@1"] == 1.0
    assert found["cosine"]["image"]["recall@1"] == 1.0
    assert found["cosine"]["audio"]["recall@1"] < 1.0 == found["standardised"]["audio"]["recall@1"]
    half = (found["cosine"]["audio"]["mrr"] + 1.0) / 2
    assert found["cosine"]["mean"]["mrr"] == pytest.approx(half)


def test_text_pairs_are_different_texts_and_all_of_them_when_few() -> None:
    few = text_pairs(5, count=100)
    assert sorted(map(tuple, few.T.tolist())) == [(i, j) for i in range(5) for j in range(i + 1, 5)]
    many = text_pairs(700, count=100_000, seed=1)
    assert many.shape == (2, 100_000) and bool((many[0] != many[1]).all()) and int(many.max()) == 699
    assert torch.equal(many, text_pairs(700, count=100_000, seed=1))


def test_text_retention_is_the_rank_correlation_of_cosines() -> None:
    before, after = vectors(30, 1), vectors(30, 2)
    texts, pairs = torch.arange(10, 30), text_pairs(20)
    assert text_retention(before, before, texts, pairs) == pytest.approx(1.0)
    rotated = before @ torch.linalg.qr(torch.randn(8, 8))[0]
    assert text_retention(before, rotated, texts, pairs) == pytest.approx(1.0, abs=1e-3)
    own, other = (both[10:] @ both[10:].T for both in (before, after))
    expected = spearman(own[pairs[0], pairs[1]], other[pairs[0], pairs[1]])
    assert text_retention(before, after, texts, pairs) == pytest.approx(expected, abs=1e-3)
    assert abs(expected) < 0.5
