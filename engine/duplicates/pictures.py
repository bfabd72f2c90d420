"""Whether two pictures are the same picture: small versions of them, laid over each other and compared part by part.

A perceptual hash of 64 bits cannot tell two drawings of one kind apart, nor two pages of text. So the small picture
itself is kept, and one is fitted to the other (a crop moves and stretches it) by the method of Lucas and Kanade (1981,
"An iterative image registration technique"): least squares on the brightness, from coarse to fine.
"""

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

CHROMA_SIDE = 8

FLAT = 4.0
"""Standard deviation of the brightness (of 255) below which a picture, such as a black frame, shows nothing."""

_NOISE = 5.0  # brightness steps that re-encoding may cost anywhere
_CHROMA_UNIT = 64.0  # a colour as much off as this counts as fully different
_PARTS = 8  # a picture is compared in 8 x 8 parts; the few worst decide
_WORST = 3
_MOST_STRETCH, _MOST_SHIFT = 0.25, 0.3  # in units of half a picture's side
_LEAST_OVERLAP = 0.7
_STEPS = 8
_EDGE = 2  # pixels at the edge that do not count
_SURELY_SAME = 0.2
_NOT_EVEN_CROPPED = 0.3  # correlation of 8 x 8 parts

Weights = NDArray[np.float64]


@dataclass(frozen=True)
class SmallPicture:
    """A picture squeezed into a square: ``luma`` uint8 (side, side), ``chroma`` (Cb, Cr) uint8 (8, 8, 2).

    ``aspect`` is width through height of the picture it was.
    """

    luma: NDArray[np.uint8]
    chroma: NDArray[np.uint8]
    aspect: float

    @cached_property
    def is_flat(self) -> bool:
        """Whether it shows nothing that it could be recognised by."""
        return float(self.luma.std()) < FLAT


def small_picture(frame: NDArray[np.uint8], side: int) -> SmallPicture:
    """An RGB picture, uint8 (height, width, 3), as a small one of ``side`` pixels."""
    picture = Image.fromarray(frame).convert("YCbCr")
    luma = picture.getchannel("Y").resize((side, side), Image.Resampling.BOX)
    chroma = picture.resize((CHROMA_SIDE, CHROMA_SIDE), Image.Resampling.BOX)
    return SmallPicture(np.asarray(luma).copy(), np.asarray(chroma)[..., 1:].copy(), frame.shape[1] / frame.shape[0])


def difference(one: SmallPicture, other: SmallPicture, *, may_be_cropped: bool = True) -> float:
    """How different two small pictures of one side are: about 0 for copies, 1 where a part has nothing in common.

    ``may_be_cropped``: whether one may show a little less than the other, and is to be fitted to it first.
    Infinite when one of them is flat, or when no small crop could make one out of the other.
    """
    if one.is_flat or other.is_flat or abs(np.log(one.aspect / other.aspect)) > _MOST_STRETCH:
        return float("inf")
    a, b = _smooth(one.luma), _smooth(other.luma)
    identity = np.array([0.0, 1.0, 0.0, 1.0])
    if _correlation(a, b) < _NOT_EVEN_CROPPED:
        return float("inf")
    straight = _difference(one, other, a, b, identity)
    if straight < _SURELY_SAME or not may_be_cropped:
        return straight
    # Either may be the crop, and the fit of the whole to its part goes astray where the other way round does not.
    there, back = _fit(a, b), _fit(b, a)
    return min(
        straight,
        _difference(one, other, a, b, there) if there is not None else straight,
        _difference(other, one, b, a, back) if back is not None else straight,
    )


def _fit(a: Weights, b: Weights) -> NDArray[np.float64] | None:
    """(shift, scale) downwards and to the right that lay ``b`` over ``a``; None when it runs out of bounds."""
    warp = np.array([0.0, 1.0, 0.0, 1.0])
    side = len(a)
    for level in [size for size in (16, 32, 64) if size < side] + [side]:
        small_a, small_b = shrunk(a, level), shrunk(b, level)
        place = _places(level)
        for _ in range(_STEPS):
            moved, inside = _moved(small_b, warp)
            down, right = (np.asarray(slope) for slope in np.gradient(moved, place, place))
            columns = (
                down,
                down * place[:, None],
                right,
                right * place[None, :],
                moved,
                np.ones_like(moved),
            )
            system = np.stack([column[inside] for column in columns], axis=1)
            solved = np.linalg.lstsq(system, small_a[inside], rcond=1e-6)[0].tolist()
            gain = solved[4] if abs(solved[4]) > 0.1 else 1.0
            shift_y, scale_y, shift_x, scale_x = (step / gain for step in solved[:4])
            # The gradient was taken in the moved picture: the step is applied before the warp so far.
            warp = np.array(
                [
                    warp[0] + warp[1] * shift_y,
                    warp[1] * (1 + scale_y),
                    warp[2] + warp[3] * shift_x,
                    warp[3] * (1 + scale_x),
                ]
            )
            if np.abs(warp[[0, 2]]).max() > _MOST_SHIFT or np.abs(warp[[1, 3]] - 1).max() > _MOST_STRETCH:
                return None
    return warp


def _difference(one: SmallPicture, other: SmallPicture, a: Weights, b: Weights, warp: NDArray[np.float64]) -> float:
    moved, inside = _moved(b, warp)
    if inside.mean() < _LEAST_OVERLAP:
        return float("inf")
    x, y = moved[inside], a[inside]
    spread = x.var()
    gain = float(np.clip(((x - x.mean()) * (y - y.mean())).mean() / spread, 0.5, 2.0)) if spread > 1 else 1.0
    rest = np.where(inside, a - y.mean() - gain * (moved - x.mean()), 0.0)
    share = _parts(inside.astype(np.float64))
    heavy = share > 0.5
    error = np.sqrt(_parts(rest**2)[heavy] / share[heavy])
    detail = np.maximum(_local_spread(a, inside, share), gain * _local_spread(moved, inside, share))[heavy]
    brightness = np.sort(error / np.hypot(detail, _NOISE * 2))[-_WORST:].mean()
    off = np.abs(_moved_chroma(other.chroma, warp) - one.chroma.astype(np.float64)).max(axis=2)
    colour = np.sort(off[heavy])[-_WORST:].mean() / _CHROMA_UNIT
    return float(max(brightness, colour))


def _local_spread(picture: Weights, inside: NDArray[np.bool_], share: Weights) -> Weights:
    safe = np.maximum(share, 1e-9)
    mean = _parts(np.where(inside, picture, 0.0)) / safe
    square = _parts(np.where(inside, picture**2, 0.0)) / safe
    return np.sqrt(np.maximum(square - mean**2, 0.0))


def _moved_chroma(chroma: NDArray[np.uint8], warp: NDArray[np.float64]) -> Weights:
    return np.stack([_moved(chroma[..., channel].astype(np.float64), warp)[0] for channel in range(2)], axis=2)


def _smooth(luma: NDArray[np.uint8]) -> Weights:
    """Without the sharpest edges, in which two ways of shrinking a picture differ most."""
    values = np.pad(luma.astype(np.float64), 2, mode="edge")
    for _ in range(2):
        values = values[:-2] / 4 + values[1:-1] / 2 + values[2:] / 4
        values = values[:, :-2] / 4 + values[:, 1:-1] / 2 + values[:, 2:] / 4
    return values


def _correlation(a: Weights, b: Weights) -> float:
    return float(np.corrcoef(_parts(a).reshape(-1), _parts(b).reshape(-1))[0, 1])


def _parts(values: Weights) -> Weights:
    """The mean of each of 8 x 8 parts of a square."""
    return shrunk(values, _PARTS)


def shrunk(values: Weights, side: int) -> Weights:
    """A square of numbers as one of ``side`` (a divisor of its own), each the mean of a part."""
    size = len(values) // side
    mean: Weights = values.reshape(side, size, side, size).mean(axis=(1, 3))
    return mean


@cache
def _places(side: int) -> Weights:
    """Where the middles of the pixels lie, from -1 to 1."""
    places: Weights = (np.arange(side) + 0.5) * 2 / side - 1
    return places


def _moved(picture: Weights, warp: NDArray[np.float64]) -> tuple[Weights, NDArray[np.bool_]]:
    """``picture`` read at ``shift + scale * place`` in both directions, and where that lies inside it."""
    rows, rows_inside = _reading(len(picture), warp[0], warp[1])
    columns, columns_inside = _reading(len(picture), warp[2], warp[3])
    return rows @ picture @ columns.T, rows_inside[:, None] & columns_inside[None, :]


def _reading(side: int, shift: float, scale: float) -> tuple[Weights, NDArray[np.bool_]]:
    """Linear interpolation as a matrix (side, side): row i reads the picture at the moved place of pixel i."""
    at = (shift + scale * _places(side) + 1) * side / 2 - 0.5
    # What is smoothed at the edge of a crop would have been smoothed with what was cut off.
    inside = (at > _EDGE - 0.5) & (at < side - _EDGE - 0.5)
    at = np.clip(at, 0, side - 1)
    low = np.minimum(at.astype(np.intp), side - 2)
    weights = np.zeros((side, side))
    weights[np.arange(side), low] = 1 - (at - low)
    weights[np.arange(side), low + 1] = at - low
    return weights, inside
