"""Make scores of different modalities, and of libraries of different sizes, comparable.

Cosines between words and texts are spread differently from those between words and pictures or sounds. What a score
means is how many of the pieces that have nothing to do with the query would reach it: few in a small library, many in
a large one, in which something always looks close. docs/queries.md has the measurements behind this.
"""

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

# How many scores of the library it takes to outweigh what was measured when the model was made: as many as are sampled.
# A query spreads wide over a library that holds much about it; judged by that spread alone, it would find less there.
_PRIOR_WEIGHT = 500.0
_LOGISTIC = math.pi / math.sqrt(3)

Scores = TypeVar("Scores", float, NDArray[np.float64])
"""One score, or many."""


@dataclass(frozen=True)
class Background:
    """Mean and standard deviation of the cosine between a query and pieces that have nothing to do with it.

    The distribution is taken to be logistic: measured tails fall off like exp(-1.8 z), much slower than a normal one's.
    ``steepness``: so many times as fast from two deviations on, where that was measured.
    """

    mean: float
    deviation: float
    steepness: float = 1.0

    def standing(self, score: Scores) -> Scores:
        """``score`` in standard deviations above the mean, of a logistic distribution with this tail."""
        return steeper((score - self.mean) / self.deviation, self.steepness)

    def relevance(self, score: Scores, pieces: int) -> Scores:
        """``relevance`` of a score."""
        return relevance(self.standing(score), pieces)


def steeper(above: Scores, steepness: Scores | float) -> Scores:
    """Deviations above the mean, stretched so that a tail that falls ``steepness`` times as fast becomes a logistic
    distribution's: what lies beyond two of them counts for more."""
    beyond: Scores = (above - 2) * (above > 2)
    return above + (steepness - 1) * beyond


def relevance(standing: Scores, pieces: Scores | int) -> Scores:
    """1 / (1 + E), where E of ``pieces`` unrelated ones are expected to stand as high (the E-value of BLAST).

    Between 0 and 1, rising with ``standing``, falling with ``pieces``: 0.5 is what the best of them all would reach.
    """
    raised: Scores = np.exp(np.minimum(_LOGISTIC * standing, 700.0))
    chance = 1 / (1 + raised)
    return 1 / (1 + pieces * chance)


def deviations(relevance: float) -> float:
    """``relevance`` in standard deviations of unrelated scores: what is 0.5 is at zero."""
    return math.log(relevance / max(1 - relevance, 1e-15)) / _LOGISTIC


def background(prior: Background, scores: NDArray[np.float32]) -> Background:
    """The prior corrected by ``scores``, shape (n,), of the query against a sample of the library's pieces.

    The posterior mean and deviation of a distribution whose prior counts like ``_PRIOR_WEIGHT`` scores: with a library
    of twenty pieces the prior speaks, with thousands the library has an equal say. The sample may hold pieces that do
    match; trimming the top and bottom tenth keeps those few from hiding themselves.
    """
    ordered = np.sort(scores)
    trimmed = ordered[len(scores) // 10 : len(scores) - len(scores) // 10].astype(np.float64)
    count = len(trimmed)
    if count == 0:
        return prior
    total = _PRIOR_WEIGHT + count
    own_mean = float(trimmed.sum()) / count
    about = trimmed - own_mean
    mean = (_PRIOR_WEIGHT * prior.mean + count * own_mean) / total
    # Four fifths of a logistic distribution about its mean have 0.606 of its standard deviation.
    spread = float(about @ about) / 0.606**2 + count * (own_mean - mean) ** 2
    variance = (_PRIOR_WEIGHT * (prior.deviation**2 + (prior.mean - mean) ** 2) + spread) / total
    return Background(mean, max(variance**0.5, 1e-6), prior.steepness)
