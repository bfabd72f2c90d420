"""The laws that the ways of combining task vectors must keep."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from engine.fuse.methods import dare, ties, trim, weighted_sum

NAMES = ("image", "audio", "document", "video")
numbers = st.floats(-4, 4, width=32)


@st.composite
def vectors(draw: st.DrawFn) -> dict[str, Tensor]:
    count, length = draw(st.integers(1, 4)), draw(st.integers(1, 12))
    rows = st.lists(numbers, min_size=length, max_size=length)
    return {name: torch.tensor(draw(rows)) for name in NAMES[:count]}


def coefficients(given_vectors: dict[str, Tensor], value: float) -> dict[str, float]:
    return dict.fromkeys(given_vectors, value)


@settings(deadline=None)  # the first call warms torch up
@given(vectors())
def test_a_sum_with_zero_coefficients_is_zero(these: dict[str, Tensor]) -> None:
    assert not weighted_sum(these, coefficients(these, 0.0)).any()


@settings(deadline=None)  # the first call warms torch up
@given(vectors(), numbers)
def test_a_sum_is_linear_in_its_coefficients(these: dict[str, Tensor], scale: float) -> None:
    once = weighted_sum(these, coefficients(these, 1.0))
    torch.testing.assert_close(weighted_sum(these, coefficients(these, scale)), scale * once, atol=1e-4, rtol=1e-4)


@settings(deadline=None)  # the first call warms torch up
@given(vectors(), st.floats(0.05, 1), st.randoms())
def test_the_order_of_specialists_changes_nothing(these: dict[str, Tensor], keep: float, random: object) -> None:
    names = list(these)
    random.shuffle(names)  # type: ignore[attr-defined]
    other = {name: these[name] for name in names}
    weights = {name: 0.1 * (place + 1) for place, name in enumerate(these)}
    assert torch.equal(weighted_sum(these, weights), weighted_sum(other, weights))
    assert torch.equal(ties(these, weights, keep), ties(other, weights, keep))
    assert torch.equal(dare(these, weights, 0.5, 7, "layer"), dare(other, weights, 0.5, 7, "layer"))


@settings(deadline=None)  # the first call warms torch up
@given(vectors(), numbers)
def test_ties_with_one_vector_that_keeps_everything_is_the_sum(these: dict[str, Tensor], scale: float) -> None:
    one = {"image": these["image"]}
    assert torch.equal(ties(one, {"image": scale}, 1.0), weighted_sum(one, {"image": scale}))


@settings(deadline=None)  # the first call warms torch up
@given(vectors(), st.floats(0.05, 1))
def test_ties_of_copies_is_the_trimmed_vector(these: dict[str, Tensor], keep: float) -> None:
    copies = dict.fromkeys(NAMES, these["image"])
    torch.testing.assert_close(ties(copies, coefficients(copies, 1.0), keep), trim(these["image"], keep))


def test_ties_takes_the_sign_with_the_larger_total_and_averages_those_who_agree() -> None:
    these = {"a": torch.tensor([3.0, 1.0]), "b": torch.tensor([1.0, -2.0]), "c": torch.tensor([-2.0, -4.0])}
    merged = ties(these, coefficients(these, 1.0), keep=1.0)
    assert merged.tolist() == [2.0, -3.0]


@settings(deadline=None)  # the first call warms torch up
@given(vectors(), st.floats(0, 1))
def test_trimming_keeps_the_largest_entries(these: dict[str, Tensor], keep: float) -> None:
    vector = these["image"]
    trimmed = trim(vector, keep)
    stays = trimmed != 0
    assert torch.equal(trimmed[stays], vector[stays])
    if stays.any() and not stays.all():
        assert vector[stays].abs().min() >= vector[~stays].abs().max()
    assert int(stays.sum()) >= min(round(keep * len(vector)), int((vector != 0).sum()))


@pytest.mark.parametrize("drop", [0.1, 0.5, 0.9])
def test_dare_is_unbiased(drop: float) -> None:
    vector = torch.tensor([1.0, -2.0, 0.5])
    many = torch.stack([dare({"image": vector}, {"image": 1.0}, drop, seed, "layer") for seed in range(4000)])
    error = (drop / (1 - drop) / 4000) ** 0.5 * vector.abs()  # the standard deviation of the mean
    assert ((many.mean(dim=0) - vector).abs() < 5 * error).all()


@settings(deadline=None)  # the first call warms torch up
@given(vectors())
def test_dare_that_drops_nothing_is_the_sum(these: dict[str, Tensor]) -> None:
    assert torch.equal(
        dare(these, coefficients(these, 0.5), 0.0, 0, "x"), weighted_sum(these, coefficients(these, 0.5))
    )


def test_dare_draws_another_mask_for_each_parameter_specialist_and_seed() -> None:
    ones = {"image": torch.ones(64)}
    draws = {
        tuple(dare({name: torch.ones(64)}, {name: 1.0}, 0.5, seed, parameter).tolist())
        for name, seed, parameter in [("image", 0, "a"), ("image", 0, "b"), ("image", 1, "a"), ("audio", 0, "a")]
    }
    assert len(draws) == 4
    again = dare(ones, {"image": 1.0}, 0.5, 0, "a")
    assert torch.equal(again, dare(ones, {"image": 1.0}, 0.5, 0, "a"))
