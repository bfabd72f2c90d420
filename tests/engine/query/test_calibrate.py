"""Relevance: rising with the score, comparable across scales, steered by the prior in a small library."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.query.calibrate import Background, background


@given(scores=st.lists(st.floats(-1, 1), min_size=2, max_size=50), mean=st.floats(-0.5, 0.5))
def test_relevance_rises_with_the_score(scores: list[float], mean: float) -> None:
    scale = background(Background(mean, 0.1), np.array(scores[2:], dtype=np.float32))
    ordered = [scale.relevance(score) for score in sorted(scores)]
    assert ordered == sorted(ordered) and all(0 <= value <= 1 for value in ordered)


def test_a_modality_with_lower_cosines_is_not_put_last() -> None:
    rng = np.random.default_rng(0)
    texts = background(Background(0.1, 0.1), rng.normal(0.3, 0.10, 2000).astype(np.float32))
    pictures = background(Background(0.1, 0.1), rng.normal(0.05, 0.03, 2000).astype(np.float32))
    assert pictures.relevance(0.2) > texts.relevance(0.45)


def test_few_scores_barely_move_the_prior_and_many_replace_it() -> None:
    prior = Background(0.1, 0.05)
    few = background(prior, np.full(3, 0.4, dtype=np.float32))
    assert abs(few.mean - 0.1) < 0.05
    rng = np.random.default_rng(0)
    many = background(prior, rng.normal(0.3, 0.02, 5000).astype(np.float32))
    assert abs(many.mean - 0.3) < 0.01 and abs(many.deviation - 0.02) < 0.01


def test_the_matches_among_the_sample_do_not_hide_themselves() -> None:
    rng = np.random.default_rng(0)
    unrelated = rng.normal(0.1, 0.05, 190).astype(np.float32)
    with_matches = np.concatenate([unrelated, np.full(10, 0.8, dtype=np.float32)])
    assert background(Background(0.1, 0.05), with_matches).relevance(0.8) > 0.95


def test_no_scores_leave_the_prior() -> None:
    assert background(Background(0.1, 0.05), np.empty(0, dtype=np.float32)) == Background(0.1, 0.05)


def test_two_deviations_are_an_even_chance() -> None:
    assert abs(Background(0.1, 0.05).relevance(0.2) - 0.5) < 1e-6
