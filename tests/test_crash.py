"""Kill a real process that changes a library, at random moments, and demand that nothing is lost and nothing doubled.

The short form runs with the others; ``make soak`` kills 200 times.
"""

import random
import shutil
import sqlite3
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.crash import WORDS, Processes, State, assert_sound, kill_at_random, recognise, state
from tests.storage.test_migrations import catalog_of_version


def write(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)
    if path.suffix == ".png":
        pixels = np.random.default_rng(seed).integers(0, 256, (24, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    elif path.suffix == ".wav":
        with wave.open(str(path), "wb") as sound:
            sound.setparams((1, 2, 8000, 0, "NONE", ""))
            sound.writeframes(np.random.default_rng(seed).integers(-9000, 9000, 8000, dtype="<i2").tobytes())
    elif path.suffix == ".srt":
        lines = ("1\n00:00:00,000 --> 00:00:00,400\n{}\n", "2\n00:00:00,500 --> 00:00:00,900\n{}\n")
        path.write_text("\n".join(line.format(" ".join(rng.choices(WORDS, k=5))) for line in lines))
    else:
        path.write_text("\n\n".join(" ".join(rng.choices(WORDS, k=80)) for _ in range(rng.randint(1, 8))))


def change_files(files: Path) -> None:
    """Add, replace, delete, rename, swap, copy, and one that cannot be read; subtitles come, change and go."""
    for number in range(5):
        write(files / "a" / f"new{number}.txt", 1000 + number)
        write(files / "b" / f"{number}.txt", 2000 + number)
    for number in (5, 6):
        (files / "c" / f"{number}.txt").unlink()
    (files / "c" / "0.png").rename(files / "a" / "moved.png")
    (files / "c" / "1.txt").rename(files / "swap")
    (files / "c" / "2.txt").rename(files / "c" / "1.txt")
    (files / "swap").rename(files / "c" / "2.txt")
    shutil.copy(files / "c" / "3.txt", files / "copy.txt")
    (files / "bad.png").write_bytes(b"no picture")
    (files / "a" / "talk.srt").unlink()
    write(files / "b" / "talk.srt", 3000)
    (files / "c" / "talk.wav").rename(files / "c" / "speech.wav")
    (files / "c" / "talk.srt").rename(files / "c" / "speech.en.srt")
    write(files / "a" / "new.wav", 3001)
    write(files / "a" / "new.srt", 3002)


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    with Processes() as processes:
        yield processes


@pytest.fixture
def files(tmp_path: Path) -> Path:
    files = tmp_path / "files"
    for number, folder in enumerate(("a", "b", "c")):
        for file in range(7):
            write(files / folder / f"{file}.txt", 100 * number + file)
        write(files / folder / "0.png", number)
        write(files / folder / "talk.wav", 10 + number)
        write(files / folder / "talk.srt", 20 + number)
    return files


def as_before_or_after(before: State, after: State) -> Callable[[Path], None]:
    """Each file, its name and each of its transcripts are as they were or as they will be; the library is sound."""

    def hold(data: Path) -> None:
        assert_sound(data)
        now = state(data)
        for key in now.keys() - {"model"}:
            if not key.startswith("found "):  # follows from the others, which need not be of one moment
                # A renamed recording has the words it had until its subtitles are read under their new name.
                renamed = before.get(key.replace("speech.wav", "talk.wav"))
                assert now[key] in (before.get(key), after.get(key), renamed), key

    return hold


def first_run(processes: Processes, files: Path, tmp_path: Path, kills: int, rng: random.Random) -> int:
    (tmp_path / "data").mkdir()
    return kill_at_random(processes, "index", tmp_path / "data", files, kills, rng)


def update(processes: Processes, files: Path, tmp_path: Path, kills: int, rng: random.Random) -> int:
    data, after = tmp_path / "data", tmp_path / "after"
    processes.run("index", data, files)
    for name in ("a/0.png", "b/0.png", "c/0.png"):
        recognise(data, files / name, f"the letter of {name}", "a garden")
    before = state(data)
    change_files(files)
    shutil.copytree(data, after)
    processes.run("index", after, files)
    return kill_at_random(processes, "index", data, files, kills, rng, as_before_or_after(before, state(after)))


def deletion(processes: Processes, files: Path, tmp_path: Path, kills: int, rng: random.Random) -> int:
    processes.run("index", tmp_path / "data", files)
    return kill_at_random(processes, "forget", tmp_path / "data", files, kills, rng)


def migration(processes: Processes, files: Path, tmp_path: Path, kills: int, rng: random.Random) -> int:
    processes.run("index", tmp_path / "now", files)
    data = tmp_path / "data"
    data.mkdir()
    connection = sqlite3.connect(catalog_of_version(data, 1))
    connection.execute("ATTACH ? AS now", (str(tmp_path / "now" / "catalog.sqlite"),))
    for table in ("source", "piece", "root"):
        columns = ", ".join(f'"{row[1]}"' for row in connection.execute(f"PRAGMA main.table_info({table})"))
        connection.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM now.{table}")
    connection.execute("INSERT INTO main.fact SELECT * FROM now.fact WHERE name <> 'identity'")
    connection.commit()
    connection.close()
    return kill_at_random(processes, "index", data, files, kills, rng)


def change_of_model(processes: Processes, files: Path, tmp_path: Path, kills: int, rng: random.Random) -> int:
    data, after = tmp_path / "data", tmp_path / "after"
    processes.run("index", data, files)
    recognise(data, files / "a" / "0.png", "a letter in the window")
    shutil.copytree(data, after)
    processes.run("change", after, files)
    whole = (state(data), state(after))
    assert whole[0] != whole[1]

    def hold(work: Path) -> None:
        assert_sound(work)
        assert state(work) in whole  # all old answers, or all new ones

    return kill_at_random(processes, "change", data, files, kills, rng, hold)


def mending(processes: Processes, files: Path, tmp_path: Path, kills: int, rng: random.Random) -> int:
    data = tmp_path / "data"
    processes.run("index", data, files)
    path = data / "catalog.sqlite"
    content = bytearray(path.read_bytes())
    for part in (2, 4):
        start = len(content) * part // 6 // 4096 * 4096
        content[start : start + 4096] = bytes(random.Random(part).randbytes(4096))
    path.write_bytes(content)

    def hold(work: Path) -> None:
        kept = [found for found in work.rglob("catalog.sqlite*") if not found.name.endswith(("-wal", "-shm"))]
        assert kept, "the damaged catalog is gone, and there is none in its place"

    return kill_at_random(processes, "repair", data, files, kills, rng, hold)


CASES = (first_run, update, deletion, migration, change_of_model, mending)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_killed_at_some_moments(case: Callable[..., int], processes: Processes, files: Path, tmp_path: Path) -> None:
    assert case(processes, files, tmp_path, 2, random.Random(case.__name__)) == 2


@pytest.mark.soak
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_killed_at_200_moments(case: Callable[..., int], processes: Processes, files: Path, tmp_path: Path) -> None:
    kills = {first_run: 35, update: 40, deletion: 25, migration: 25, change_of_model: 50, mending: 25}
    assert sum(kills.values()) == 200
    assert case(processes, files, tmp_path, kills[case], random.Random(f"soak {case.__name__}")) == kills[case]
