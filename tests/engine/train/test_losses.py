"""InfoNCE, its mask, the gradient cache and the anchor."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from engine.model.checkpoint import open_checkpoint
from engine.model.fused_model import PieceFeatures
from engine.train.losses import allowed_negatives, backward, info_nce, text_anchor
from tests.engine.train.conftest import World


def rows(count: int, seed: int = 0, width: int = 6) -> Tensor:
    return F.normalize(torch.randn(count, width, generator=torch.Generator().manual_seed(seed)), dim=-1)


def test_info_nce_against_its_definition() -> None:
    pieces, texts = rows(4, 1), rows(4, 2)
    expected = 0.0
    for i in range(4):
        for one, other in ((pieces, texts), (texts, pieces)):
            scores = [float(one[i] @ other[j]) / 0.1 for j in range(4)]
            expected -= (scores[i] - math.log(sum(math.exp(score) for score in scores))) / 8
    assert float(info_nce(pieces, texts, 0.1)) == pytest.approx(expected, rel=1e-5)


def test_a_masked_pair_has_no_say() -> None:
    pieces, texts = rows(3, 1), rows(3, 2)
    allowed = allowed_negatives([[0, 0, 1], [5, 6, 7]])  # the first two share a concept
    assert allowed.tolist() == [[False, False, True], [False, False, True], [True, True, False]]
    expected = 0.0
    for i, negatives in enumerate(([2], [2], [0, 1])):
        for one, other in ((pieces, texts), (texts, pieces)):
            scores = [float(one[i] @ other[j]) / 0.1 for j in [i, *negatives]]
            expected -= (scores[0] - math.log(sum(math.exp(score) for score in scores))) / 6
    assert float(info_nce(pieces, texts, 0.1, allowed)) == pytest.approx(expected, rel=1e-5)


def test_two_captions_alike_are_no_negatives() -> None:
    assert not allowed_negatives([[0, 1], [5, 5]]).any()


@settings(deadline=None)  # the first call warms torch up
@given(st.integers(1, 9), st.integers(0, 5))
def test_the_gradient_cache_gives_the_gradients_of_the_whole_batch(chunk: int, seed: int) -> None:
    torch.manual_seed(seed)
    network = torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.GELU(), torch.nn.Linear(16, 6))
    inputs = list(rows(8, seed))

    def embed(part: list[Tensor]) -> Tensor:
        return F.normalize(network(torch.stack(part)), dim=-1)

    def loss(embeddings: Tensor) -> Tensor:
        return info_nce(embeddings[:4], embeddings[4:], 0.1)

    value = loss(embed(inputs))
    value.backward()
    expected = [parameter.grad.clone() for parameter in network.parameters()]
    network.zero_grad()
    assert backward(embed, inputs, loss, chunk) == pytest.approx(value.item(), rel=1e-5)  # type: ignore[arg-type]
    for parameter, gradient in zip(network.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, atol=1e-5, rtol=1e-4)


def test_the_gradient_cache_on_the_model_itself(world: World) -> None:
    model = open_checkpoint(world.base).load()
    model.backbone.requires_grad_(True)
    pieces = [PieceFeatures("text", tokens=torch.arange(3, 3 + length)) for length in (1, 4, 2, 6)]

    def loss(embeddings: Tensor) -> Tensor:
        return info_nce(embeddings[:2], embeddings[2:], 0.1)

    gradients = []
    for chunk in (4, 1):
        model.zero_grad()
        backward(model.embed_features, pieces, loss, chunk)
        gradients.append([p.grad.clone() for p in model.backbone.parameters() if p.grad is not None])
    for whole, cached in zip(*gradients, strict=True):
        torch.testing.assert_close(whole, cached, atol=1e-5, rtol=1e-4)


def test_dropout_is_the_same_in_both_passes() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(6, 6), torch.nn.Dropout(0.5))
    seen: list[Tensor] = []

    def embed(part: list[Tensor]) -> Tensor:
        seen.append(network(torch.stack(part)))
        return seen[-1]

    backward(embed, list(rows(6)), lambda e: e.square().sum(), chunk=2)  # type: ignore[arg-type]
    assert all(torch.equal(first, second) for first, second in zip(seen[:3], seen[3:], strict=True))
    assert not torch.equal(seen[0] == 0, seen[1] == 0)


def test_the_anchor_is_the_distance_to_where_texts_were() -> None:
    texts, others = rows(5), rows(5, 8)
    assert float(text_anchor(texts, texts)) == 0.0
    cosines = (texts * others).sum(dim=1)
    assert float(text_anchor(others, texts)) == pytest.approx(float((2 - 2 * cosines).mean()))
