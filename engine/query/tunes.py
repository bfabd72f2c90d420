"""Query by humming: where in the library a tune is, whatever key and pace it is hummed, sung or whistled in.

A tune is a line of pitches; the library's sounds are several pitches at a time (``indexer/extract/melody.py``). The
line is laid over them at every moment, in every key and at paces from 1.4 times slower to as much faster, and what
counts is how much of it is met. docs/queries.md has the measurements.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from engine.query.at_once import at_once
from indexer.extract.melody import FRAMES_A_SECOND, HIGHEST, LOWEST, STEPS, VOICES
from storage.records import PieceMelody

LEAST, LONGEST, MOST = 2 * FRAMES_A_SECOND, 10 * FRAMES_A_SECOND, 30 * FRAMES_A_SECOND
"""Frames: how many of a tune must be voiced, how many count, and what is longer is a recording and no tune."""

LEAST_NOTES, MOST_OF_ONE, WIDEST = 3, 0.75, 24
"""Different notes that a tune has at least, the share of it that one of them may be, and the semitones between its low
and its high notes: one note held is in everything, and what leaps over octaves is a noise in which notes were heard."""

PACES = tuple((1.4 ** np.linspace(-1, 1, 9)).tolist())

# What a pitch is worth, by how many thirds of a semitone the tune's is off. A hummed note is seldom in tune: in the
# strongest line more is forgiven, where several pitches at a time would then meet anything.
_LINE, _OTHERS = (12, 11, 8, 5, 2), (12, 10, 5)
_WHOLE = 12
_SEMITONES = HIGHEST - LOWEST + 1
_BLOCK = 16_384  # frames at a time, so that the sums stay in the processor's caches
_STRETCH = 16 * _BLOCK  # frames at a time, nine hours, so that memory does not grow with the library
_GAP = int(LONGEST * PACES[-1]) + 1
_LATEST = 48 * 3600  # seconds; a later one was damaged on the disk
_EARLY = FRAMES_A_SECOND // 2  # a tune that seems to begin so much before a window begins with it

Codes = NDArray[np.uint8]


@dataclass(frozen=True)
class Melodies:
    """What is known of all windows of sound of a library: ``codes`` (frames, VOICES), source after source with silence
    between them; of each window its piece number, ascending, and the frame from which on it is the latest begun."""

    codes: Codes
    pieces: NDArray[np.int64]
    firsts: NDArray[np.int64]


def join(rows: Iterable[PieceMelody]) -> Melodies:
    """The melodies of pieces, given in the order of their numbers.

    Windows overlap: the first quarter of one is left to the one before it, which knows what went before.
    """
    parts: list[Codes] = [np.zeros((_EARLY, VOICES), np.uint8)]
    pieces: list[int] = []
    firsts: list[int] = []
    end = _EARLY
    for _, own in groupby(rows, key=lambda row: row.source_id):
        windows = [(_frame(row.start), row) for row in own]
        begin = min(at for at, _ in windows)
        codes = [_codes(row.melody) for _, row in windows]
        whole = np.zeros(
            (max(at + len(each) for (at, _), each in zip(windows, codes, strict=True)) - begin, VOICES), np.uint8
        )
        filled = 0
        for (at, row), each in zip(windows, codes, strict=True):
            at -= begin
            skipped = len(each) // 4 if filled > at else 0
            whole[at + skipped : at + len(each)] = each[skipped:]
            filled = at + len(each)
            pieces.append(row.id)
            firsts.append(end + at)
        parts += [whole, np.zeros((_GAP, VOICES), np.uint8)]
        end += len(whole) + _GAP
    return Melodies(np.concatenate(parts), np.array(pieces, np.int64), np.array(firsts, np.int64))


def _frame(seconds: float) -> int:
    return int(np.clip(np.nan_to_num(seconds), 0, _LATEST) * FRAMES_A_SECOND + 0.5)


def _codes(melody: bytes) -> Codes:
    """As (frames, VOICES). One that was damaged on the disk counts as far as it goes; `check` will tell of it."""
    return np.frombuffer(melody[: len(melody) // VOICES * VOICES], np.uint8).reshape(-1, VOICES)


def tune(codes: Codes) -> NDArray[np.float64] | None:
    """The line in ``codes`` (frames, VOICES) in semitones, shape (n,), from its first note to its last; or None.

    Pauses hold the note before them. None when it is no tune: too short or long, too even or too wild.
    """
    voiced = np.flatnonzero(codes[:, 0])
    if len(voiced) < LEAST or voiced[-1] - voiced[0] >= MOST:
        return None
    line = codes[voiced[0] : voiced[-1] + 1, 0].astype(np.float64)
    line = line[np.maximum.accumulate(np.where(line > 0, np.arange(len(line)), 0))][:LONGEST]
    notes = (line - 1) / STEPS
    _, times = np.unique(np.rint(notes), return_counts=True)
    low, high = np.quantile(notes, (0.05, 0.95))
    is_tune = len(times) >= LEAST_NOTES and times.max() <= MOST_OF_ONE * len(notes) and high - low <= WIDEST
    return notes if is_tune else None


def found(melodies: Melodies, line: NDArray[np.float64]) -> NDArray[np.float32]:
    """How much of ``line`` is met, 0 to 1 less what chance would meet, by each window: shape (windows,).

    The best of all beginnings inside the window's stretch, all keys and all paces.
    """
    off = round(float(np.angle(np.exp(2j * np.pi * line).mean())) / (2 * np.pi) * STEPS)  # thirds from whole semitones
    if not len(melodies.firsts):
        return np.zeros(0, np.float32)
    stretches = range(0, len(melodies.codes), _STRETCH)
    best = [_met(melodies.codes[start : start + _STRETCH + _GAP], line, off)[:_STRETCH] for start in stretches]
    return np.maximum.reduceat(np.concatenate(best), melodies.firsts - _EARLY)


def _met(codes: Codes, line: NDArray[np.float64], off: int) -> NDArray[np.float32]:
    """For each frame at which ``line``, ``off`` thirds from whole semitones, may begin, how much of it is met."""
    worth = _worth(codes, off)
    by_chance = np.concatenate([[0.0], np.cumsum(worth.mean(axis=0))])
    best = np.full(len(codes), -1.0, np.float32)

    def at(pace: float) -> NDArray[np.float64]:
        count = round(len(line) * pace)
        stretched = np.interp((np.arange(count) + 0.5) / pace - 0.5, np.arange(len(line)), line)
        notes = np.rint(stretched - off / STEPS).astype(np.int64)
        met = _best_key(worth, notes - notes.min())
        chance = by_chance[count : count + len(met)] - by_chance[: len(met)]
        scores: NDArray[np.float64] = (met - chance) / (_WHOLE * count)
        return scores

    for scores in at_once(at, PACES):
        np.maximum(best[: len(scores)], scores, out=best[: len(scores)])
    return best


def _worth(codes: Codes, off: int) -> NDArray[np.uint16]:
    """What each whole semitone, moved by ``off`` thirds, is worth in each frame: shape (semitones, frames)."""
    worth = np.zeros((_SEMITONES, len(codes)), np.uint16)
    for voice in range(VOICES):
        sounding = np.flatnonzero(codes[:, voice])
        pitch = codes[sounding, voice].astype(np.int64) - 1 - off
        values = _LINE if voice == 0 else _OTHERS
        for moved in range(1 - len(values), len(values)):
            semitone, rest = np.divmod(pitch + moved, STEPS)
            there = (rest == 0) & (semitone >= 0) & (semitone < _SEMITONES)
            places = semitone[there], sounding[there]
            worth[places] = np.maximum(worth[places], values[abs(moved)])
    return worth


def _best_key(worth: NDArray[np.uint16], notes: NDArray[np.int64]) -> NDArray[np.float32]:
    """For each frame at which ``notes``, the lowest 0, may begin: what they are worth in the best key."""
    keys = len(worth) - int(notes.max())
    beginnings = worth.shape[1] - len(notes) + 1
    if keys <= 0 or beginnings <= 0:
        return np.zeros(0, np.float32)
    best = np.empty(beginnings, np.float32)
    for start in range(0, beginnings, _BLOCK):
        end = min(start + _BLOCK, beginnings)
        total = np.zeros((keys, end - start), np.uint16)
        for frame, note in enumerate(notes.tolist()):
            total += worth[note : note + keys, start + frame : end + frame]
        best[start:end] = total.max(axis=0)
    return best
