"""Words apart from the pieces: found after a file is indexed, and again when what they come from has changed."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.pieces import ExtractionLimits
from indexer.pipeline import IndexSummary, PipelineOptions, Progress, index
from indexer.reembed import reembed
from indexer.transcripts import Recognisers, SpeechModel
from storage.check import check
from storage.library import Library
from tests.indexer.extract.making import write_video
from tests.indexer.extract.test_speech import MODEL, SPOKEN
from tests.indexer.extract.test_writing import scanned, sheet
from tests.indexer.simple_embedder import SimpleEmbedder

READING = Recognisers(ocr=True)
LISTENING = Recognisers(speech=SpeechModel("tiny.en", MODEL))
TRACK = ("mov_text", [(0.5, 1.5, "spoken inside")])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "files").mkdir()
    return tmp_path / "files"


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "data")


def run(library: Library, folder: Path, recognisers: Recognisers = Recognisers(), **limits: int) -> IndexSummary:  # noqa: B008
    options = PipelineOptions(workers=2, limits=ExtractionLimits(**limits), recognisers=recognisers)
    summary = index(library, SimpleEmbedder(), [folder], options)
    assert check(library) == []
    return summary


def run_with(library: Library, folder: Path, recognisers: Recognisers, embedder: SimpleEmbedder) -> IndexSummary:
    return index(library, embedder, [folder], PipelineOptions(recognisers=recognisers))


def words(library: Library) -> dict[str, list[tuple[str, float | None, int | None]]]:
    """(text, start, page) of what was found apart from names and pieces, by the name of the file."""
    held: dict[str, list[tuple[str, float | None, int | None]]] = {}
    query = """SELECT path, segment.text, start, page FROM segment JOIN source ON source.id = source_id
        WHERE origin IN ('subtitle', 'recognised', 'speech') ORDER BY segment.id"""
    with library.catalog.reading() as connection:
        for path, text, start, page in connection.exec_driver_sql(query):
            held.setdefault(Path(path).name, []).append((text, start, page))
    return held


def pieces(library: Library) -> list[int]:
    with library.catalog.reading() as connection:
        return [row[0] for row in connection.exec_driver_sql("SELECT id FROM piece ORDER BY id")]


def cue(text: str) -> str:
    return f"1\n00:00:01,000 --> 00:00:02,000\n{text}\n"


def test_a_subtitle_file_comes_changes_and_goes(library: Library, folder: Path) -> None:
    write_video(folder / "film.mp4", seconds=3.0, cuts=(), subtitles=TRACK)
    inside = ("spoken inside", 0.5, None)
    run(library, folder)
    assert words(library) == {"film.mp4": [inside]}
    embedded = pieces(library)

    beside = folder / "film.en.srt"
    for text in ("first version", "later version"):
        beside.write_text(cue(text))
        summary = run(library, folder)
        assert words(library) == {"film.mp4": [inside, (text, 1.0, None)]}
        assert (summary.transcripts.made, sum(summary.pieces.values())) == ({"subtitle": 1}, 0)
    assert run(library, folder).transcripts.made == {}

    beside.unlink()
    run(library, folder)
    assert words(library) == {"film.mp4": [inside]}
    assert pieces(library) == embedded


def test_a_broken_subtitle_file_is_noted_and_the_rest_stays(library: Library, folder: Path) -> None:
    film = write_video(folder / "film.mp4", seconds=3.0, cuts=(), subtitles=TRACK)
    (folder / "film.srt").write_bytes(bytes(range(256)) * 4)
    (folder / "film.vtt").write_text("WEBVTT\n\n00:02.000 --> 00:03.000\nwhole\n")
    summary = run(library, folder)
    assert words(library) == {"film.mp4": [("spoken inside", 0.5, None), ("whole", 2.0, None)]}
    assert [(each.path, each.reason) for each in summary.incomplete] == [(str(film), "film.srt: not text: binary data")]
    assert summary.failed == ()
    again = run(library, folder)
    assert (again.transcripts.made, again.incomplete) == ({}, summary.incomplete)
    (folder / "film.srt").write_text(cue("mended"))
    assert run(library, folder).incomplete == ()


def test_a_moving_picture_is_no_film(library: Library, folder: Path) -> None:
    frames = [sheet([(20, text)], (200, 60)) for text in ("one", "two", "three")]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:], duration=700)
    both = Recognisers(ocr=True, speech=LISTENING.speech)
    summary = run(library, folder, both)
    assert (summary.indexed, summary.transcripts.made, summary.incomplete) == (1, {}, ())


def test_a_renamed_film_leaves_its_subtitles_and_a_copy_has_its_own(library: Library, folder: Path) -> None:
    film = write_video(folder / "film.mp4", seconds=3.0, cuts=())
    (folder / "film.srt").write_text(cue("of the film"))
    run(library, folder)
    shutil.copy(film, folder / "copy.mp4")
    (folder / "copy.srt").write_text(cue("of the copy"))
    film.rename(folder / "moved.mp4")
    run(library, folder)
    assert words(library) == {"copy.mp4": [("of the copy", 1.0, None)]}


def test_a_recogniser_turned_on_later_makes_up_and_turned_off_keeps(library: Library, folder: Path) -> None:
    letter = sheet([(30, "Seven barrels of molasses")], (700, 990))
    letter.save(folder / "letter.png")
    shutil.copy(folder / "letter.png", folder / "same.png")
    scanned(folder / "letters.pdf", "A page of text, which needs no reading because it has its words.", letter)
    assert run(library, folder).transcripts.made == {}
    embedded = pieces(library)

    seen: list[Progress] = []
    options = PipelineOptions(recognisers=READING)
    index(library, SimpleEmbedder(), [folder], options, seen.append)
    assert [(each.done, each.total, each.stage) for each in seen] == [(1, 2, "words"), (2, 2, "words")]  # copies: once
    found = {name: [("Seven barrels of molasses", None, page)] for name, page in READ.items()}
    assert words(library) == found
    assert pieces(library) == embedded

    assert run(library, folder, READING).transcripts.made == {}
    assert run(library, folder).transcripts.made == {}
    assert words(library) == found
    os.utime(folder / "letter.png", (1, 1))  # touched: the same bytes need not be read again
    assert run(library, folder, READING).transcripts.made == {}
    sheet([(30, "Nine bales of cotton")], (700, 200)).save(folder / "same.png")
    run(library, folder, READING)
    assert words(library) == found | {"same.png": [("Nine bales of cotton", None, None)]}


def test_a_change_of_the_embedding_model_does_not_cost_what_was_recognised(library: Library, folder: Path) -> None:
    sheet([(30, "Seven barrels of molasses")], (500, 100)).save(folder / "letter.png")
    write_video(folder / "film.mp4", seconds=1.0, cuts=(), subtitles=TRACK)
    run(library, folder, READING)
    found = words(library)
    summary = reembed(library, SimpleEmbedder(24, "new"), [], PipelineOptions(), lambda progress: None)
    assert (summary.model_changed, summary.transcripts.made) == (True, {"subtitle": 1})
    following = Library(library.folder)
    assert words(following) == found
    assert run_with(following, folder, READING, SimpleEmbedder(24, "new")).transcripts.made == {}


READ = {"letter.png": None, "same.png": None, "letters.pdf": 2}


def test_a_recogniser_that_needs_too_much_costs_the_words_alone(library: Library, folder: Path) -> None:
    sheet([(30, "Seven barrels of molasses")], (2000, 1400)).save(folder / "letter.png")
    summary = run(library, folder, READING, memory_megabytes=256)
    assert summary.failed == () and words(library) == {}
    (incomplete,) = summary.incomplete
    assert incomplete.reason == "needs more than 256 MB of memory"
    assert summary.indexed == 1


def test_speech_in_sounds_and_soundtracks(library: Library, folder: Path) -> None:
    shutil.copy(SPOKEN, folder / "memo.ogg")
    summary = run(library, folder, LISTENING)
    assert summary.transcripts.made == {"speech": 1}
    (first, last) = words(library)["memo.ogg"]
    assert "painted" in first[0] and "across the bay" in last[0]
    assert first[1] is not None and last[1] is not None and first[1] < 1 < 2.5 <= last[1]
    assert run(library, folder, LISTENING).transcripts.made == {}
    better = replace(LISTENING, speech=SpeechModel("another", MODEL))
    assert run(library, folder, better).transcripts.made == {"speech": 1}


def test_a_model_that_cannot_be_loaded_harms_nothing_and_is_tried_again(
    library: Library, folder: Path, tmp_path: Path
) -> None:
    broken = shutil.copytree(MODEL, tmp_path / "model")
    (broken / "model.bin").write_bytes(b"nothing of the kind")
    shutil.copy(SPOKEN, folder / "memo.ogg")
    model = Recognisers(speech=SpeechModel("mine", broken))
    summary = run(library, folder, model)
    assert (summary.indexed, summary.failed, summary.transcripts.made) == (1, (), {})
    assert "cannot be loaded" in summary.transcripts.unusable[0]
    shutil.copy(MODEL / "model.bin", broken / "model.bin")
    assert run(library, folder, model).transcripts.made == {"speech": 1}
