"""Films made of pictures: the extractor takes each for one moment, and they do not change from run to run."""

import random
from pathlib import Path

import av
import numpy as np
import pytest
import videos
from PIL import Image, ImageDraw

from indexer.extract.sandbox import ExtractionWorker
from indexer.pieces import ExtractionLimits, MediaFormat
from tests.sample_media import waves, write_sound


@pytest.fixture
def drawings(tmp_path: Path) -> list[dict]:
    rows = []
    for number, colour in enumerate(["red", "navy", "green", "white", "orange", "black"]):
        image = Image.new("RGBA", (300, 200))
        ImageDraw.Draw(image).ellipse((40, 20, 260, 180), fill=colour)
        image.save(tmp_path / f"{number}.png")
        rows.append({
            "file": str(tmp_path / f"{number}.png"), "texts": [f"a {colour} egg", "egg"], "concept": f"{colour} egg",
            "split": "train", "licence": "MIT" if number % 2 else "CC-BY-4.0",
        })  # fmt: skip
    return rows


@pytest.mark.parametrize("kind", ["move", "cut", "dissolve"])
def test_a_film_is_one_moment_of_all_its_pictures(kind: str, drawings: list[dict], tmp_path: Path) -> None:
    for number in range(3):
        files = [row["file"] for row in drawings[2 * number : 2 * number + 2]]
        frames = list(videos.frames(kind, files[: 1 if kind == "move" else 2], random.Random(number)))
        videos.write(tmp_path / f"{number}.mp4", frames, None)
        assert 1.7 < len(frames) / videos.RATE <= 3
        with ExtractionWorker(MediaFormat(), ExtractionLimits()) as worker:
            (moment,) = worker.open(tmp_path / f"{number}.mp4").pieces
        assert moment.modality == "video"
        assert abs(moment.end - len(frames) / videos.RATE) < 0.01
        changed = np.abs(moment.frames[0].astype(float) - moment.frames[-1]).mean()
        assert kind == "move" or changed > 20


def test_a_white_drawing_is_seen(drawings: list[dict]) -> None:
    for number in range(10):
        draw = random.Random(number)
        shot = videos.shot(drawings[3]["file"], (224, 224), "white", draw)
        assert np.asarray(shot(0.5)).std() > videos.LEAST_CONTRAST


def test_a_soundtrack_is_as_long_as_its_film(drawings: list[dict], tmp_path: Path) -> None:
    write_sound(tmp_path / "waves.flac", waves(1.0, 0))
    frames = list(videos.frames("move", [drawings[0]["file"]], random.Random(0)))
    for name in ("a", "b"):
        videos.write(tmp_path / f"{name}.mp4", frames, str(tmp_path / "waves.flac"))
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    with av.open(str(tmp_path / "a.mp4")) as film:
        sound = film.streams.audio[0]
        assert abs(float(sound.duration * sound.time_base) - len(frames) / videos.RATE) < 0.1


def test_rows_name_what_is_shown_and_stay_when_pictures_come(
    drawings: list[dict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(videos, "FILMS", {"train": 3})
    rows = list(videos.entries(tmp_path, drawings, []))
    assert len({row["concept"] for row in rows}) == 3
    for row in rows:
        assert row["texts"][0].count("egg") == 1 + row["concept"].count(", then")
        assert Path(row["file"]).exists()
    assert list(videos.entries(tmp_path, drawings[::-1], [])) == rows
