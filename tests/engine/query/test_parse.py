"""What users type, read or refused."""

from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import QueryError
from engine.query.hits import Hit
from engine.query.parse import (
    parse_date,
    parse_duration,
    parse_folder,
    parse_kinds,
    parse_like,
    parse_size,
    parse_words,
)
from engine.query.query import LikeFile, LikeHit, Words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("song.mp3", LikeFile(Path("song.mp3"))),
        ("song.mp3@30-45", LikeFile(Path("song.mp3"), (30.0, 45.0))),
        ("song.mp3@0.5-1.25", LikeFile(Path("song.mp3"), (0.5, 1.25))),
        ("a/film.mkv@1:30-1:02:03.5", LikeFile(Path("a/film.mkv"), (90.0, 3723.5))),
        ("me@home.jpg", LikeFile(Path("me@home.jpg"))),
        ("me@home.mp4@1-2", LikeFile(Path("me@home.mp4"), (1.0, 2.0))),
        ("guide.pdf#12", LikeFile(Path("guide.pdf"), page=12)),
        ("c#sharp.pdf", LikeFile(Path("c#sharp.pdf"))),
        ("dog.jpg^2", LikeFile(Path("dog.jpg"), weight=2.0)),
        ("song.mp3@30-45^.5", LikeFile(Path("song.mp3"), (30.0, 45.0), weight=0.5)),
        ("guide.pdf#3^1.5", LikeFile(Path("guide.pdf"), page=3, weight=1.5)),
        ("x^2^1", LikeFile(Path("x^2"))),
        ("hat^.jpg", LikeFile(Path("hat^.jpg"))),
    ],
)
def test_files_spans_pages_and_weights(text: str, expected: LikeFile) -> None:
    assert parse_like(text) == expected


@pytest.mark.parametrize("name", ["take@1-2", "take^2", "#3", "notes#4", "take@1-2^3"])
def test_a_file_that_has_the_very_name_is_that_file(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / name).write_text("x")
    monkeypatch.chdir(tmp_path)
    assert parse_like(name) == LikeFile(Path(name))
    assert parse_like(f"{name}^2") == LikeFile(Path(name), weight=2.0)


def test_a_line_of_the_last_answer() -> None:
    hit = Hit("/a.jpg", "image", 0.5, 0.9, None, None, None, None, (), (7,))
    asked = []

    def earlier(number: int) -> Hit:
        asked.append(number)
        return hit

    assert parse_like("#3^2", earlier) == LikeHit(hit, 2.0)
    assert asked == [3]
    with pytest.raises(QueryError, match="#3"):
        parse_like("#3")


@pytest.mark.parametrize(
    "text",
    [
        "a.mp3@5-5",
        "a.mp3@9-3",
        "a.mp3@1:2:3:4-5",
        "a.mp3@1..2-3",
        "a.mp3@:-3",
        "a.mp3@1:00-1:75",
        "a.jpg^0",
        "a.jpg^-1",
        "a.pdf#0",
        "",
        " ",
    ],
)
def test_bad_parts_are_refused(text: str) -> None:
    with pytest.raises(QueryError):
        parse_like(text)


@given(start=st.integers(0, 86_000), length=st.integers(1, 1000))
def test_clock_times_mean_their_seconds(start: int, length: int) -> None:
    def clock(seconds: int) -> str:
        return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"

    parsed = parse_like(f"x.mp4@{clock(start)}-{clock(start + length)}")
    assert isinstance(parsed, LikeFile) and parsed.span == (start, start + length)


def test_words() -> None:
    assert parse_words("a red boat") == Words("a red boat")
    assert parse_words("a red boat^2") == Words("a red boat", 2.0)
    assert parse_words("2^10^1") == Words("2^10", 1.0)
    assert parse_words("e^-1^1") == Words("e^-1")
    assert parse_words("^2") == Words("^2")
    for wrong in ("", "  ", "a^0", " ^2", "castle^-1", "castle^-.5"):
        with pytest.raises(QueryError):
            parse_words(wrong)


def test_kinds() -> None:
    assert parse_kinds("audio, Video") == {"audio", "video"}
    for wrong in ("", ",", "sound", "audio,pictures"):
        with pytest.raises(QueryError, match="document"):
            parse_kinds(wrong)


def test_dates() -> None:
    assert parse_date("2026-05-01") == datetime(2026, 5, 1).astimezone()
    assert parse_date("2026-05-01T14:30+00:00").timestamp() == 1777645800
    for wrong in ("yesterday", "2026-13-01", ""):
        with pytest.raises(QueryError, match="no date"):
            parse_date(wrong)


def test_durations_and_sizes() -> None:
    assert [parse_duration(text) for text in ("90", "1:30", "0:01:30", "2.5")] == [90, 90, 90, 2.5]
    sizes = ["500", "500 B", "1.5kB", "2MB", "2m", "3GB", "1KiB", "1TB"]
    assert [parse_size(text) for text in sizes] == [500, 500, 1500, 2_000_000, 2_000_000, 3 * 10**9, 1024, 10**12]
    assert [parse_duration(text) for text in ("90:00", "0:59.9", "10:00:00")] == [5400, 59.9, 36_000]
    for wrong in ("", "long", "-5", "1:2:3:4", "5 minutes", "5:99", "1:75:00", "1:60"):
        with pytest.raises(QueryError, match="no time"):
            parse_duration(wrong)
    for wrong in ("", "big", "-5", "1,5MB", "1XB", "1e9"):
        with pytest.raises(QueryError, match="no size"):
            parse_size(wrong)


def test_a_folder_without_a_name_is_not_the_current_one() -> None:
    assert parse_folder("a") == Path("a")
    with pytest.raises(QueryError):
        parse_folder("")
