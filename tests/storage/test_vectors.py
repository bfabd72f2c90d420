"""The vector index against brute force, whatever the choice of pieces and however many there are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from storage.vectors import VectorIndex

DIMENSION = 8
NUMBERS = st.lists(st.integers(0, 1500), unique=True, max_size=60)


def unit_rows(count: int, seed: int) -> NDArray[np.float32]:
    """As the catalog hands them on: rounded to float16."""
    rows = np.random.default_rng(seed).normal(size=(count, DIMENSION))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(0, 700),
    among=st.none() | NUMBERS | st.just("most"),
    without=st.none() | NUMBERS,
    removed=NUMBERS,
    limit=st.integers(1, 800),
    seed=st.integers(0, 1000),
)
def test_a_choice_of_pieces_is_searched_as_if_there_were_no_others(
    count: int,
    among: list[int] | str | None,
    without: list[int] | None,
    removed: list[int],
    limit: int,
    seed: int,
) -> None:
    numbers = np.arange(count, dtype=np.int64) * 2 + 1
    vectors, query = unit_rows(count, seed), unit_rows(1, seed + 1)[0]
    index = VectorIndex(DIMENSION)
    index.add("image", numbers[: count // 2], vectors[: count // 2])
    index.ids("image")
    index.add("image", numbers[count // 2 :], vectors[count // 2 :])
    index.remove(np.array(removed, dtype=np.int64))
    chosen = np.arange(3, 1500, dtype=np.int64) if among == "most" else among
    stays = ~np.isin(numbers, removed)
    if chosen is not None:
        stays &= np.isin(numbers, chosen)
    if without is not None:
        stays &= ~np.isin(numbers, without)
    ids, scores = index.search(
        "image",
        query,
        limit,
        None if chosen is None else np.array(chosen, dtype=np.int64),
        None if without is None else np.array(without, dtype=np.int64),
    )
    assert np.allclose(scores, np.sort(vectors[stays] @ query)[::-1][:limit], atol=1e-5)
    assert set(ids.tolist()) <= set(numbers[stays].tolist()) and len(set(ids.tolist())) == len(ids)
    by_number = dict(zip(numbers.tolist(), vectors @ query, strict=True))
    assert np.allclose(scores, [by_number[number] for number in ids.tolist()], atol=1e-5)


def test_a_thousand_pieces_before_the_one_that_passes_do_not_hide_it() -> None:
    vectors, query = unit_rows(3000, 0), unit_rows(1, 1)[0]
    index = VectorIndex(DIMENSION)
    index.add("text", np.arange(3000), vectors)
    worst = np.argsort(vectors @ query)[:2]
    assert set(index.search("text", query, 5, worst)[0].tolist()) == set(worst.tolist())
    everything_else = np.setdiff1d(np.arange(3000), worst)
    assert set(index.search("text", query, 5, None, everything_else)[0].tolist()) == set(worst.tolist())


@pytest.mark.parametrize("count", [1, 5, 400])
def test_the_score_of_a_piece_does_not_depend_on_what_is_scored_beside_it(count: int) -> None:
    vectors, query = unit_rows(1000, 3), unit_rows(1, 4)[0]
    index = VectorIndex(DIMENSION)
    index.add("video", np.arange(1000), vectors)
    ids, all_scores = index.scores("video", query, np.arange(1000))
    assert ids.tolist() == list(range(1000))
    some, scores = index.scores("video", query, np.arange(count, dtype=np.int64) * 2)
    assert scores.tolist() == all_scores[some].tolist()
    assert index.scores("video", query, np.array([5000]))[0].tolist() == []
    assert index.scores("audio", query, np.array([1]))[0].tolist() == []
