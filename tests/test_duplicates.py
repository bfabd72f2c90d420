"""`synesthete duplicates` as a user runs it: on real files of every kind, with copies and with look-alikes."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.conftest import Program
from tests.copies import (
    FILM_COPIES,
    copy_film,
    copy_pages,
    copy_picture,
    copy_sound,
    letter_scan,
    write_blank_pages,
    write_card,
    write_invoice,
)
from tests.sample_media import Scene, photograph, picture, sequence, take, write_pdf, write_sound, write_video

WORDS = [
    "harbour",
    "letter",
    "morning",
    "boat",
    "received",
    "regards",
    "weather",
    "against",
    "seven",
    "paper",
    "window",
    "silver",
]


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> tuple[Program, Path]:
    """A library with copies and look-alikes, indexed; and where its files are."""
    home = tmp_path_factory.mktemp("copies")
    folder = home / "library"
    folder.mkdir()
    _pictures(folder)
    _sounds(folder)
    _films(folder)
    _documents(folder)
    (folder / "note.txt").write_text("The tide table is on the kitchen door.")
    shutil.copyfile(folder / "note.txt", folder / "note-copy.txt")
    program = Program(home / "data", home / "home")
    assert program.json("index", folder)["failed"] == []
    return program, folder


def _pictures(folder: Path) -> None:
    crow = photograph("crow", (206, 220, 226))
    crow.save(folder / "crow.jpg", quality=92)
    for how in ("q30", "webp", "half", "quarter", "crop5"):
        copy_picture(crow, how, folder, "crow")
    shutil.copyfile(folder / "crow.jpg", folder / "crow-again.jpg")
    for name in ("lighthouse-red", "lighthouse-black", "telephone-red", "telephone-office"):
        picture(name).save(folder / f"{name}.png")
    random = np.random.default_rng(1)
    for number in range(3):  # unrelated dark frames: a lens cap with its noise
        noise = random.integers(0, 4 + number, (240, 320, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"black-{number}.png")
    for number in range(2):
        letter_scan(WORDS, number).save(folder / f"scan-{number}.png")


def _sounds(folder: Path) -> None:
    tune = sequence((0.0, take("ambi_piano")), (1.5, take("perc_bell")), (3.0, take("guit_e_fifths")), seconds=8)
    write_sound(folder / "tune.flac", tune)
    for how in ("mp3-32", "opus-24", "quiet", "trimmed"):
        copy_sound(tune, how, folder, "tune")
    for number in range(2):
        write_sound(folder / f"silence-{number}.wav", np.zeros(44_100 * (3 + number), np.float32))
    for name in ("drum_cymbal_hard", "drum_cymbal_soft", "tabla_na_o", "tabla_ghe2"):
        write_sound(folder / f"{name}.flac", take(name))


def _films(folder: Path) -> None:
    hall = (Scene("", "piano-upright", sequence((0.0, take("ambi_piano")), seconds=4)), Scene("", "violin"))
    write_video(folder / "hall.mp4", hall, seed=3)
    for how in FILM_COPIES:
        copy_film(folder / "hall.mp4", how, folder)
    write_video(folder / "other-hall.mp4", (Scene("", "trumpet"), Scene("", "harp")), seed=4)
    black = np.zeros((6, 120, 160, 3), np.uint8)
    for number in range(2):
        first, *rest = [Image.fromarray(frame + number) for frame in black]
        first.putpixel((0, 0), (255, 255, 255))
        first.save(folder / f"black-{number}.gif", save_all=True, append_images=rest, duration=500)


def _documents(folder: Path) -> None:
    write_pdf(folder / "guide.pdf", "pages/field-guide", {2: "mushroom-spotted"})
    for how in ("saved-anew", "first-page", "cover-before"):
        copy_pages(folder / "guide.pdf", how, folder)
    write_pdf(folder / "music.pdf", "pages/music-room")
    write_invoice(folder / "invoice-1.pdf", "A. Miller, Harbour Street", "120.50")
    write_invoice(folder / "invoice-2.pdf", "A. Miller, Harbour Street", "210.50")
    for name in ("card-1", "card-2"):  # a few words on white paper
        write_card(folder / f"{name}.pdf", "Back in five minutes", name)
    write_card(folder / "card-3.pdf", "Back in nine minutes", "card")
    write_blank_pages(folder / "blank-1.pdf", 1)
    write_blank_pages(folder / "blank-2.pdf", 2, "another")


def names(group: dict[str, Any]) -> set[str]:
    return {Path(file["path"]).name for file in group["files"]}


def groups(copies: tuple[Program, Path], *arguments: str | Path) -> list[dict[str, Any]]:
    answer = copies[0].json("duplicates", *arguments)
    assert answer["failed"] == []
    found: list[dict[str, Any]] = answer["groups"]
    return found


def test_each_kind_s_copies_are_one_group_and_nothing_else_is_in_any(copies: tuple[Program, Path]) -> None:
    found = groups(copies)
    crows = {"crow.jpg", "crow-again.jpg", "crow-webp.webp"}
    crows |= {f"crow-{how}.jpg" for how in ("q30", "half", "quarter", "crop5")}
    tunes = {"tune.flac", "tune-mp3-32.mp3", "tune-opus-24.opus", "tune-quiet.flac", "tune-trimmed.wav"}
    films = {"hall.mp4", "hall-webm-half.webm", "hall-mkv.mkv", "hall-trimmed-webm.webm"}
    pages = {"guide.pdf", "guide-saved-anew.pdf", "guide-first-page.pdf", "guide-cover-before.pdf"}
    expected = [crows, tunes, films, pages, {"card-1.pdf", "card-2.pdf"}, {"note.txt", "note-copy.txt"}]
    assert sorted(map(sorted, map(names, found))) == sorted(map(sorted, expected))
    assert [group["waste"] for group in found] == sorted((group["waste"] for group in found), reverse=True)


def test_the_best_is_kept_and_the_copies_say_what_they_are(copies: tuple[Program, Path]) -> None:
    files = {Path(file["path"]).name: file for group in groups(copies) for file in group["files"]}
    kept = {name for name, file in files.items() if file["relation"] == "keep"}
    assert "crow.jpg" in kept and "guide-cover-before.pdf" in kept and not any("trimmed" in name for name in kept)
    assert files["crow-again.jpg"]["relation"] == "exact"
    assert files["crow-again.jpg"]["content"] == files["crow.jpg"]["content"]
    assert files["crow-half.jpg"]["relation"] == "near"
    assert files["crow-half.jpg"]["dimensions"] == [side // 2 for side in files["crow.jpg"]["dimensions"]]
    assert files["tune-trimmed.wav"]["start"] == pytest.approx(0.8, abs=0.05)
    assert files["tune-trimmed.wav"]["end"] == pytest.approx(0.93 * 8, abs=0.05)
    assert files["hall-trimmed-webm.webm"]["start"] == pytest.approx(1.0, abs=0.3)
    assert files["guide-first-page.pdf"]["page"] == 2  # behind the cover


def test_a_path_a_kind_and_a_folder_choose(copies: tuple[Program, Path], tmp_path: Path) -> None:
    _, folder = copies
    assert [group["kind"] for group in groups(copies, folder / "crow-half.jpg")] == ["image"]
    assert {group["kind"] for group in groups(copies, "--kind", "audio,text")} == {"audio", "text"}
    assert groups(copies, folder / "music.pdf") == []
    assert groups(copies, "--under", tmp_path) == []


def test_the_lines_say_that_nothing_is_deleted(copies: tuple[Program, Path]) -> None:
    program, folder = copies
    done = program.run("duplicates", folder / "tune.flac", cwd=folder)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split()[:4] == ["1", "audio,", "5", "files,"]
    assert sum(line.split()[:1] == ["near"] for line in lines) == 4
    assert lines[-1].endswith("nothing has been deleted")


@pytest.mark.parametrize("arguments", [("nowhere.jpg",), ("--kind", "photo"), ("--under", "/no/such/folder")])
def test_what_cannot_be_asked_is_one_line(copies: tuple[Program, Path], arguments: tuple[str, ...]) -> None:
    done = copies[0].run("duplicates", *arguments)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_file_that_has_changed_is_named_and_stops_nothing(program: Program, tmp_path: Path) -> None:
    folder = tmp_path / "library"
    folder.mkdir()
    crow = photograph("crow", (206, 220, 226))
    for how in ("q90", "half", "q30"):
        copy_picture(crow, how, folder, "crow")
    program.json("index", folder)
    changed = copy_picture(crow.rotate(90), "q30", folder, "crow")
    answer = program.json("duplicates")
    assert [names(group) for group in answer["groups"]] == [{"crow-q90.jpg", "crow-half.jpg"}]
    assert [Path(failure["path"]) for failure in answer["failed"]] == [changed]
    (program.data / "fingerprints.sqlite").write_bytes(b"no database at all" * 100)
    assert program.json("duplicates") == answer


def test_an_empty_library_has_no_duplicates(program: Program) -> None:
    assert program.json("duplicates") == {"groups": [], "failed": []}
