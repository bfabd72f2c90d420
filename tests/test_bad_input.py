"""Bad files among good ones, through the program: each gets one clear line, is recorded, and stops nothing."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pymupdf
import pytest

from tests.conftest import Program
from tests.sample_media import SAMPLES, Scene, photograph, take, write_pdf, write_sound, write_video

# The bad file's name, and what its reason must say.
REASONS = {
    "truncated.jpg": "truncated",
    "truncated.mp4": "",
    "truncated.pdf": "damaged",
    "random.txt": "not text",
    "empty.png": "empty",
    "empty.mp3": "empty",
    "secret.pdf": "password",
    "liar.jpg": "PDF",
    "liar.pdf": "PNG",
    "x.mp4": "folder",
    "pipe.wav": "not a regular file",
}
GOOD = ("crow.jpg", "bell.mp3", "soup.md")


def write_good(folder: Path) -> None:
    photograph("crow", (206, 220, 226)).save(folder / "crow.jpg")
    write_sound(folder / "bell.mp3", take("perc_bell"))
    shutil.copy(SAMPLES / "texts/Notes/soup.md", folder)


@pytest.fixture(scope="module")
def bad_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bad")
    write_good(folder)
    photograph("jingle-bells", (240, 236, 224)).save(folder / "truncated.jpg")
    write_video(folder / "truncated.mp4", (Scene("crow", "crow", take("perc_bell"), 2.0),), 1)
    write_pdf(folder / "truncated.pdf", "pages/field-guide")
    for path in folder.glob("truncated.*"):
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
    (folder / "random.txt").write_bytes(bytes((i * 7919 + i // 256 * 104729) % 256 for i in range(5000)))
    (folder / "empty.png").touch()
    (folder / "empty.mp3").touch()
    write_pdf(folder / "liar.jpg.pdf", "pages/observatory")
    document = pymupdf.open(folder / "liar.jpg.pdf")
    document.save(folder / "secret.pdf", encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="secret", owner_pw="owner")
    (folder / "liar.jpg.pdf").rename(folder / "liar.jpg")
    shutil.copy(SAMPLES / "pictures/bicycle.png", folder / "liar.pdf")
    (folder / "x.mp4").mkdir()
    shutil.copy(SAMPLES / "texts/Notes/letter.txt", folder / "x.mp4" / "inside.txt")
    os.mkfifo(folder / "pipe.wav")
    return folder


def test_every_bad_file_has_its_reason_and_every_good_one_is_indexed(bad_folder: Path, tmp_path: Path) -> None:
    program = Program(tmp_path / "data", tmp_path / "home")
    done = program.run("index", bad_folder, tmp_path / "missing")
    assert done.returncode == 0 and "Traceback" not in done.stderr
    lines = dict(line.split(": ", 1) for line in done.stderr.splitlines())
    assert set(lines) == {str(bad_folder / name) for name in REASONS} | {str(tmp_path / "missing")}
    for name, said in REASONS.items():
        assert said in lines[str(bad_folder / name)], name
    assert "no such file" in lines[str(tmp_path / "missing")]

    status = program.json("status")
    recorded = {failure["path"]: failure["reason"] for failure in status["failed"]}
    assert recorded == {path: reason for path, reason in lines.items() if not path.endswith("missing")}
    assert sum(status["sources"].values()) == len(GOOD) + 1
    assert program.json("check") == {"findings": []}

    again = program.json("index", bad_folder)
    assert (again["indexed"], again["unchanged"]) == (0, len(GOOD) + 1)
    assert {failure["path"] for failure in again["failed"]} == set(recorded)

    # A query that cannot be read is one line too.
    for name, code in (("truncated.jpg", 2), ("secret.pdf", 2), ("x.mp4", 2), ("pipe.wav", 2), ("nowhere.jpg", 2)):
        asked = program.run("search", "--like", bad_folder / name)
        assert asked.returncode == code and asked.stderr.count("\n") == 1 and name in asked.stderr, name


def test_a_file_that_may_not_be_read_is_named_and_the_rest_indexed(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    write_good(folder)
    closed = folder / "soup.md"
    closed.chmod(0)
    program = Program(tmp_path / "data", tmp_path / "home")
    command = [sys.executable, "-m", "engine.cli", "--data", str(program.data), "index", str(folder), "--json"]
    if os.geteuid() == 0:
        # Root reads everything; without these capabilities it is bound by permissions like anyone else.
        command = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all", *command]
    done = subprocess.run(command, capture_output=True, text=True, env=program.environment, check=True)
    summary = json.loads(done.stdout)
    assert summary["indexed"] == len(GOOD) - 1
    (failure,) = summary["failed"]
    assert failure["path"] == str(closed) and "Permission denied" in failure["reason"]
    closed.chmod(0o600)


def test_an_address_space_too_small_for_the_libraries_is_one_line(program: Program, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "sea.txt").write_text("the red sea")
    code = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1_000_000_000,) * 2)\n"
        f"sys.argv = ['synesthete', '--data', {str(program.data)!r}, 'index', {str(tmp_path / 'files')!r}]\n"
        "from engine.cli import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=program.environment)
    assert done.returncode == 1 and "there is too little memory for this" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    assert program.json("index", tmp_path / "files")["indexed"] == 1
