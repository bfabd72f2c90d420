"""Altered copies: other than the piece, as long at most, and the same on every run."""

import numpy as np
import pytest

from engine.train.augment import altered_copies
from indexer.pieces import ExtractedPiece

RATE = 8_000
SOUND = ExtractedPiece("audio", sound=np.sin(np.arange(3 * RATE, dtype=np.float32) / 7) / 2)
PICTURE = ExtractedPiece("image", frames=np.random.default_rng(0).integers(0, 256, (1, 40, 60, 3), dtype=np.uint8))


@pytest.mark.parametrize("name", ["a", "b", "c", "d"])
def test_sound_keeps_its_form(name: str) -> None:
    copies = altered_copies(SOUND, 6, RATE, name)
    for copy in copies:
        assert copy.sound is not None and SOUND.sound is not None
        assert copy.modality == "audio" and copy.sound.dtype == np.float32
        assert RATE // 2 < len(copy.sound) <= len(SOUND.sound)
        assert np.abs(copy.sound).max() <= 1
    assert len({copy.sound.tobytes() for copy in copies if copy.sound is not None}) == 6


def test_pictures_lose_a_fifth_of_a_side_at_most() -> None:
    for copy in altered_copies(PICTURE, 6, RATE, "a"):
        assert copy.frames is not None
        count, height, width, colours = copy.frames.shape
        assert (count, colours) == (1, 3) and 32 <= height <= 40 and 48 <= width <= 60


def test_copies_depend_on_the_name_alone_and_text_has_none() -> None:
    first, second, other = (altered_copies(SOUND, 1, RATE, name)[0].sound for name in ("a", "a", "b"))
    assert first is not None and second is not None and other is not None
    assert first.tobytes() == second.tobytes() != other.tobytes()
    assert altered_copies(ExtractedPiece("text", text="rain"), 3, RATE, "a") == []
