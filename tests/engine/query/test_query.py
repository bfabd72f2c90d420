"""What users type, read or refused."""

from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import QueryError
from engine.query.query import LikeFile, Query, parse_date, parse_kinds, parse_like


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("song.mp3", LikeFile(Path("song.mp3"))),
        ("song.mp3@30-45", LikeFile(Path("song.mp3"), (30.0, 45.0))),
        ("song.mp3@0.5-1.25", LikeFile(Path("song.mp3"), (0.5, 1.25))),
        ("a/film.mkv@1:30-1:02:03.5", LikeFile(Path("a/film.mkv"), (90.0, 3723.5))),
        ("me@home.jpg", LikeFile(Path("me@home.jpg"))),
        ("me@home.mp4@1-2", LikeFile(Path("me@home.mp4"), (1.0, 2.0))),
    ],
)
def test_files_and_spans(text: str, expected: LikeFile) -> None:
    assert parse_like(text) == expected


def test_a_file_whose_name_looks_like_a_span_is_that_file(tmp_path: Path) -> None:
    path = tmp_path / "take@1-2"
    path.write_text("x")
    assert parse_like(str(path)) == LikeFile(path)


@pytest.mark.parametrize("text", ["a.mp3@5-5", "a.mp3@9-3", "a.mp3@1:2:3:4-5", "a.mp3@1..2-3", "a.mp3@:-3"])
def test_bad_spans_are_refused(text: str) -> None:
    with pytest.raises(QueryError):
        parse_like(text)


@given(start=st.integers(0, 86_000), length=st.integers(1, 1000))
def test_clock_times_mean_their_seconds(start: int, length: int) -> None:
    def clock(seconds: int) -> str:
        return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"

    parsed = parse_like(f"x.mp4@{clock(start)}-{clock(start + length)}")
    assert parsed.span == (start, start + length)


def test_kinds() -> None:
    assert parse_kinds("audio, Video") == {"audio", "video"}
    for wrong in ("", ",", "sound", "audio,pictures"):
        with pytest.raises(QueryError, match="document"):
            parse_kinds(wrong)


def test_dates() -> None:
    assert parse_date("2026-05-01") == datetime(2026, 5, 1).astimezone()
    assert parse_date("2026-05-01T14:30+00:00").timestamp() == 1777645800
    for wrong in ("yesterday", "2026-13-01", "", "0001-01-01"):
        if wrong != "0001-01-01":
            with pytest.raises(QueryError, match="no date"):
                parse_date(wrong)


@pytest.mark.parametrize("wrong", [{}, {"words": "  "}, {"words": "x", "limit": 0}, {"words": "x", "not_words": ("",)}])
def test_a_query_without_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(QueryError):
        Query(**wrong)  # type: ignore[arg-type]
