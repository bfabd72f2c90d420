"""Queries as records: what makes no sense is refused when it is built."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.errors import QueryError
from engine.query.query import Filters, LikeFile, Query, Words
from storage.records import PieceFilter


def test_a_query_without_sense_is_refused() -> None:
    with pytest.raises(QueryError, match="nothing to look for"):
        Query(wanted=())
    with pytest.raises(QueryError, match="nothing to look for"):
        Query(wanted=(), unwanted=(Words("x"),))
    with pytest.raises(QueryError, match="0 results"):
        Query(wanted=(Words("x"),), limit=0)
    with pytest.raises(QueryError, match="nothing to look for"):
        Words("  ")


@pytest.mark.parametrize("weight", [0, -1, float("nan"), float("inf")])
def test_a_weight_is_above_nothing(weight: float) -> None:
    with pytest.raises(QueryError, match="no weight"):
        Words("x", weight)
    with pytest.raises(QueryError, match="no weight"):
        LikeFile(Path("x"), weight=weight)


@pytest.mark.parametrize("place", [{"span": (3.0, 2.0)}, {"span": (-1.0, 2.0)}, {"page": 0}])
def test_a_place_outside_any_file_is_refused(place: dict[str, object]) -> None:
    with pytest.raises(QueryError, match="film"):
        LikeFile(Path("film"), **place)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        {"kinds": frozenset({"sound"})},
        {"globs": ("[z-a]",)},
        {"globs": ("",)},
        {"globs": ("pics/",)},
        {"globs": ("./",)},
        {"after": datetime(2024, 1, 2), "before": datetime(2024, 1, 2)},
        {"longer": 5.0, "shorter": 5.0},
        {"longer": -1.0},
        {"shorter": float("nan")},
        {"larger": 10, "smaller": 3},
    ],
)
def test_filters_that_nothing_can_pass_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(QueryError):
        Filters(**wrong)  # type: ignore[arg-type]


def test_filters_reach_the_library_as_they_are_meant() -> None:
    assert Filters().condition == PieceFilter()
    condition = Filters(
        kinds=frozenset({"audio"}),
        under=Path("/music/../sounds"),
        globs=("~/x/*.mp3", "*.wav"),
        after=datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
        before=datetime(9999, 1, 1, tzinfo=UTC),
        larger=10,
        smaller=10**30,
    ).condition
    assert (condition.under, condition.after_ns, condition.larger) == ("/sounds", 10**9, 10)
    assert condition.globs == (str(Path.home() / "x/*.mp3"), "*.wav")
    assert Filters(globs=("./pics/*.png", "././a", ".x")).condition.globs == ("pics/*.png", "a", ".x")
    # What a catalog cannot count to is cut, not refused.
    assert condition.before_ns == condition.smaller == 2**63 - 1
