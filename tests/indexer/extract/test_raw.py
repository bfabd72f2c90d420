from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.errors import ExtractionError
from indexer.extract.take_apart import take_apart
from indexer.pieces import ExtractionLimits
from tests.sample_formats import raw_photograph

from .making import LIMITS, MEDIA, cut_short, pieces_of


def test_a_large_preview_is_taken(tmp_path: Path) -> None:
    raw_photograph(tmp_path / "a.dng", Image.new("RGB", (160, 120), "blue"))
    (piece,) = pieces_of(tmp_path / "a.dng")
    assert piece.frames is not None and piece.frames.shape == (1, 64, 85, 3)
    assert np.abs(piece.frames[0, 32, 40].astype(int) - (0, 0, 255)).max() < 12


@pytest.mark.parametrize("preview", [None, Image.new("RGB", (40, 30), "blue")])
def test_without_a_preview_that_is_large_enough_the_raw_data_are_developed(
    tmp_path: Path, preview: Image.Image | None
) -> None:
    raw_photograph(tmp_path / "a.DNG", preview, size=160)
    (piece,) = pieces_of(tmp_path / "a.DNG")
    assert piece.modality == "image" and piece.frames is not None and piece.frames.shape == (1, 64, 64, 3)
    red, green, blue = piece.frames[0, 32, 32].astype(int)
    assert red > 200 and green < 60 and blue < 120


def test_the_camera_s_clock_is_believed(tmp_path: Path) -> None:
    opened = take_apart(raw_photograph(tmp_path / "a.dng"), MEDIA, LIMITS)
    assert opened.recorded == datetime(2021, 6, 5, 10, 20, 30).timestamp()


def test_too_many_pixels_damage_and_other_content_are_refused(tmp_path: Path) -> None:
    whole = raw_photograph(tmp_path / "a.dng")
    with pytest.raises(ExtractionError, match="too large: 96 x 96 pixels"):
        pieces_of(whole, limits=ExtractionLimits(megapixels=0.005))
    with pytest.raises(ExtractionError, match=r"^damaged"):
        pieces_of(cut_short(whole, tmp_path / "b.dng", 0.9))
    (tmp_path / "c.nef").write_bytes(b"\x01\x02\x03" * 1000)
    with pytest.raises(ExtractionError, match=r"^damaged"):
        pieces_of(tmp_path / "c.nef")
