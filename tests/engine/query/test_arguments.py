"""What a program says, as the records of a query."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from engine.errors import QueryError
from engine.query.arguments import all_like, all_words, check_held, check_paths, filters_of, like_of, words_of
from engine.query.hits import Hit
from engine.query.query import Filters, LikeFile, LikeHit, Query, Words
from storage.catalog import Catalog
from storage.records import FileState, Source

HIT = Hit("/a.wav", "audio", 0.5, 0.9, 0.0, 5.0, None, None, (), (7,))


def test_what_can_be_resembled(tmp_path: Path) -> None:
    part = LikeHit(HIT, 2.0)
    assert like_of(part) is part and like_of(HIT) == LikeHit(HIT)
    assert like_of(Path("a.mp4@3-9")) == LikeFile(Path("a.mp4@3-9")), "a path is a path, whatever is in it"
    assert like_of("a.mp4@3-9^2") == LikeFile(Path("a.mp4"), (3.0, 9.0), weight=2.0)
    assert words_of("dog^2") == Words("dog^2") and words_of(Words("dog", 2)) == Words("dog", 2)
    with pytest.raises(QueryError):
        like_of("#1")  # there is no earlier answer here


def test_conditions_are_those_named_and_no_others() -> None:
    assert filters_of({}) == Filters()
    after = datetime(2020, 1, 1, tzinfo=UTC)
    named = filters_of({"kinds": ["text"], "under": "~/x", "globs": "*.md", "after": after, "smaller": 9})
    assert named == Filters(frozenset({"text"}), Path("~/x"), ("*.md",), after, smaller=9)
    assert filters_of({"globs": ["*.md", "*.txt"]}).globs == ("*.md", "*.txt")


def test_a_name_that_is_no_condition_filters_nothing_in_silence() -> None:
    for wrong in ({"foo": 1}, {"kind": "image"}):
        with pytest.raises(TypeError, match=f"no argument {next(iter(wrong))!r}; its conditions are kinds, under"):
            filters_of(wrong)  # type: ignore[arg-type]


def test_one_stands_for_a_list_of_one() -> None:
    assert filters_of({"kinds": "image"}).kinds == {"image"}
    for one in ("a.jpg", Path("a.jpg"), HIT, LikeHit(HIT), LikeFile(Path("a.jpg"))):
        assert all_like(one) == all_like([one]) == [like_of(one)]
    assert all_words("a dog") == all_words(["a dog"]) == all_words(Words("a dog")) == [Words("a dog")]


def test_dates_durations_and_sizes_are_read_as_on_the_command_line() -> None:
    read = filters_of({"after": "2020-01-02", "before": date(2021, 1, 1), "longer": "1:30", "larger": "2MB"})
    assert read.after == datetime(2020, 1, 2).astimezone() and read.before == datetime(2021, 1, 1)
    assert (read.longer, read.larger) == (90.0, 2_000_000)
    for wrong in ({"after": "yesterday"}, {"after": 2020}, {"longer": "long"}, {"smaller": [1]}):
        with pytest.raises(QueryError, match=r"is no "):
            filters_of(wrong)  # type: ignore[arg-type]


def test_paths_that_make_no_sense_are_refused_before_a_model_is_loaded(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "data")
    gone = tmp_path / "gone"
    with pytest.raises(QueryError, match="no such file"):
        check_paths(Query((LikeFile(gone),)), catalog)
    with pytest.raises(QueryError, match="it is a folder"):
        check_paths(Query((Words("x"),), (LikeFile(tmp_path),)), catalog)
    with pytest.raises(QueryError, match="no such folder"):
        check_paths(Query((Words("x"),), filters=Filters(under=gone)), catalog)
    catalog.put_source(Source(str(gone / "a.txt"), "text", FileState(1, 1), b"a"), [])
    check_held(gone, catalog)  # gone from the disk, not from the library
    catalog.close()
