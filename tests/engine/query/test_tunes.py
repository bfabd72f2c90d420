"""Tunes among melodies, as codes: whatever key and pace one is asked in, and nothing where there is none."""

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.query import tunes
from engine.query.tunes import LEAST, LONGEST, MOST, found, join, tune
from indexer.extract.melody import FRAMES_A_SECOND, STEPS, VOICES
from storage.records import PieceMelody

WINDOW, HOP = 5 * FRAMES_A_SECOND, 20


def random_notes(random: np.random.Generator, seconds: int) -> NDArray[np.int64]:
    """Thirds of a semitone, a note of three to eight frames after the other."""
    notes, at = [], 80
    while len(notes) < seconds * FRAMES_A_SECOND:
        at = int(np.clip(at + STEPS * random.choice([-5, -4, -2, -1, 1, 2, 4, 5]), 30, 125))
        notes += [at] * int(random.integers(3, 9))
    return np.array(notes[: seconds * FRAMES_A_SECOND])


def codes_of(*voices: NDArray[np.int64]) -> NDArray[np.uint8]:
    codes = np.zeros((len(voices[0]), VOICES), np.uint8)
    for voice, notes in enumerate(voices):
        codes[:, voice] = notes + 1
    return codes


def windows(codes: NDArray[np.uint8], source: int, first: int) -> list[PieceMelody]:
    """As a file's windows have them: five seconds from every two and a half."""
    starts = range(0, max(len(codes) - HOP, 1), HOP)
    return [
        PieceMelody(first + place, source, start / FRAMES_A_SECOND, codes[start : start + WINDOW].tobytes())
        for place, start in enumerate(starts)
    ]


def asked_in(part: NDArray[np.int64], key: int, pace: float) -> NDArray[np.float64]:
    """A part of a tune as it is hummed: ``key`` thirds of a semitone higher, and for ``pace`` times as long."""
    frames = np.minimum((np.arange(round(len(part) * pace)) / pace).astype(int), len(part) - 1)
    line = tune(codes_of(part[frames] + key))
    assert line is not None
    return line


@pytest.mark.parametrize("leads", [True, False])
def test_a_tune_is_found_in_any_key_and_pace(leads: bool) -> None:
    """Where it begins, whether its line leads or is one of two voices; a pace between those tried may miss one."""
    random = np.random.default_rng(4)
    tunes, bass = [[random_notes(random, 30) for _ in range(8)] for _ in range(2)]
    rows: list[PieceMelody] = []
    for number, voices in enumerate(zip(tunes, bass, strict=True)):
        rows += windows(codes_of(*(voices if leads else voices[::-1])), number, len(rows))
    melodies = join(rows)
    right = 0
    for number in range(40):
        start, key, pace = int(random.integers(0, 20)), int(random.integers(-29, 19)), random.uniform(0.75, 1.3)
        begin, source = start * FRAMES_A_SECOND, number % 8
        scores = found(melodies, asked_in(tunes[source][begin : begin + LONGEST], key, pace))
        assert len(scores) == len(rows) and scores.min() >= -1 and scores.max() <= 1
        best = rows[int(scores.argmax())]
        right += best.source_id == source and best.start - 0.8 <= start <= best.start + HOP / FRAMES_A_SECOND + 0.3
    assert right >= 38


def test_what_is_no_tune_does_not_ask() -> None:
    note = np.full(10 * FRAMES_A_SECOND, 60)
    steps = np.repeat([60, 66, 72, 60, 54, 60, 66, 72, 78, 60], FRAMES_A_SECOND)
    assert tune(codes_of(note)) is None  # one note is in everything
    assert tune(codes_of(np.where(np.arange(80) % 20 < 16, 60, steps))) is None  # nor is one note with a few others
    assert tune(codes_of(np.tile([10, 10, 60, 60, 120, 120], 12))) is None  # nobody sings that
    assert tune(codes_of(steps)[: LEAST - 1]) is None
    assert tune(np.zeros((100, VOICES), np.uint8)) is None
    assert tune(np.tile(codes_of(steps), (MOST // len(steps) + 1, 1))) is None  # a recording, not a tune
    line = tune(codes_of(steps))
    assert line is not None and line.tolist() == (steps / STEPS).tolist()
    long = tune(np.tile(codes_of(steps), (2, 1)))
    assert long is not None and len(long) == LONGEST


def test_pauses_hold_the_note_before_them() -> None:
    codes = codes_of(np.repeat([60, 66, 72], FRAMES_A_SECOND))
    codes[3:6] = 0
    codes = np.concatenate([np.zeros((5, VOICES), np.uint8), codes, np.zeros((5, VOICES), np.uint8)])
    line = tune(codes)
    assert line is not None and line.tolist() == np.repeat([20.0, 22.0, 24.0], FRAMES_A_SECOND).tolist()


def test_windows_that_overlap_become_one_line() -> None:
    codes = codes_of(random_notes(np.random.default_rng(0), 30))
    rows = windows(codes, 7, 100)
    melodies = join([*windows(codes[:60], 5, 10), *rows])
    assert melodies.pieces.tolist() == [10, 11, *(row.id for row in rows)]
    first = int(melodies.firsts[2])
    assert melodies.codes[first : first + len(codes)].tolist() == codes.tolist()
    assert np.diff(melodies.firsts[2:]).tolist() == [HOP] * (len(rows) - 1)
    assert not melodies.codes[first - HOP : first].any()


def many(random: np.random.Generator, sources: int) -> list[PieceMelody]:
    rows: list[PieceMelody] = []
    for number in range(sources):
        rows += windows(codes_of(random_notes(random, 30)), number, len(rows))
    return rows


def test_a_long_library_is_searched_in_stretches_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(5)
    melodies, line = join(many(random, 6)), asked_in(random_notes(random, 9), 0, 1.0)
    monkeypatch.setattr(tunes, "_SHORT", 0)
    whole = found(melodies, line)
    monkeypatch.setattr(tunes, "_STRETCH", 100)
    assert np.allclose(found(melodies, line), whole, atol=1e-6)


def test_a_rough_look_at_a_long_library_misses_next_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(6)
    sources = [random_notes(random, 30) for _ in range(60)]
    rows: list[PieceMelody] = []
    for number, notes in enumerate(sources):
        rows += windows(codes_of(random_notes(random, 30), notes), number, len(rows))
    melodies, missed = join(rows), 0
    lines = [asked_in(sources[n][40 : 40 + LONGEST], 5 * n % 40 - 20, random.uniform(0.75, 1.3)) for n in range(40)]
    throughout = [found(melodies, line) for line in lines]
    monkeypatch.setattr(tunes, "_SHORT", 0)
    monkeypatch.setattr(tunes, "_CLOSELY", 30)  # of 660
    for line, full in zip(lines, throughout, strict=True):
        scores = found(melodies, line)
        best = int(full.argmax())
        missed += int(scores.argmax()) != best or abs(float(scores[best] - full[best])) > 1e-6
        assert abs(float((scores - full).mean())) < 0.02, "on the same scale"
    assert missed <= 2


@pytest.mark.parametrize("short", [0, 10**9])
def test_only_the_windows_asked_for_have_a_score(short: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(7)
    monkeypatch.setattr(tunes, "_SHORT", short)
    melodies, line = join(many(random, 6)), asked_in(random_notes(random, 9), 0, 1.0)
    every = found(melodies, line)
    some = np.array([3, 11, 40])
    assert np.allclose(found(melodies, line, some), every[some], atol=0.02)
    assert len(found(melodies, line, np.empty(0, np.int64))) == 0


def test_a_damaged_melody_is_read_as_far_as_it_goes() -> None:
    rows = [
        PieceMelody(1, 1, 0.0, b"\xff" * (VOICES * 20 + 3)),
        PieceMelody(2, 1, float("nan"), b""),
        PieceMelody(3, 2, 1e300, b"\x01" * VOICES),
        PieceMelody(4, 2, -5.0, b"\x01" * VOICES),
    ]
    line = tune(codes_of(np.repeat([60, 66, 72, 60], FRAMES_A_SECOND)))
    assert line is not None and len(found(join(rows), line)) == 4


@pytest.mark.parametrize("rows", [[], [PieceMelody(3, 1, 0.0, bytes(VOICES * 4))]])
def test_a_library_without_tunes_meets_nothing(rows: list[PieceMelody]) -> None:
    line = tune(codes_of(np.repeat([60, 66, 72, 60], FRAMES_A_SECOND)))
    assert line is not None
    scores = found(join(rows), line)
    assert len(scores) == len(rows) and (scores <= 0).all()
