"""Pictures to measure by: which are photographs, what they answer, what kinds of thing they show."""

import re
from pathlib import Path

import photos
import pytest


def queries() -> dict[str, list[str]]:
    lines = (photos.HERE / "photos.tsv").read_text().splitlines()[1:]
    return {query: files.split("|") for query, files in (line.split("\t") for line in lines)}


@pytest.fixture
def stamps(tmp_path: Path) -> Path:
    """A cache with the stamps that queries name, and some that are no photographs or the same once more."""
    names = {name for files in queries().values() for name in files if "/" in name}
    names |= {"animals/birds/owl", "animals/birds/owl_mirror", "animals/birds/cartoon/tux", "symbols/chess/b_1_king"}
    for name in names:
        file = tmp_path / photos.STAMPS / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        file.with_suffix(".txt").write_text(f"A {file.stem}.\nsv=En {file.stem}.\n")
    return tmp_path


def test_29_queries_each_asked_once() -> None:
    assert len(queries()) == 29
    assert all(len(set(files)) == len(files) for files in queries().values())


def test_a_photo_answers_every_query_that_names_it(stamps: Path) -> None:
    rows = {row["concept"]: row for row in photos.photos(stamps)}
    for query, files in queries().items():
        assert {name for name, row in rows.items() if query in row["texts"]} == set(files)
    owl = rows["animals/birds/owl"]
    assert (owl["texts"], owl["source"]) == ([photos.UNASKED], "photos, unasked")


def test_drawings_and_mirrored_copies_are_no_photographs(stamps: Path) -> None:
    names = {file.stem for file in photos.photo_stamps(stamps)}
    assert "owl" in names
    assert not names & {"tux", "b_1_king", "owl_mirror"}


def test_a_query_for_a_picture_that_is_missing_ends_the_run(stamps: Path) -> None:
    (stamps / photos.STAMPS / "household/rubberduck.png").unlink()
    with pytest.raises(SystemExit, match="household/rubberduck"):
        list(photos.photos(stamps))


def test_kinds_at_every_level(stamps: Path) -> None:
    kinds = {row["concept"]: row["texts"] for row in photos.categories(stamps)}
    assert kinds["animals/birds/owl"] == ["animal", "bird"]
    assert kinds["animals/birds/seagull"] == ["animal", "bird", "water bird"]
    assert kinds["animals/mammals/bovines/ram"] == ["animal", "mammal", "farm animal"]
    assert set(kinds) == {row["concept"] for row in photos.photos(stamps) if "/" in row["concept"]}


def test_captions_are_first_lines_and_nothing_is_learned_from(stamps: Path) -> None:
    rows = list(photos.entries(stamps))
    assert "a owl" in [text for row in rows if row["split"] == "stamps" for text in row["texts"]]
    assert {row["split"] for row in rows} == {"photos", "categories", "stamps"}


def test_patterns_can_be_read() -> None:
    for line in (photos.HERE / "categories.tsv").read_text().splitlines()[1:]:
        pattern, words = line.split("\t")
        re.compile(pattern)
        assert words.strip() == words != ""
