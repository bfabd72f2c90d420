"""What is expected of windows that have nothing to do with a tune."""

import numpy as np

from engine.query.hummed import expected
from indexer.extract.melody import FRAMES_A_SECOND


def test_a_tune_of_few_notes_is_expected_in_more_of_what_is_not_it() -> None:
    random = np.random.default_rng(0)
    few = np.repeat([20.0, 22.0, 20.0, 21.0], 2 * FRAMES_A_SECOND)
    many = np.repeat(20.0 + random.integers(-9, 10, 16), FRAMES_A_SECOND // 2)
    assert expected(few).mean > expected(many).mean + 0.1
    assert 0.2 < expected(many).mean < 0.45
    assert expected(few) == expected(few)
