"""Small pictures told apart, and fitted to crops of themselves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from engine.duplicates.compare import MOST_DIFFERENCE
from engine.duplicates.pictures import SmallPicture, difference, small_picture
from tests.sample_media import photograph, picture

SAME = MOST_DIFFERENCE["image"]


def small(image: Image.Image, side: int = 64) -> SmallPicture:
    return small_picture(np.asarray(image.convert("RGB")), side)


@settings(max_examples=20, deadline=None)
@given(left=st.floats(0, 0.05), top=st.floats(0, 0.05), right=st.floats(0, 0.05), bottom=st.floats(0, 0.05))
def test_a_slight_crop_is_the_same_picture_both_ways(left: float, top: float, right: float, bottom: float) -> None:
    whole = photograph("telephone-dial", (224, 228, 214))
    width, height = whole.size
    box = (round(width * left), round(height * top), round(width * (1 - right)), round(height * (1 - bottom)))
    part = whole.crop(box)
    assert difference(small(whole), small(part)) <= SAME
    assert difference(small(part), small(whole)) <= SAME


@pytest.mark.parametrize(
    ("one", "other"),
    [("telephone-red", "telephone-office"), ("lighthouse-red", "lighthouse-black"), ("penguin", "penguin-cartoon")],
)
def test_other_pictures_of_the_same_kind_of_thing_differ(one: str, other: str) -> None:
    assert difference(small(picture(one)), small(picture(other))) > 2 * SAME


def test_a_detail_tells_two_drawings_apart() -> None:
    face = picture("owl")
    other = face.copy()
    width, height = face.size
    eye = face.crop((width // 3, height // 8, width // 2, height // 4))
    other.paste(eye.transpose(Image.Transpose.ROTATE_180), (width // 2, height // 2))
    assert difference(small(face), small(other)) > 2 * SAME


def test_another_colour_is_another_picture() -> None:
    red = picture("telephone-red")
    blue = Image.merge("RGB", red.split()[::-1])
    assert difference(small(red), small(blue)) > 2 * SAME


@pytest.mark.parametrize("brightness", [0, 12, 128, 255])
def test_what_shows_nothing_is_no_copy_of_anything(brightness: int) -> None:
    noise = np.random.default_rng(brightness).integers(-3, 4, (120, 160, 3))
    flat = small_picture(np.clip(noise + brightness, 0, 255).astype(np.uint8), 64)
    assert flat.is_flat
    assert difference(flat, flat) == float("inf")
    assert difference(flat, small(picture("owl"))) == float("inf")
