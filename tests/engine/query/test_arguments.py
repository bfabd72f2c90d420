"""What a program says, as the records of a query."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.errors import QueryError
from engine.query.arguments import check_held, check_paths, filters_of, like_of, words_of
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
