"""Relevance: rising with the score, falling with the size of the library, comparable across scales, steered by the
prior in a small library."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.query.calibrate import Background, background

SCALES = st.builds(Background, st.floats(-0.5, 0.5), st.floats(1e-3, 0.5), st.floats(1, 2))
SCORES = st.floats(-1, 1)


@given(scale=SCALES, scores=st.lists(SCORES, min_size=2, max_size=20), pieces=st.integers(1, 10**9))
def test_relevance_rises_with_the_score_from_0_to_1(scale: Background, scores: list[float], pieces: int) -> None:
    ordered = [scale.relevance(score, pieces) for score in sorted(scores)]
    assert ordered == sorted(ordered) and all(0 <= value <= 1 for value in ordered)


@given(scale=SCALES, score=SCORES, pieces=st.integers(1, 10**9), more=st.integers(0, 10**9))
def test_unrelated_pieces_never_raise_the_relevance_of_a_score(
    scale: Background, score: float, pieces: int, more: int
) -> None:
    assert scale.relevance(score, pieces + more) <= scale.relevance(score, pieces)


@given(prior=SCALES, scores=st.lists(st.floats(-1, 1, width=32), max_size=60), random=st.randoms())
def test_the_order_of_the_pieces_means_nothing(prior: Background, scores: list[float], random: object) -> None:
    shuffled = sorted(scores, key=lambda score: hash((score, repr(random))))
    one, other = (background(prior, np.array(each, dtype=np.float32)) for each in (scores, shuffled))
    assert one == other


def test_the_best_of_many_that_have_nothing_to_do_with_it_reaches_an_even_chance() -> None:
    """Whatever the size: that is what makes modalities of a hundred and of a million pieces comparable."""
    random, prior = np.random.default_rng(0), Background(0.1, 0.08)
    for pieces in (20, 1_000, 100_000):
        best = random.logistic(0.1, 0.08 * 3**0.5 / np.pi, (40, pieces)).max(axis=1)
        sample = random.logistic(0.1, 0.08 * 3**0.5 / np.pi, min(pieces, 512)).astype(np.float32)
        scale = background(prior, sample)
        assert 0.35 < np.median([scale.relevance(score, pieces) for score in best.tolist()]) < 0.75


def test_where_the_tail_is_steeper_what_stands_high_says_more() -> None:
    flat, steep = Background(0.3, 0.05), Background(0.3, 0.05, 1.25)
    assert steep.standing(0.38) == flat.standing(0.38), "up to two deviations nothing changes"
    assert steep.standing(0.5) == pytest.approx(2 + 1.25 * 2) and flat.standing(0.5) == pytest.approx(4)
    scores = np.array([0.2, 0.38, 0.5, 0.6])
    assert steep.standing(scores) == pytest.approx([steep.standing(float(score)) for score in scores])
    assert background(steep, np.full(100, 0.3, np.float32)).steepness == 1.25


def test_a_modality_with_lower_cosines_is_not_put_last() -> None:
    rng = np.random.default_rng(0)
    texts = background(Background(0.3, 0.1), rng.normal(0.3, 0.10, 2000).astype(np.float32))
    pictures = background(Background(0.05, 0.03), rng.normal(0.05, 0.03, 2000).astype(np.float32))
    assert pictures.relevance(0.2, 2000) > texts.relevance(0.45, 2000)


def test_few_scores_barely_move_the_prior_and_many_replace_it() -> None:
    prior = Background(0.1, 0.05)
    few = background(prior, np.full(20, 0.4, dtype=np.float32))
    assert abs(few.mean - 0.1) < 0.02
    rng = np.random.default_rng(0)
    many = background(prior, rng.logistic(0.3, 0.02 * 3**0.5 / np.pi, 500_000).astype(np.float32))
    assert abs(many.mean - 0.3) < 0.01 and abs(many.deviation - 0.02) < 0.01


def test_the_matches_among_the_sample_do_not_hide_themselves() -> None:
    rng = np.random.default_rng(0)
    unrelated = rng.normal(0.1, 0.05, 190).astype(np.float32)
    with_matches = np.concatenate([unrelated, np.full(10, 0.8, dtype=np.float32)])
    assert background(Background(0.1, 0.05), with_matches).relevance(0.8, 200) > 0.95


def test_no_scores_leave_the_prior() -> None:
    assert background(Background(0.1, 0.05), np.empty(0, dtype=np.float32)) == Background(0.1, 0.05)
