"""Where one shot of a film ends and the next begins.

Every sampled picture is compared with the one before it in two ways: the mean difference of its colours place by place
on a 16 x 16 grid (sees another composition), and the distance between the two colour distributions, channel by
channel (the earth mover's distance, which is the area between the cumulative histograms; movement in the picture does
not raise it). A cut is where their sum is large, and much larger than is usual in the two seconds around: a pan or a
flicker changes every picture, a cut changes one.
"""

from statistics import median

import numpy as np
from numpy.typing import NDArray

GRID = 16
NEIGHBOURS = 8
"""Samples on each side that a change is measured against."""

_LEAST_CHANGE = 0.08
_TIMES_THE_USUAL = 2.2


def change(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> float:
    """How different two small RGB pictures of the same shape (height, width, 3) are, 0 to 2."""
    first, second = before.astype(np.float64) / 255, after.astype(np.float64) / 255
    by_place = np.abs(first - second).mean()
    # The sorted values are the inverse of the cumulative histogram: the area between them is the same.
    by_colour = np.abs(np.sort(first.reshape(-1, 3), axis=0) - np.sort(second.reshape(-1, 3), axis=0)).mean()
    return float(by_place + by_colour)


def is_cut(changes: list[float], index: int) -> bool:
    """Whether ``changes[index]`` stands out from the up to NEIGHBOURS changes on each side of it."""
    around = changes[max(0, index - NEIGHBOURS) : index] + changes[index + 1 : index + 1 + NEIGHBOURS]
    usual = median(around) if around else 0.0
    return changes[index] >= max(_LEAST_CHANGE, _TIMES_THE_USUAL * usual)
