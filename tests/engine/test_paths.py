"""Paths as they were typed, and those that are none."""

from pathlib import Path

import pytest

from engine.errors import QueryError
from engine.paths import absolute_path, expanded, is_there, typed_path


def test_an_empty_path_is_not_the_current_folder() -> None:
    assert typed_path("a") == Path("a") and typed_path(".") == Path()
    for wrong in ("", " "):
        with pytest.raises(QueryError, match="a path is empty"):
            typed_path(wrong)
        with pytest.raises(QueryError, match="a path is empty"):
            absolute_path(wrong)


def test_paths_are_made_absolute_and_links_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert absolute_path("link/a") == tmp_path / "real" / "a"
    assert absolute_path(Path("~/b")) == expanded("~/b") == tmp_path / "b"


def test_what_is_no_path_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to("circle")
    for wrong, said in (
        ("/a\0b", r"^/a\\x00b: this is no path"),
        (tmp_path / "circle", "this is no path"),
        ("~nosuchuser/x", "no such user"),
        ("/pics/latin\udce9.png", r"^/pics/latin\\xe9\.png: its name is not valid UTF-8"),
        ("/pics/\ud800", "not valid UTF-8"),
    ):
        with pytest.raises(QueryError, match=said):
            absolute_path(wrong)


def test_what_cannot_be_there_is_not_there(tmp_path: Path) -> None:
    assert is_there(tmp_path) and not is_there(tmp_path / ("n" * 300)) and not is_there(Path("/a\0b"))
