"""Sounds laid over each other: the offset of a part, and what is no copy."""

import numpy as np
import pytest

from engine.duplicates.sounds import CHUNK, FRAME, SAMPLE_RATE, Sound, match, sound_print
from tests.sample_media import sequence, take


def resampled(sound: Sound) -> Sound:
    """From 44.1 kHz to a quarter of it."""
    return sound[: len(sound) // 4 * 4].reshape(-1, 4).mean(axis=1)


def tune() -> Sound:
    parts = (
        (0.0, take("ambi_piano")),
        (2.0, take("guit_e_fifths")),
        (5.0, take("misc_crow")),
        (7.0, take("loop_tabla")),
    )
    return resampled(sequence(*parts, seconds=12))


@pytest.mark.parametrize("start", [0.0, 0.51, 1.337, 2.0])
def test_a_part_is_found_where_it_was_cut_out(start: float) -> None:
    whole = tune()
    part = whole[round(start * SAMPLE_RATE) : round((start + 7) * SAMPLE_RATE)]
    found = match(sound_print([(0.0, part)]), sound_print([(0.0, whole)]))
    assert found is not None and found.is_same
    assert found.offset == pytest.approx(start, abs=0.03)


def test_chunks_make_the_same_fingerprint_as_the_whole() -> None:
    whole = np.tile(tune(), 4)
    chunks = [
        (start / SAMPLE_RATE, whole[start : start + CHUNK + FRAME]) for start in range(0, len(whole) - FRAME, CHUNK)
    ]
    assert len(chunks) > 1
    one, other = sound_print(chunks), sound_print([(0.0, whole)])
    counted = min(len(one.bits), len(other.bits)) - FRAME // 256  # the end of either is filled up with silence
    assert np.array_equal(one.bits[:counted], other.bits[:counted])


def test_other_sounds_and_silence_are_no_copies() -> None:
    silence = sound_print([(0.0, np.zeros(5 * SAMPLE_RATE, np.float32))])
    assert match(silence, silence) is None
    assert match(silence, sound_print([(0.0, tune())])) is None
    crow, drum = (sound_print([(0.0, resampled(take(name)))]) for name in ("misc_crow", "loop_tabla"))
    found = match(crow, drum)
    assert found is not None and not found.is_same


def test_a_shared_beginning_is_not_enough() -> None:
    """Two recordings with the same jingle in front are two recordings."""
    jingle = resampled(take("guit_e_fifths"))[: 2 * SAMPLE_RATE]
    bodies = (np.tile(resampled(take(name)), 8)[: 6 * SAMPLE_RATE] for name in ("loop_breakbeat", "ambi_choir"))
    one, other = (sound_print([(0.0, np.concatenate([jingle, body]))]) for body in bodies)
    found = match(one, other)
    assert found is None or not found.is_same
