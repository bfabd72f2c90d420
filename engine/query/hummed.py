"""A sound that is a tune asks by its melody too: who hums a song means the song, though it sounds like no instrument.

The melody is one more scale beside that of the embeddings, and a window of sound stands where it stands higher.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from engine.query.calibrate import Background, background
from engine.query.candidates import BACKGROUND_SAMPLE, Scale, Scope
from engine.query.embed_query import Reading
from engine.query.tunes import Melodies, found, join, tune
from indexer.extract.melody import FRAMES_A_SECOND, HIGHEST, LOWEST, STEPS, VOICES
from storage.library import Library
from storage.records import PieceMelody
from storage.vectors import evenly

# What unrelated windows of real music meet of a tune, as a share of what made-up ones meet, and how far that spreads.
_SHARE, _SPREAD = 0.8, 0.2
_STEEPNESS = 1.25  # of the tail of what they meet: a sum over a whole tune is hardly ever far from its mean
_MADE_UP, _SECONDS, _HOP = 40, 15, 20
_SCALE = np.array([0, 2, 4, 5, 7, 9, 11])


def tune_of(readings: Sequence[Reading]) -> NDArray[np.float64] | None:
    """The tune that is asked with, if a sound alone asks and is one. Beside other parts a tune does not count."""
    alone = [reading[0] for reading in readings if len(reading) == 1]
    melodies = [part.melody for part in alone if part.melody is not None]
    return tune(melodies[0]) if melodies else None


def tune_scale(library: Library, line: NDArray[np.float64], scope: Scope) -> Scale | None:
    """What the windows of sound that may answer have of a tune, as scores that stand beside cosines; or None."""
    if "audio" not in scope.modalities:
        return None
    melodies = library.melodies(join)
    may = ~np.isin(melodies.pieces, scope.without)
    if scope.among is not None:
        may &= np.isin(melodies.pieces, scope.among.get("audio", ()))
    windows = np.flatnonzero(may)
    if not len(windows):
        return None
    sample = evenly(windows, BACKGROUND_SAMPLE)
    scores = found(melodies, line, windows, sample)
    scale = background(expected(line), scores[np.searchsorted(windows, sample)])
    return Scale("audio", np.empty(0, np.float32), scale, len(windows), (melodies.pieces[windows], scores))


def expected(line: NDArray[np.float64]) -> Background:
    """What windows that have nothing to do with the tune are expected to meet of it: more of a tune of few notes."""
    mean = _SHARE * float(found(_made_up(), line).mean())
    return Background(mean, _SPREAD * mean, _STEEPNESS)


@cache
def _made_up() -> Melodies:
    """Melodies that nobody has sung: walks along a major scale, each note with three below it, one of which leads."""
    random = np.random.default_rng(0)
    rows: list[PieceMelody] = []
    for number in range(_MADE_UP):
        key, place = random.integers(12), int(random.integers(12, 20))
        codes = np.zeros((_SECONDS * FRAMES_A_SECOND, VOICES), np.uint8)
        begin = 0
        while begin < len(codes):
            place = int(np.clip(place + random.choice([-4, -2, -1, -1, 0, 1, 1, 2, 4]), 7, 27))
            degrees = place - np.array([0, 2, 4, 7])
            notes = np.clip(key + 12 * (degrees // 7) + _SCALE[degrees % 7], 0, HIGHEST - LOWEST)
            end = begin + int(random.integers(2, 7))
            codes[begin:end] = 1 + STEPS * np.roll(notes, random.integers(2))
            begin = end
        rows += [
            PieceMelody(len(rows) + place, number, start / FRAMES_A_SECOND, codes[start : start + 2 * _HOP].tobytes())
            for place, start in enumerate(range(0, len(codes) - _HOP, _HOP))
        ]
    return join(rows)
