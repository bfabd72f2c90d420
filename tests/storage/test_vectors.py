"""The vector index against brute force: each kind, whatever the choice of pieces and however many there are."""

from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from storage import approximate, vectors
from storage.approximate import restored, train
from storage.exact import ExactPart
from storage.records import Modality
from storage.vectors import Followed, IndexPolicy, Part, VectorIndex

DIMENSION = 8
NUMBERS = st.lists(st.integers(0, 1500), unique=True, max_size=60)


def unit_rows(count: int, seed: int, dimension: int = DIMENSION) -> NDArray[np.float32]:
    """As the catalog hands them on: rounded to float16."""
    rows = np.random.default_rng(seed).normal(size=(count, dimension))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16).astype(np.float32)


class Store:
    """Where the vectors are read from."""

    def __init__(self) -> None:
        self.held: dict[int, NDArray[np.float32]] = {}
        self.asked = 0

    def read(self, ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        self.asked += len(ids)
        found = np.array(sorted(set(ids.tolist()) & set(self.held)), dtype=np.int64)
        return found, np.array([self.held[number] for number in found.tolist()], np.float32).reshape(len(found), -1)

    def put(self, ids: NDArray[np.int64], rows: NDArray[np.float32]) -> None:
        self.held.update(zip(ids.tolist(), rows, strict=True))


def index_of(kind: str, modality: Modality, store: Store, dimension: int = DIMENSION) -> VectorIndex:
    part: Part = ExactPart(dimension)
    if kind == "approximate":
        part = train(dimension, 500, unit_rows(500, 99, dimension), store.read)
    return VectorIndex(dimension, store.read, {modality: Followed(part)})


@pytest.fixture(params=["exact", "approximate"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(["exact", "approximate", "approximate, by its codes"]),
    count=st.integers(0, 700),
    among=st.none() | NUMBERS | st.just("most"),
    without=st.none() | NUMBERS,
    removed=NUMBERS,
    limit=st.integers(1, 800),
    reload=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_a_choice_of_pieces_is_searched_as_if_there_were_no_others(
    kind: str,
    count: int,
    among: list[int] | Literal["most"] | None,
    without: list[int] | None,
    removed: list[int],
    limit: int,
    reload: bool,
    seed: int,
) -> None:
    numbers = np.arange(count, dtype=np.int64) * 2 + 1
    rows, query = unit_rows(count, seed), unit_rows(1, seed + 1)[0]
    store = Store()
    store.put(numbers, rows)
    with pytest.MonkeyPatch.context() as patch:
        if kind == "approximate, by its codes":  # all candidates from all lists: nothing may be lost on the way
            patch.setattr(vectors, "_FEW_READ", 0)
            patch.setattr(approximate, "_PROBED", 1000)
            patch.setattr(approximate, "_CANDIDATES", 1000)
            patch.setattr(approximate, "_NEAR", 9)
            patch.setattr(approximate, "_ERRORS", 9000)
        index = index_of(kind.split(",")[0], "image", store)
        part = index.parts["image"].target
        part.add(numbers[: count // 2], rows[: count // 2].astype(np.float16))
        if reload and not isinstance(part, ExactPart):
            part = restored(part.serialized(), part.trained_on, store.read)
            index.parts["image"] = Followed(part)
        part.add(numbers[count // 2 :], rows[count // 2 :].astype(np.float16))
        part.remove(np.array(removed, dtype=np.int64))
        chosen = np.arange(3, 1500, dtype=np.int64) if among == "most" else among
        stays = ~np.isin(numbers, removed)
        assert index.ids("image").tolist() == numbers[stays].tolist()
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
    assert np.allclose(scores, np.sort(rows[stays] @ query)[::-1][:limit], atol=1e-5)
    assert set(ids.tolist()) <= set(numbers[stays].tolist()) and len(set(ids.tolist())) == len(ids)
    by_number = dict(zip(numbers.tolist(), rows @ query, strict=True))
    assert np.allclose(scores, [by_number[number] for number in ids.tolist()], atol=1e-5)


def test_a_thousand_pieces_before_the_one_that_passes_do_not_hide_it(kind: str) -> None:
    rows, query, store = unit_rows(6000, 0), unit_rows(1, 1)[0], Store()
    store.put(np.arange(6000), rows)
    index = index_of(kind, "text", store)
    index.parts["text"].target.add(np.arange(6000), rows.astype(np.float16))
    worst = np.argsort(rows @ query)[:2]
    assert set(index.search("text", query, 5, worst)[0].tolist()) == set(worst.tolist())
    everything_else = np.setdiff1d(np.arange(6000), worst)
    assert set(index.search("text", query, 5, None, everything_else)[0].tolist()) == set(worst.tolist())


@pytest.mark.parametrize("count", [1, 5, 400])
def test_the_score_of_a_piece_does_not_depend_on_what_is_scored_beside_it(kind: str, count: int) -> None:
    rows, query, store = unit_rows(1000, 3), unit_rows(1, 4)[0], Store()
    store.put(np.arange(1000), rows)
    index = index_of(kind, "video", store)
    index.parts["video"].target.add(np.arange(1000), rows.astype(np.float16))
    ids, all_scores = index.scores("video", query, np.arange(1000))
    assert ids.tolist() == list(range(1000))
    some, scores = index.scores("video", query, np.arange(count, dtype=np.int64) * 2)
    assert scores.tolist() == all_scores[some].tolist()
    assert index.scores("video", query, np.array([5000]))[0].tolist() == []
    assert index.scores("audio", query, np.array([1]))[0].tolist() == []


@pytest.mark.parametrize("share", [1.0, 0.5, 0.25])
@pytest.mark.parametrize("dimension", [64, 33])
def test_the_approximate_kind_finds_nearly_all_of_the_best(share: float, dimension: int) -> None:
    random = np.random.default_rng(0)
    centres = unit_rows(400, 5, dimension)
    rows = centres[random.integers(400, size=20_000)] + 0.5 * unit_rows(20_000, 6, dimension)
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16).astype(np.float32)
    queries = rows[:100] + 0.3 * unit_rows(100, 7, dimension)
    store, numbers = Store(), np.arange(20_000)
    store.put(numbers, rows)
    part = train(dimension, 20_000, rows[::4], store.read)
    part.add(numbers, rows.astype(np.float16))
    index = VectorIndex(dimension, store.read, {"text": Followed(part)})
    among = None if share == 1 else np.sort(random.choice(numbers, int(20_000 * share), replace=False))
    found, store.asked = 0, 0
    for query in queries:
        exact = rows @ query if among is None else np.where(np.isin(numbers, among), rows @ query, -9)
        found += len(set(index.search("text", query, 10, among)[0].tolist()) & set(np.argsort(-exact)[:10].tolist()))
    assert found >= 950
    assert share < 1 or store.asked < 100 * 60  # of a hundred candidates, those whose codes may be among the best


def test_as_many_are_found_as_are_wanted_though_the_nearest_list_holds_fewer() -> None:
    centres = unit_rows(20, 3, 64)
    rows = np.repeat(centres, 100, axis=0) + 0.05 * unit_rows(2000, 4, 64)
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16).astype(np.float32)
    store, numbers = Store(), np.arange(2000)
    store.put(numbers, rows)
    index = VectorIndex(64, store.read, {"text": Followed(train(64, 2000, rows, store.read))})
    index.parts["text"].target.add(numbers, rows.astype(np.float16))
    ids, scores = index.search("text", centres[0], 300)
    assert len(ids) == 300 and set(range(100)) <= set(ids.tolist())
    assert np.allclose(scores, rows[ids] @ centres[0], atol=1e-5)


def test_others_answer_when_the_nearest_have_left_the_catalog() -> None:
    rows, store = unit_rows(6000, 8, 32), Store()
    rows[1:40] = rows[0]
    store.put(np.arange(6000), rows)
    index = index_of("approximate", "text", store, 32)
    index.parts["text"].target.add(np.arange(6000), rows.astype(np.float16))
    for number in range(35):
        del store.held[number]
    ids, _ = index.search("text", rows[0], 10)
    assert set(range(35, 40)) <= set(ids.tolist()) and len(ids) == 10


@pytest.mark.parametrize("dimension", [64, 33])
def test_codes_of_other_vectors_are_found(dimension: int) -> None:
    rows, store, numbers = unit_rows(3000, 8, dimension), Store(), np.arange(3000) * 3 + 1
    store.put(numbers, rows)
    part = train(dimension, 3000, rows, store.read)
    part.add(numbers, rows.astype(np.float16))
    part.remove(numbers[:100])
    assert part.wrong_codes().tolist() == []
    store.put(numbers[:100] + 10_000, rows[:100])
    part.add(numbers[:100] + 10_000, rows[:100].astype(np.float16))  # into places that were others'
    assert part.wrong_codes().tolist() == []
    others = {int(number): row for number, row in zip(numbers[200:210], unit_rows(10, 9, dimension), strict=True)}
    store.held.update(others)
    assert part.wrong_codes().tolist() == sorted(others)


def test_what_has_left_the_catalog_is_no_answer_even_if_the_codes_hold_it() -> None:
    rows, store = unit_rows(5000, 8), Store()
    store.put(np.arange(5000), rows)
    index = index_of("approximate", "text", store)
    index.parts["text"].target.add(np.arange(5000), rows.astype(np.float16))
    assert index.search("text", rows[17], 1)[0].tolist() == [17]
    del store.held[17]
    assert 17 not in index.search("text", rows[17], 5)[0].tolist()
    assert 17 not in index.scores("text", rows[17], np.array([17, 18]))[0].tolist()


def test_which_kind_is_wanted() -> None:
    policy, store = IndexPolicy(exact_up_to=1000), Store()
    exact = ExactPart(DIMENSION)
    for count, wanted in ((999, False), (2, True)):
        exact.add(len(exact.ids) + np.arange(count), unit_rows(count, 1).astype(np.float16))
        assert policy.wants_rebuild(exact) is wanted
    part = train(DIMENSION, 1000, unit_rows(100, 1), store.read)
    for count, wanted in ((500, True), (1, False), (3499, False), (1, True)):
        part.add(len(part.ids) + np.arange(count), unit_rows(count, 1).astype(np.float16))
        assert policy.wants_rebuild(part) is wanted
    assert not IndexPolicy(exact_up_to=0).is_approximate(10)


def test_bytes_that_are_no_index_are_refused() -> None:
    with pytest.raises((ValueError, RuntimeError)):
        restored(np.frombuffer(b"IxFI" + bytes(100), dtype=np.uint8), 1, Store().read)
