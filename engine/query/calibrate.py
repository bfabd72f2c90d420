"""Make scores of different modalities comparable.

Cosines between words and texts are spread differently from those between words and pictures or sounds. What a score
means is how far it stands out from the scores that unrelated pieces of the same modality get for the same query.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# How many scores of the library it takes to outweigh what was measured when the model was made.
_PRIOR_WEIGHT = 30.0
# A score this many standard deviations above the background is as likely meant as not.
_EVEN_CHANCE = 2.0


@dataclass(frozen=True)
class Background:
    """Mean and standard deviation of the cosine between a query and pieces that have nothing to do with it."""

    mean: float
    deviation: float

    def standing(self, score: float) -> float:
        """``score`` in standard deviations above the mean."""
        return (score - self.mean) / self.deviation

    def relevance(self, score: float) -> float:
        """0 to 1, rising with ``score``: 0.5 for two standard deviations above the mean, 0.98 for four."""
        return 0.5 + 0.5 * math.erf((self.standing(score) - _EVEN_CHANCE) / math.sqrt(2))


def background(prior: Background, scores: NDArray[np.float32]) -> Background:
    """The prior corrected by ``scores``, shape (n,), of the query against a sample of the library's pieces.

    The posterior mean and deviation of a normal distribution whose prior counts like ``_PRIOR_WEIGHT`` scores: with a
    library of twenty pieces the prior speaks, with thousands the library itself. The sample may hold pieces that do
    match; trimming the top and bottom tenth keeps those few from hiding themselves.
    """
    trimmed = np.sort(scores)[len(scores) // 10 : len(scores) - len(scores) // 10]
    if len(trimmed) == 0:
        return prior
    total = _PRIOR_WEIGHT + len(trimmed)
    mean = (_PRIOR_WEIGHT * prior.mean + float(trimmed.sum())) / total
    # Four fifths of a normal distribution about its mean have 0.662 of its standard deviation.
    spread = len(trimmed) * (float(trimmed.std()) / 0.662) ** 2 + len(trimmed) * (float(trimmed.mean()) - mean) ** 2
    variance = (_PRIOR_WEIGHT * (prior.deviation**2 + (prior.mean - mean) ** 2) + spread) / total
    return Background(mean, max(variance**0.5, 1e-6))
