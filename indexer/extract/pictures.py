"""What every picture, page and frame goes through: one rule for its size, white behind what is transparent."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

LONGEST = 4
"""A picture is at most this many times as long as it is wide; the rest is cropped about the centre."""


def cropped(width: int, height: int) -> tuple[int, int, int, int]:
    """The part of a picture that is kept: (left, top, right, bottom) in pixels, about the centre."""
    kept_width, kept_height = min(width, height * LONGEST), min(height, width * LONGEST)
    left, top = (width - kept_width) // 2, (height - kept_height) // 2
    return left, top, left + kept_width, top + kept_height


def fitted_size(width: int, height: int, shorter: int) -> tuple[int, int]:
    """(width, height) of a picture of that shape whose shorter side is ``shorter`` pixels and which is not too long."""
    left, top, right, bottom = cropped(width, height)
    scale = shorter / min(right - left, bottom - top)
    return max(shorter, round((right - left) * scale)), max(shorter, round((bottom - top) * scale))


def fitted(picture: Image.Image, shorter: int) -> NDArray[np.uint8]:
    """An RGB picture scaled by the rule: uint8 of shape (height, width, 3), the shorter side ``shorter`` pixels."""
    size = fitted_size(*picture.size, shorter)
    box = cropped(*picture.size)
    if picture.size != size:
        picture = picture.resize(size, Image.Resampling.BICUBIC, box=box, reducing_gap=2.0)
    return np.asarray(picture, dtype=np.uint8).copy()


def on_paper(picture: Image.Image) -> Image.Image:
    """The picture in RGB, on white where it is transparent."""
    if picture.has_transparency_data:
        paper = Image.new("RGBA", picture.size, "white")
        paper.alpha_composite(picture.convert("RGBA"))
        picture = paper
    return picture.convert("RGB")
