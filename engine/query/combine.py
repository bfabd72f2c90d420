"""The rule by which the parts of a query make one question: the sum of their calibrated scores.

Part p gives a piece x the score (q_p . x - m_p) / d_p, where m_p and d_p are the mean and deviation of the cosines of
p with pieces of x's modality that have nothing to do with it; with the signed weights w_p the sum is
x . sum(w_p q_p / d_p), less a constant. So a query of any number of parts is one vector for each modality, and one
exact vector search. docs/queries.md has the measurements that chose this rule.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.errors import QueryError
from engine.query.calibrate import Background
from engine.query.embed_query import Reading


def combined(reading: Reading, backgrounds: Sequence[Background]) -> NDArray[np.float32]:
    """The unit vector, shape (dimension,), whose cosines order pieces as the sum does; a background for each part.

    Raises QueryError when what is wanted and what is not cancel each other.
    """
    if len(reading) == 1 and reading[0].weight > 0:
        return reading[0].vector
    factors = _factors(reading, backgrounds)
    total: NDArray[np.float32] = np.sum(
        [factor * part.vector for factor, part in zip(factors, reading, strict=True)], axis=0, dtype=np.float32
    )
    length = float(np.linalg.norm(total))
    if length < 1e-3 * max(map(abs, factors)):
        raise QueryError("what is wanted and what is not wanted are the same; nothing is left to look for")
    return total / np.float32(length)


def combined_prior(reading: Reading, backgrounds: Sequence[Background], priors: Sequence[Background]) -> Background:
    """What is expected of ``combined(reading, backgrounds)``, given what is expected of each part.

    Two parts vary together as far as their vectors point the same way.
    """
    factors = np.array(_factors(reading, backgrounds))
    vectors = np.stack([part.vector for part in reading])
    length = max(float(np.linalg.norm(factors @ vectors)), 1e-12)
    spread = factors * np.array([prior.deviation for prior in priors])
    variance = max(float(spread @ (vectors @ vectors.T) @ spread), 1e-12)
    mean = float(factors @ np.array([prior.mean for prior in priors]))
    return Background(mean / length, variance**0.5 / length)


def _factors(reading: Reading, backgrounds: Sequence[Background]) -> list[float]:
    return [part.weight / background.deviation for part, background in zip(reading, backgrounds, strict=True)]
