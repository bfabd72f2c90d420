import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.errors import ExtractionError
from indexer.extract.take_apart import take_apart
from indexer.pieces import ExtractionLimits
from tests.sample_formats import scene, write_animation

from .making import LIMITS, MEDIA, pieces_of

SCENES = [scene(48, 32), Image.new("RGB", (48, 32), "navy")]


@pytest.mark.parametrize("extension", ["gif", "webp", "png", "apng", "avif"])
def test_an_animation_is_cut_at_its_scenes(tmp_path: Path, extension: str) -> None:
    path = write_animation(tmp_path / f"a.{extension}", SCENES, each=20)
    opened = take_apart(path, MEDIA, LIMITS)
    assert (opened.kind, opened.duration) == ("video", pytest.approx(4.0))
    first, second = opened.pieces
    assert (first.modality, first.start, second.end) == ("video", 0.0, 4.0)
    assert first.end == second.start == pytest.approx(2.0, abs=0.2)
    assert first.frames is not None and second.frames is not None and first.frames.shape == (4, 64, 96, 3)
    assert np.abs(second.frames[1:].astype(int) - (0, 0, 128)).max() < 25
    assert first.frames[0, 40, 10, 0] > 150


def test_pictures_that_last_unequally_are_shown_by_their_times(tmp_path: Path) -> None:
    red, navy = Image.new("RGB", (48, 32), "red"), Image.new("RGB", (48, 32), "navy")
    red.save(tmp_path / "a.gif", save_all=True, append_images=[navy], duration=[3000, 1000])
    (piece,) = pieces_of(tmp_path / "a.gif", span=None, limits=LIMITS)[:1]
    assert piece.start == 0.0 and piece.end == pytest.approx(3.0, abs=0.3)


def test_no_delay_means_a_tenth_of_a_second_as_in_browsers(tmp_path: Path) -> None:
    write_animation(tmp_path / "a.gif", [scene(48, 32)], each=5, milliseconds=0)
    assert take_apart(tmp_path / "a.gif", MEDIA, LIMITS).duration == pytest.approx(0.5)


def test_one_picture_is_a_picture_and_many_are_cut_off_at_the_limit(tmp_path: Path) -> None:
    scene().save(tmp_path / "a.gif")
    assert [piece.modality for piece in pieces_of(tmp_path / "a.gif")] == ["image"]
    write_animation(tmp_path / "b.gif", SCENES, each=20)
    assert take_apart(tmp_path / "b.gif", MEDIA, ExtractionLimits(frames=10)).duration == pytest.approx(1.0)


def test_pages_of_a_tiff_are_no_film(tmp_path: Path) -> None:
    scene().save(tmp_path / "a.tif", save_all=True, append_images=SCENES)
    assert [piece.modality for piece in pieces_of(tmp_path / "a.tif")] == ["image"]


def test_an_animation_that_breaks_off_is_refused(tmp_path: Path) -> None:
    whole = io.BytesIO()
    SCENES[0].save(whole, "GIF", save_all=True, append_images=SCENES, duration=100)
    (tmp_path / "a.gif").write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    with pytest.raises(ExtractionError, match=r"^(truncated|damaged)"):
        pieces_of(tmp_path / "a.gif")


def test_a_span_of_an_animation_but_not_of_a_picture(tmp_path: Path) -> None:
    write_animation(tmp_path / "a.gif", SCENES, each=20)
    (piece,) = pieces_of(tmp_path / "a.gif", span=(2.5, 3.5))
    assert (piece.start, piece.end) == (2.5, 3.5) and piece.frames is not None
    assert np.abs(piece.frames[0].astype(int) - (0, 0, 128)).max() < 25
    with pytest.raises(ExtractionError, match=r"only 4\.0 s long"):
        pieces_of(tmp_path / "a.gif", span=(5, 6))
    scene().save(tmp_path / "b.gif")
    with pytest.raises(ExtractionError, match="needs a sound or a video"):
        pieces_of(tmp_path / "b.gif", span=(0, 1))
