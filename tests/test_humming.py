"""Query by humming, from files to answers: a whistled tune finds the recording of it, and the second it begins at."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import Program
from tests.sample_media import RATE, Sound, sequence, write_sound

# Public-domain tunes, as (semitones from the tonic, beats).
FRERE = [(0, 1), (2, 1), (4, 1), (0, 1)] * 2 + [(4, 1), (5, 1), (7, 2)] * 2 + [(7, 0.5), (9, 0.5), (7, 0.5), (5, 0.5)]
JOY = [(4, 1), (4, 1), (5, 1), (7, 1), (7, 1), (5, 1), (4, 1), (2, 1), (0, 1), (0, 1), (2, 1), (4, 1), (4, 1.5)]
TWINKLE = [(0, 1), (0, 1), (7, 1), (7, 1), (9, 1), (9, 1), (7, 2), (5, 1), (5, 1), (4, 1), (4, 1), (2, 1), (2, 1)]
GREENSLEEVES = [(0, 1), (3, 2), (5, 1), (7, 1.5), (8, 0.5), (7, 1), (5, 2), (2, 1), (-2, 1.5), (0, 0.5), (2, 1), (3, 2)]
SAINTS = [(0, 1), (4, 1), (5, 1), (7, 5), (0, 1), (4, 1), (5, 1), (7, 5), (0, 1), (4, 1), (5, 1), (7, 2), (4, 2)]
KORO = [(12, 1), (10, 0.5), (9, 0.5), (7, 1), (9, 0.5), (10, 0.5), (12, 1), (7, 1), (3, 1), (5, 1), (7, 2), (0, 2)]
TUNES = {
    "brother": FRERE, "joy": JOY, "star": TWINKLE, "sleeves": GREENSLEEVES, "saints": SAINTS, "peddler": KORO,
}  # fmt: skip


def played(tune: Sequence[tuple[int, float]], tonic: float, beat: float, chords: bool) -> Sound:
    """On something plucked, with a bass and a chord under every other beat if that is asked for."""
    parts: list[tuple[float, Sound]] = []
    now = 0.0
    for semitones, beats in tune:
        parts.append((now, 0.5 * plucked(tonic + semitones, beats * beat)))
        if chords:
            parts.append((now, 0.25 * plucked(tonic + semitones - 16, beats * beat)))
            parts.append((now, 0.2 * plucked(tonic + semitones - 9, beats * beat)))
        now += beats * beat
    return sequence(*parts, seconds=now + 0.5)


def plucked(note: float, seconds: float) -> Sound:
    time = np.arange(round(seconds * RATE)) / RATE
    frequency = 440 * 2 ** ((note - 69) / 12)
    tones = sum(0.6**n * np.sin(2 * np.pi * frequency * n * time) for n in range(1, 9) if frequency * n < RATE / 2)
    return np.asarray(tones * np.exp(-1.5 * time) * np.minimum(time / 0.01, 1), dtype=np.float32)


def whistled(tune: Sequence[tuple[int, float]], tonic: float, beat: float) -> Sound:
    """By somebody who is a little out of tune, trembles, and slides from note to note."""
    random = np.random.default_rng(1)
    pitch = np.concatenate(
        [np.full(round(beats * beat * RATE), tonic + semitones + random.normal(0, 0.2)) for semitones, beats in tune]
    )
    slide: NDArray[np.float64] = np.hanning(RATE // 20)
    pitch = np.convolve(np.pad(pitch, RATE // 40, mode="edge"), slide / slide.sum(), "same")[RATE // 40 : -RATE // 40]
    pitch = pitch + 0.2 * np.sin(2 * np.pi * 5 * np.arange(len(pitch)) / RATE)
    phase = 2 * np.pi * np.cumsum(440 * 2 ** ((pitch - 69) / 12)) / RATE
    noise = random.normal(0, 0.003, len(phase))
    return np.asarray(0.4 * np.sin(phase) + noise, dtype=np.float32)


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Six recordings, half of them with chords; each tune begins at another second, after something else."""
    folder = tmp_path_factory.mktemp("music")
    for number, (name, tune) in enumerate(TUNES.items()):
        other = list(reversed(KORO if name != "peddler" else JOY))
        before = played(other, 57, 0.4, chords=False)[: (3 + number) * RATE]
        sound = np.concatenate([before, played(tune, 58 + number, 0.45, chords=number % 2 == 1)])
        write_sound(folder / f"{name}.wav", sound)
    program = Program(folder.parent / "data", folder.parent / "home")
    assert program.run("index", folder).returncode == 0
    return program


@pytest.mark.parametrize("name", TUNES)
def test_a_whistled_tune_finds_the_recording_and_the_second(music: Program, tmp_path: Path, name: str) -> None:
    """In another key, at another pace, on another instrument."""
    asked = tmp_path / "asked.wav"
    write_sound(asked, whistled(TUNES[name], 74.3, 0.38))
    best = music.json("search", "--like", asked)["hits"][0]
    assert Path(best["path"]).stem == name
    begins = 3 + list(TUNES).index(name)
    assert best["start"] - 0.6 <= begins <= best["start"] + 3


def test_filters_and_what_is_not_wanted_hold_for_tunes_too(music: Program, tmp_path: Path) -> None:
    asked = tmp_path / "asked.wav"
    write_sound(asked, whistled(JOY, 74.3, 0.38))
    hits = music.json("search", "--like", asked, "--glob", "s*.wav")["hits"]
    assert {Path(hit["path"]).stem for hit in hits} == {"star", "sleeves", "saints"}
    alike, of_each_kind = (music.json("search", "--like", asked, *more)["hits"] for more in ([], ["--each-kind"]))
    assert Path(alike[0]["path"]).stem == "joy"
    assert [hit["path"] for hit in of_each_kind] == [hit["path"] for hit in alike]
    library = Path(hits[0]["path"]).parent
    held = music.json("search", "--like", library / "joy.wav")["hits"]
    assert "joy" not in {Path(hit["path"]).stem for hit in held}


def test_a_single_held_note_is_no_tune(music: Program, tmp_path: Path) -> None:
    """It finds what sounds alike, by relevances as they are without tunes."""
    asked = tmp_path / "asked.wav"
    write_sound(asked, whistled([(0, 12)], 70, 0.5))
    assert len(music.json("search", "--like", asked)["hits"]) == len(TUNES)
