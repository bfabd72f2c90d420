import itertools
from pathlib import Path

import numpy as np
import pytest

from indexer.errors import ExtractionError
from indexer.extract.cuts import GRID
from indexer.extract.frames import LONGEST_MOMENT, Sample, moments, shots
from indexer.pieces import ExtractedPiece, ExtractionLimits, MediaFormat

from .making import MEDIA, cut_short, pieces_of, scenery, tone, write_video

ENCODINGS = [
    ("a.mp4", "libx264"),
    ("b.m4v", "mpeg4"),
    ("c.mkv", "libx264"),
    ("d.webm", "libvpx"),
    ("e.webm", "libvpx-vp9"),
    ("f.mov", "libx264"),
    ("g.avi", "mpeg4"),
    ("h.mov", "mjpeg"),
]


def _moments(path: Path, **options: object) -> list[ExtractedPiece]:
    return [piece for piece in pieces_of(path, **options) if piece.modality == "video"]  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "codec"), ENCODINGS, ids=[each[0] for each in ENCODINGS])
def test_every_format_is_read_and_cut_where_the_scene_changes(tmp_path: Path, name: str, codec: str) -> None:
    pictures = scenery(3)
    found = _moments(write_video(tmp_path / name, codec, cuts=(2.0, 4.5), pictures=pictures))
    assert [piece.start for piece in found] == [0.0, pytest.approx(2.0, abs=0.3), pytest.approx(4.5, abs=0.3)]
    assert [piece.end for piece in found] == [found[1].start, found[2].start, pytest.approx(6.0, abs=0.2)]
    for piece, picture in zip(found, pictures, strict=True):
        assert piece.frames is not None and piece.frames.dtype == np.uint8
        assert piece.frames.shape == (MEDIA.frames_per_moment, 64, 85, 3)
        for frame in piece.frames:
            assert np.abs(frame.mean(axis=(0, 1)) - picture.mean(axis=(0, 1))).max() < 12


def test_a_film_of_one_scene_is_split_evenly(tmp_path: Path) -> None:
    found = _moments(write_video(tmp_path / "a.mp4", seconds=24, rate=8, cuts=()))
    assert [(piece.start, piece.end) for piece in found] == [(0.0, 8.0), (8.0, 16.0), (16.0, 24.0)]


def test_a_film_shorter_than_a_moment_is_one(tmp_path: Path) -> None:
    (piece,) = _moments(write_video(tmp_path / "a.mp4", seconds=0.5, cuts=()))
    assert (piece.start, piece.end) == (0.0, pytest.approx(0.5, abs=0.01))
    assert piece.frames is not None and len(piece.frames) == MEDIA.frames_per_moment


def test_scenes_shorter_than_a_second_are_joined(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", seconds=6, cuts=(2.0, 2.5, 5.5))
    assert [piece.start for piece in _moments(path)] == [0.0, pytest.approx(2.0, abs=0.3)]


def test_slow_movement_is_no_cut(tmp_path: Path) -> None:
    wide = np.random.default_rng(3).integers(0, 256, (8, 60, 3), dtype=np.uint8).repeat(15, 0).repeat(15, 1)
    pan = [np.ascontiguousarray(wide[:, at * 6 : at * 6 + 160]) for at in range(96)]
    path = write_video(tmp_path / "a.mp4", seconds=8, cuts=[n / 12 for n in range(1, 96)], pictures=pan)
    assert len(_moments(path)) == 1


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_turned_film_is_shown_upright(tmp_path: Path, rotation: int) -> None:
    picture = np.zeros((120, 160, 3), np.uint8)
    picture[:40, :, 0] = 255  # red at the top
    path = write_video(tmp_path / "a.mp4", seconds=1, cuts=(), pictures=[picture], rotation=rotation)
    (piece,) = _moments(path)
    assert piece.frames is not None
    frame = piece.frames[0].astype(int)
    height, width, _ = frame.shape
    assert (height, width) == ((64, 85) if rotation == 180 else (85, 64))
    # PyAV, like FFmpeg's display matrix, counts the turn against the clock.
    edge = {90: frame[:, 5], 180: frame[-5], 270: frame[:, -5]}[rotation]
    assert edge[:, 0].mean() > 180


def test_limits_on_size_and_length(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4")
    with pytest.raises(ExtractionError, match="too large: 160 x 120 pixels"):
        pieces_of(path, limits=ExtractionLimits(megapixels=0.01))
    assert _moments(path, limits=ExtractionLimits(media_hours=3 / 3600))[-1].end == 3.0


def test_a_very_wide_film_is_cropped(tmp_path: Path) -> None:
    (piece,) = _moments(write_video(tmp_path / "a.mp4", seconds=1, cuts=(), pictures=scenery(1, 1600, 90)))
    assert piece.frames is not None and piece.frames.shape[1:] == (64, 256, 3)


@pytest.mark.parametrize("name", ["a.mp4", "b.mkv", "c.avi", "d.webm", "e.mov"])
@pytest.mark.parametrize("share", [0.02, 0.4, 0.75])
def test_a_truncated_film_is_refused(tmp_path: Path, name: str, share: float) -> None:
    codec = {"c.avi": "mpeg4", "d.webm": "libvpx"}.get(name, "libx264")
    whole = write_video(tmp_path / f"whole{name[1:]}", codec, sound=None)
    with pytest.raises(ExtractionError, match=r"^(truncated|damaged)"):
        pieces_of(cut_short(whole, tmp_path / name, share))


def test_a_film_with_its_index_in_front_is_refused_when_truncated(tmp_path: Path) -> None:
    whole = write_video(
        tmp_path / "whole.mp4", sound=("aac", tone(6, 48_000)), options={"movflags": "faststart"}, seconds=6
    )
    with pytest.raises(ExtractionError, match=r"^truncated: \d\.\d of 6\.\d s are there"):
        pieces_of(cut_short(whole, tmp_path / "a.mp4", 0.6))


def test_a_film_damaged_in_its_middle_is_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", seconds=8, cuts=(2.0, 4.0), options={"movflags": "faststart"})
    data = bytearray(path.read_bytes())
    start = data.find(b"mdat") + 4
    third = (len(data) - start) // 3
    data[start + third : start + 2 * third] = np.random.default_rng(0).bytes(third)
    path.write_bytes(data)
    with pytest.raises(ExtractionError, match=r"^(damaged|truncated)"):
        pieces_of(path)


def test_the_same_film_gives_the_same_bytes(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4")
    first, second = (np.concatenate([piece.frames for piece in _moments(path)]) for _ in range(2))
    assert np.array_equal(first, second)


def _still(time: float) -> Sample:
    return Sample(time, time, np.zeros((2, 2, 3), np.uint8), np.zeros((GRID, GRID, 3), np.uint8))


@pytest.mark.parametrize("seconds", [3.0, 10.0, 10.5, 49.0, 51.0, 61.0, 1000.0])
def test_long_shots_are_cut_without_holding_all_of_them(seconds: float) -> None:
    samples = (_still(number / 4) for number in range(int(seconds * 4)))
    found = list(moments(shots(samples), 0.0, lambda: seconds))
    assert found[0][0] == 0.0 and found[-1][1] == seconds
    assert all(before[1] == after[0] for before, after in itertools.pairwise(found))
    lengths = [end - start for start, end, _ in found]
    assert max(lengths) <= LONGEST_MOMENT and (seconds <= LONGEST_MOMENT or min(lengths) >= 5)
    assert all(start <= sample.time < end for start, end, chosen in found for sample in chosen)


def test_a_film_of_few_key_pictures_still_fills_its_moments(tmp_path: Path) -> None:
    media = MediaFormat(image_size=32, frames_per_moment=7)
    path = write_video(tmp_path / "a.mp4", seconds=3, rate=1, cuts=())
    assert all(piece.frames is not None and len(piece.frames) == 7 for piece in pieces_of(path, media=media))


def test_a_film_is_cut_off_at_the_limit_of_pictures(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", seconds=6, rate=12, cuts=(1, 4))
    whole = [piece.end for piece in pieces_of(tmp_path / "a.mp4")]
    some = [piece.end for piece in pieces_of(tmp_path / "a.mp4", limits=ExtractionLimits(frames=12))]
    assert whole[-1] == 6.0 and 0 < (some[-1] or 0) < 3.5
