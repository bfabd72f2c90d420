"""The last answer is kept whole, and what is not there is named."""

from pathlib import Path

import pytest

from engine.errors import QueryError
from engine.query.hits import Hit, Moment
from engine.query.last_answer import keep_answer, kept_hit

HITS = (
    Hit("/é/clip.mp4", "video", 0.4, 0.9, 2.0, 4.0, None, None, (Moment(2.0, 4.0, 0.4), Moment(8.0, 9.0, 0.3)), (5, 6)),
    Hit("/notes.txt", "text", 0.3, 0.5, None, None, None, "a line", (), (9,)),
)


def test_every_field_comes_back(tmp_path: Path) -> None:
    keep_answer(tmp_path, HITS)
    assert [kept_hit(tmp_path, number) for number in (1, 2)] == list(HITS)
    keep_answer(tmp_path, HITS[1:])
    assert kept_hit(tmp_path, 1) == HITS[1]


@pytest.mark.parametrize("number", [0, 3, 10**9])
def test_a_line_that_was_not_there_is_refused(tmp_path: Path, number: int) -> None:
    keep_answer(tmp_path, HITS)
    with pytest.raises(QueryError, match="2 lines"):
        kept_hit(tmp_path, number)


def test_nothing_kept_and_damage_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="search first"):
        kept_hit(tmp_path, 1)
    for damaged in ("", "[1", '[{"path": "/a"}]', '{"a": 1}', "[[]]"):
        (tmp_path / "last_answer.json").write_text(damaged)
        with pytest.raises(QueryError, match="search first"):
            kept_hit(tmp_path, 1)


def test_a_folder_that_cannot_be_written_to_stops_nothing(tmp_path: Path) -> None:
    keep_answer(tmp_path / "nowhere", HITS)
    assert not (tmp_path / "nowhere").exists()


def test_an_earlier_answer_that_cannot_be_removed_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A folder in its place can neither be replaced by a file nor unlinked, as a file on a disk that is read-only."""
    (tmp_path / "last_answer.json").mkdir()
    keep_answer(tmp_path, HITS)
    assert "#1 still names a line of an earlier answer" in caplog.text
