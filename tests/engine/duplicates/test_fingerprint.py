"""Fingerprints survive being kept; texts of pages are compared by what they say."""

import numpy as np
import pytest

from engine.duplicates.fingerprint import fingerprint, from_bytes, text_digest, to_bytes
from indexer.pieces import ExtractedPiece, Extraction


def test_a_fingerprint_comes_back_as_it_was() -> None:
    frames = np.random.default_rng(0).integers(0, 255, (20, 32, 40, 3), dtype=np.uint8)
    pieces = [
        ExtractedPiece("video", frames=frames, start=0.0, end=4.0),
        ExtractedPiece("audio", sound=np.ones(9000, np.float32) * 0.1, start=0.0, end=0.8),
    ]
    made = fingerprint("video", Extraction("video", None, iter(pieces), dimensions=(640, 480)))
    back = from_bytes(to_bytes(made))
    assert len(made.pictures) == 8  # four seconds, two pictures each
    assert (back.dimensions, back.duration, back.texts) == ((640, 480), 4.0, ())
    assert np.array_equal(back.sound.bits, made.sound.bits) and np.array_equal(back.sound.level, made.sound.level)
    for one, other in zip(made.pictures, back.pictures, strict=True):
        assert one is not None and other is not None
        assert np.array_equal(one.luma, other.luma) and np.array_equal(one.chroma, other.chroma)


@pytest.mark.parametrize("data", [b"", b"no fingerprint", b"PK\x03\x04 cut off"])
def test_what_is_no_fingerprint_says_so(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_bytes(data)


def test_line_breaks_hyphens_and_ligatures_do_not_make_another_text() -> None:
    assert text_digest("The ef\ufb01cient ex-\nample is here") == text_digest("the efficient  example is here")
    assert text_digest("Amount due: 120.50 this month") != text_digest("Amount due: 210.50 this month")
    assert text_digest("  7 ") == ""
