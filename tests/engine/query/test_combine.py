"""The combined vector orders pieces as the sum of the parts' calibrated scores does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import QueryError
from engine.query.calibrate import Background
from engine.query.combine import combined, combined_prior
from engine.query.embed_query import PartVector

DIMENSION = 16
PARTS = st.lists(
    st.tuples(st.integers(0, 10**6), st.floats(0.1, 3), st.booleans(), st.floats(-0.2, 0.3), st.floats(0.02, 0.3)),
    min_size=1,
    max_size=4,
)


def unit(seed: int) -> np.ndarray:
    vector = np.random.default_rng(seed).normal(size=DIMENSION)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


@settings(deadline=None)
@given(parts=PARTS, seed=st.integers(0, 1000))
def test_the_cosine_is_the_sum_of_calibrated_scores_up_to_scale(
    parts: list[tuple[int, float, bool, float, float]], seed: int
) -> None:
    reading = tuple(
        PartVector("text", unit(number), weight if positive else -weight) for number, weight, positive, _, _ in parts
    )
    scales = [Background(mean, deviation) for *_, mean, deviation in parts]
    pieces = np.stack([unit(seed + number) for number in range(50)])
    try:
        query = combined(reading, scales)
    except QueryError:
        return
    total = sum(
        part.weight * (pieces @ part.vector - scale.mean) / scale.deviation
        for part, scale in zip(reading, scales, strict=True)
    )
    assert abs(float(np.linalg.norm(query)) - 1) < 1e-5
    cosines = pieces @ query
    slope, constant = np.polyfit(cosines, total, 1)
    assert slope > 0 and np.allclose(slope * cosines + constant, total, atol=1e-2)


def test_one_part_is_itself() -> None:
    part, scale = PartVector("image", unit(1), 3.0), Background(0.1, 0.2)
    assert np.allclose(combined((part,), [scale]), part.vector, atol=1e-6)
    prior = combined_prior((part,), [scale], [Background(0.05, 0.3)])
    assert (prior.mean, prior.deviation) == (pytest.approx(0.05), pytest.approx(0.3))


def test_the_same_part_twice_is_that_part() -> None:
    part, scale = PartVector("image", unit(1), 1.0), Background(0.1, 0.2)
    prior = combined_prior((part, part), [scale, scale], [scale, scale])
    assert (prior.mean, prior.deviation) == (pytest.approx(0.1), pytest.approx(0.2))


def test_the_expected_background_is_that_of_unrelated_pieces() -> None:
    random = np.random.default_rng(0)
    pieces = random.normal(size=(20_000, DIMENSION)).astype(np.float32)
    pieces /= np.linalg.norm(pieces, axis=1, keepdims=True)
    reading = (PartVector("text", unit(3), 1.0), PartVector("image", unit(4), 0.7), PartVector("text", unit(5), -0.5))
    seen = [Background(float((pieces @ p.vector).mean()), float((pieces @ p.vector).std())) for p in reading]
    scores = pieces @ combined(reading, seen)
    prior = combined_prior(reading, seen, seen)
    assert prior.mean == pytest.approx(float(scores.mean()), abs=2e-3)
    assert prior.deviation == pytest.approx(float(scores.std()), rel=0.03)


def test_what_cancels_itself_is_refused() -> None:
    scale = Background(0.1, 0.2)
    with pytest.raises(QueryError, match="nothing is left"):
        combined((PartVector("text", unit(1), 1.0), PartVector("text", unit(1), -1.0)), [scale, scale])
