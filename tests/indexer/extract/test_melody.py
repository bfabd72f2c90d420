import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from indexer.extract.melody import FRAMES_A_SECOND, HIGHEST_CODE, LOWEST, STEPS, VOICES, melody

RATE = 44_100
TUNE = [60, 62, 64, 65, 67, 67, 72, 55]
THIRD_OF_A_SEMITONE = 1


def code_of(note: float) -> int:
    return 1 + round((note - LOWEST) * STEPS)


def played(note: float, seconds: float, rate: int = RATE, harmonics: int = 1) -> NDArray[np.float32]:
    time = np.arange(round(seconds * rate)) / rate
    hertz = 440 * 2 ** ((note - 69) / 12)
    waves = [np.sin(2 * np.pi * hertz * harmonic * time) / harmonic for harmonic in range(1, harmonics + 1)]
    return np.asarray(0.3 * np.sum(waves, axis=0), dtype=np.float32)


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("harmonics", [1, 2, 6])
def test_the_line_of_a_tune_is_its_notes(rate: int, harmonics: int) -> None:
    found = melody(np.concatenate([played(note, 0.5, rate, harmonics) for note in TUNE]), rate)
    assert found.dtype == np.uint8 and found.shape == (4 * FRAMES_A_SECOND, VOICES)
    for number, note in enumerate(TUNE):
        within = found[4 * number + 1 : 4 * number + 3, 0].astype(int)
        assert np.abs(within - code_of(note)).max() <= THIRD_OF_A_SEMITONE, note


def test_no_frame_of_a_line_lies_between_the_notes_that_follow_each_other() -> None:
    found = melody(np.concatenate([played(note, 0.44, harmonics=4) for note in [60, 67, 60, 67, 60]]), RATE)
    distance = np.abs(found[:, :1].astype(int) - [code_of(60), code_of(67)]).min(axis=1)
    assert distance.max() <= THIRD_OF_A_SEMITONE


def test_a_note_over_a_softer_chord_is_among_the_pitches() -> None:
    chord = sum(0.3 * played(note, 2.0, harmonics=5) for note in (48, 52, 55))
    for note in (64, 69, 74, 77):
        found = melody(np.asarray(played(note, 2.0, harmonics=5) + chord, dtype=np.float32), RATE).astype(int)
        assert (np.abs(found - code_of(note)).min(axis=1) <= THIRD_OF_A_SEMITONE).all(), note


def test_the_peaks_come_the_strongest_first() -> None:
    found = melody(np.asarray(played(76, 2.0, harmonics=3) + 0.2 * played(57, 2.0, harmonics=3)), RATE)
    assert np.abs(found[:, 1].astype(int) - code_of(76)).max() <= THIRD_OF_A_SEMITONE


@pytest.mark.parametrize("level", [0.0, 0.0009])
def test_silence_has_no_melody(level: float) -> None:
    assert not melody(np.asarray(level / 0.3 * played(60, 3.0)), RATE).any()


def test_a_pause_in_a_tune_is_one_in_the_melody() -> None:
    found = melody(np.concatenate([played(60, 1.0), np.zeros(RATE, np.float32), played(64, 1.0)]), RATE)
    assert not found[10:14].any() and found[2:6, 0].all() and found[18:22, 0].all()


@pytest.mark.parametrize("gain", [0.01, 0.3, 3.0])
def test_loudness_does_not_matter(gain: float) -> None:
    sound = np.concatenate([played(note, 0.5, harmonics=4) for note in TUNE])
    assert (melody(np.asarray(gain * sound), RATE) == melody(sound, RATE)).mean() > 0.99


def test_the_same_sound_has_the_same_melody_and_stays_as_it_was() -> None:
    sound = np.concatenate([played(note, 0.5, harmonics=4) for note in TUNE])
    before = sound.copy()
    assert np.array_equal(melody(sound, RATE), melody(sound, RATE)) and np.array_equal(sound, before)


@pytest.mark.parametrize(("samples", "frames"), [(0, 1), (1, 1), (5_513, 1), (11_025, 2), (44_099, 7), (44_100, 8)])
def test_frames_are_whole_eighths_of_a_second_and_at_least_one(samples: int, frames: int) -> None:
    assert melody(played(69, 2.0)[:samples], RATE).shape == (frames, VOICES)


def test_a_sound_shorter_than_a_spectrum_has_its_note() -> None:
    (found,) = melody(played(69, 0.125), RATE)
    assert abs(int(found[0]) - code_of(69)) <= STEPS


@given(
    sound=st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), max_size=60),
    repeats=st.integers(1, 300),
    rate=st.sampled_from([100, 8_000, 11_025, 44_100]),
)
def test_any_finite_sound_has_codes_in_range(sound: list[float], repeats: int, rate: int) -> None:
    samples = np.tile(np.array(sound, dtype=np.float32), repeats)
    with np.errstate(all="raise", under="ignore"):
        found = melody(samples, rate)
    assert found.shape == (max(1, len(samples) * FRAMES_A_SECOND // rate), VOICES)
    assert found.dtype == np.uint8 and found.max() <= HIGHEST_CODE
