"""Words in subtitles, pictures, scanned pages and speech, found by the program as a user asks it."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Program
from tests.indexer.extract.making import write_video
from tests.indexer.extract.test_speech import MODEL, SPOKEN
from tests.indexer.extract.test_writing import scanned, sheet


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> tuple[Program, Path]:
    home = tmp_path_factory.mktemp("words")
    folder = home / "files"
    folder.mkdir()
    write_video(folder / "a.mp4", subtitles=("mov_text", [(1.0, 2.5, "The heliograph flashes"), (3.0, 4.0, "dark")]))
    write_video(folder / "b.mkv", subtitles=("subrip", [(4.0, 5.5, "Pass me the sextant")]))
    write_video(folder / "c.webm", "libvpx")
    (folder / "c.en.vtt").write_text("WEBVTT\n\n00:02.000 --> 00:03.000\nA barometer falls\n")
    sheet([(36, "Zanzibar ferry"), (14, "timetable for the winter")], (600, 160)).save(folder / "d.png")
    letter = sheet([(30, "Seven barrels of molasses")], (1000, 400))
    scanned(folder / "e.pdf", "A page of text, which needs no reading because it has its words.", letter)
    shutil.copy(SPOKEN, folder / "f.ogg")
    settings = home / "settings.toml"
    settings.write_text(f'[words]\nocr = true\nspeech = "{MODEL}"\n')
    program = Program(home / "data", home / "home")
    done = program.run("--settings", settings, "index", folder, "--json")
    assert done.returncode == 0, done.stderr
    return program, folder


@pytest.mark.parametrize(
    ("words", "name", "start", "page"),
    [
        ("heliograph", "a.mp4", 1.0, None),
        ('"me the sextant"', "b.mkv", 4.0, None),
        ("barometer", "c.webm", 2.0, None),
        ('"timetable for the winter"', "d.png", None, None),
        ("molasses", "e.pdf", None, 2),
        ('"across the bay"', "f.ogg", 3.0, None),
    ],
)
def test_found_where_they_are(
    library: tuple[Program, Path], words: str, name: str, start: float | None, page: int | None
) -> None:
    program, folder = library
    hits: list[dict[str, Any]] = program.json("search", "--exact", words)["hits"]
    assert [(hit["path"], hit["page"]) for hit in hits] == [(str(folder / name), page)]
    assert hits[0]["start"] == (None if start is None else pytest.approx(start, abs=0.6))


def test_a_video_with_subtitles_can_be_asked_with(library: tuple[Program, Path]) -> None:
    program, folder = library
    hits = program.json("search", "--like", folder / "a.mp4", "--include-self")["hits"]
    assert str(folder / "a.mp4") in [hit["path"] for hit in hits]


def test_each_moment_has_the_places_where_the_words_stand(library: tuple[Program, Path]) -> None:
    """A line of a film, a page that was read by eye, a moment of speech: each is a line of its own, and close."""
    program, folder = library
    for words, kind, name, start, page in (
        ("sextant", "video", "b.mkv", 4.0, None),
        ("molasses", "document", "e.pdf", None, 2),
        ("across the bay", "audio", "f.ogg", 3.0, None),
    ):
        answer = program.json("search", words, "--moments", "-n", "50", "--kind", kind)
        best = answer["hits"][0]
        assert (best["path"], best["page"]) == (str(folder / name), page), words
        assert best["start"] == (None if start is None else pytest.approx(start, abs=0.6))
        assert answer["close"] and words.split()[0] in best["snippet"].lower()
        assert program.json("search", "--like", "#1", "--include-self")["hits"], "a place can be asked with"
        relevances = [hit["relevance"] for hit in answer["hits"]]
        assert relevances == sorted(relevances, reverse=True)
        places = [(hit["path"], hit["start"], hit["end"], hit["page"]) for hit in answer["hits"]]
        assert len(set(places)) == len(places)
    both = program.json("search", "flashes dark", "--moments", "--under", folder / "a.mp4")["hits"]
    assert both[0]["start"] in (1.0, 3.0), "where no line holds all the words, the best one"
