"""Query by humming: where in the library a tune is, whatever key and pace it is hummed, sung or whistled in.

A tune is a line of pitches; the library's sounds are several pitches at a time (``indexer/extract/melody.py``). The
line is laid over them at every moment, in every key and at paces from 1.4 times slower to as much faster, and what
counts is how much of it is met. docs/queries.md has the measurements.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.query.at_once import at_once
from indexer.extract.melody import FRAMES_A_SECOND, HIGHEST, LOWEST, STEPS, VOICES
from storage.records import PieceMelody
from storage.vectors import evenly

LEAST, LONGEST, MOST = 2 * FRAMES_A_SECOND, 10 * FRAMES_A_SECOND, 32 * FRAMES_A_SECOND
"""Frames: how many of a tune must be voiced, how many count, and what is longer is a recording and no tune.
The page's microphone listens for 30 seconds."""

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
_STRETCH = 16 * _BLOCK  # frames at a time, so that memory hardly grows with the library
_SHORT = 3 * 3600 * FRAMES_A_SECOND  # frames of a library that is looked at closely throughout
_ROUGHLY, _UNIT = 2, 3  # a rough look is at every so many frames and paces, in units of so many worths
_CLOSELY = 1024  # so many windows are then looked at closely
_WINDOW = 5 * FRAMES_A_SECOND  # frames, at most, in which a tune may begin to be that window's
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
    rows = list(rows)
    if not rows:
        return Melodies(np.zeros((_EARLY, VOICES), np.uint8), np.empty(0, np.int64), np.empty(0, np.int64))
    pieces, sources = np.array([(row.id, row.source_id) for row in rows], np.int64).T
    # A melody that was damaged on the disk counts as far as it goes; `check` will tell of it.
    melodies = [row.melody[: len(row.melody) // VOICES * VOICES] for row in rows]
    lengths = np.array([len(each) // VOICES for each in melodies])
    seconds = np.clip(np.nan_to_num(np.array([row.start for row in rows], np.float64)), 0, _LATEST)
    at = (seconds * FRAMES_A_SECOND + 0.5).astype(np.int64)
    is_first = np.append(True, sources[1:] != sources[:-1])
    first, own = np.flatnonzero(is_first), np.cumsum(is_first) - 1
    begins = np.minimum.reduceat(at, first)
    sizes = np.maximum.reduceat(at + lengths, first) - begins + _GAP
    firsts = _EARLY + (np.cumsum(sizes) - sizes - begins)[own] + at
    goes_on = np.append(0, (at + lengths)[:-1]) > at
    skipped = np.where(goes_on & ~is_first, lengths // 4, 0)
    codes = np.zeros((_EARLY + int(sizes.sum()), VOICES), np.uint8)
    known = np.frombuffer(b"".join(melodies), np.uint8).reshape(-1, VOICES)
    taken = np.arange(len(known)) - np.repeat(np.cumsum(lengths) - lengths, lengths)  # of which frame of its window
    is_kept = taken >= np.repeat(skipped, lengths)
    places = np.repeat(firsts, lengths) + taken
    codes[places[is_kept]] = known[is_kept]  # where two windows know, the later one counts
    return Melodies(codes, pieces, np.maximum.accumulate(firsts))  # ascending, unless a start was damaged


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


def found(
    melodies: Melodies,
    line: NDArray[np.float64],
    windows: NDArray[np.int64] | None = None,
    sample: NDArray[np.int64] | None = None,
) -> NDArray[np.float32]:
    """How much of ``line`` is met, 0 to 1 less what chance would meet, by ``windows``, given by their places (None: by
    all): the best of all beginnings inside a window's stretch, all keys and all paces. Shape (windows,).

    All of a long library is looked at roughly, then closely what stands highest, at about that pace, and the windows of
    ``sample`` at any. The others' scores are those of the rough look, moved to where those of the sample are.
    """
    asked = np.arange(len(melodies.firsts)) if windows is None else windows
    if not len(asked):
        return np.zeros(0, np.float32)
    if len(melodies.codes) <= _SHORT:
        met = _met(melodies.codes, line, PACES, 1).max(axis=0)
        best: NDArray[np.float32] = np.maximum.reduceat(met, melodies.firsts - _EARLY)[asked]
        return best
    sample = evenly(asked, _CLOSELY) if sample is None else sample
    scores, paces = _look_roughly(melodies, line)
    best = np.setdiff1d(asked[np.argsort(-scores[asked], kind="stable")[:_CLOSELY]], sample)
    thoroughly = _look_closely(melodies, line, sample, PACES)
    scores += (thoroughly - scores[sample]).mean()
    scores[sample] = thoroughly
    for pace in np.unique(paces[best]):
        own = best[paces[best] == pace]
        scores[own] = _look_closely(melodies, line, own, PACES[max(0, pace - 1) : pace + 2])
    return scores[asked]


def _look_roughly(melodies: Melodies, line: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """What ``found`` says of all windows, and at which pace (its place), by every second frame and pace."""
    codes, begins = melodies.codes[::_ROUGHLY], (melodies.firsts - _EARLY) // _ROUGHLY
    stretches = np.unique(np.searchsorted(begins, [*range(0, len(codes), _STRETCH), len(codes)]))
    best = []
    for first, last in pairwise(stretches.tolist()):
        start, end = begins[first], begins[last] if last < len(begins) else len(codes)
        met = _met(codes[start : end + _GAP], line[::_ROUGHLY], PACES[::_ROUGHLY], _UNIT)[:, : end - start]
        best.append(np.maximum.reduceat(met, begins[first:last] - start, axis=1))
    by_pace = np.concatenate(best, axis=1)
    return by_pace.max(axis=0), _ROUGHLY * by_pace.argmax(axis=0)


def _look_closely(
    melodies: Melodies, line: NDArray[np.float64], windows: NDArray[np.int64], paces: Sequence[float]
) -> NDArray[np.float32]:
    """What ``found`` says of ``windows``, by every frame, at these ``paces``."""
    begins = melodies.firsts[windows] - _EARLY
    ends = np.append(melodies.firsts[1:] - _EARLY, len(melodies.codes))[windows]
    frames = begins[:, None] + np.arange(_WINDOW + _GAP)
    codes = melodies.codes[np.minimum(frames, len(melodies.codes) - 1)].reshape(-1, VOICES)
    met = _met(codes, line, paces, 1).max(axis=0).reshape(frames.shape)[:, :_WINDOW]
    begun = np.maximum(ends - begins, 1)[:, None]  # at least one beginning, as two windows may begin at a time
    best: NDArray[np.float32] = np.where(np.arange(_WINDOW) < begun, met, -1.0).max(axis=1)
    return best


def _met(codes: Codes, line: NDArray[np.float64], paces: Sequence[float], unit: int) -> NDArray[np.float32]:
    """For each of ``paces`` and each frame at which ``line`` may begin, how much of it is met: (paces, frames).

    The larger the ``unit`` of what a pitch is worth, the rougher and quicker.
    """
    off = round(float(np.angle(np.exp(2j * np.pi * line).mean())) / (2 * np.pi) * STEPS)  # thirds from whole semitones
    worth = _worth(codes, off, unit)
    by_chance = np.concatenate([[0.0], np.cumsum(worth.mean(axis=0))])
    best = np.full((len(paces), len(codes)), -1.0, np.float32)

    def at(place: int) -> None:
        pace = paces[place]
        count = round(len(line) * pace)
        stretched = np.interp((np.arange(count) + 0.5) / pace - 0.5, np.arange(len(line)), line)
        notes = np.rint(stretched - off / STEPS).astype(np.int64)
        met = _best_key(worth, notes - notes.min())
        chance = by_chance[count : count + len(met)] - by_chance[: len(met)]
        best[place, : len(met)] = (met - chance) / (_WHOLE // unit * count)

    at_once(at, range(len(paces)))
    return best


def _worth(codes: Codes, off: int, unit: int) -> NDArray[Any]:
    """What each whole semitone, moved by ``off`` thirds, is worth in each frame: shape (semitones, frames)."""
    of_line, of_others = _worths(off, unit)
    worth = of_line[codes[:, 0]]
    for voice in range(1, VOICES):
        np.maximum(worth, of_others[codes[:, voice]], out=worth)
    return np.ascontiguousarray(worth.T)


@cache
def _worths(off: int, unit: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """What a code makes each whole semitone, moved by ``off`` thirds, worth, in the line and in the other voices: shape
    (codes, semitones). In units of 1 a sum over a tune takes two bytes, in those of a rough look one."""
    found = []
    for values in (_LINE, _OTHERS):
        apart = np.abs(np.arange(256)[:, None] - 1 - off - STEPS * np.arange(_SEMITONES))
        worth = np.append(np.rint(np.array(values) / unit), 0)[np.minimum(apart, len(values))]
        worth[0] = 0  # nothing sounds
        found.append(worth.astype(np.uint16 if unit == 1 else np.uint8))
    return found[0], found[1]


def _best_key(worth: NDArray[Any], notes: NDArray[np.int64]) -> NDArray[np.float32]:
    """For each frame at which ``notes``, the lowest 0, may begin: what they are worth in the best key."""
    keys = len(worth) - int(notes.max())
    beginnings = worth.shape[1] - len(notes) + 1
    if keys <= 0 or beginnings <= 0:
        return np.zeros(0, np.float32)
    best = np.empty(beginnings, np.float32)
    for start in range(0, beginnings, _BLOCK):
        end = min(start + _BLOCK, beginnings)
        total = np.zeros((keys, end - start), worth.dtype)
        for frame, note in enumerate(notes.tolist()):
            total += worth[note : note + keys, start + frame : end + frame]
        best[start:end] = total.max(axis=0)
    return best
