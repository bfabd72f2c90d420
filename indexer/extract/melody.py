"""The tune of a sound in a few bytes a second, so that one who hums it can be answered with the recording.

How salient a pitch is at a moment: how much the spectrum there, with what is flat in it taken away, looks like that of
a note of this pitch and its harmonics (after Hermes 1988, "Measurement of pitch by subharmonic summation", JASA 83).
The line of a tune is the course of pitches that is salient and jumps little (Viterbi; a relative of Salamon & Gómez
2012, "Melody extraction from polyphonic music signals using pitch contour characteristics"). Since what leads in a
mixture may be an accompaniment, the strongest pitches of every frame are kept beside it.
"""

from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from indexer.pieces import SILENCE

FRAMES_A_SECOND = 8
VOICES = 4
"""Codes of a frame: the line, then the most salient pitches, the first the most."""

LOWEST, HIGHEST = 40, 88
"""The notes between which a tune is looked for, as MIDI counts them: 82 to 1319 Hz."""

STEPS = 3
"""Codes a semitone."""

HIGHEST_CODE = 1 + (HIGHEST - LOWEST) * STEPS

_HOPS = 2
"""Spectra a frame."""

_SPECTRUM_SECONDS = 0.186
_SPECTRA_AT_ONCE = 16
_SIZES = 64
"""The length of a spectrum is a multiple of this: 8192 samples at 44,100 Hz."""

_HIGHEST_HERTZ = 5900.0
_HARMONICS, _DECAY = 10, 0.84
_WIDTH, _WIDTH_BINS = 0.35, 0.6
"""Half width of a harmonic in a template, in semitones, and how many bins it has at least (low notes)."""

_EVENNESS = 0.35
"""How far the templates are brought to one length: those of high notes are longer. At 1 a note of few harmonics (a hum,
a flute) would look more like the notes one and two octaves below than like itself; at 0 noise would look high."""

_FLAT_HERTZ = 167.0
"""What is flat is the mean of so much of the spectrum on either side."""

_JUMP, _MOST_JUMP = 0.06, 0.35
"""What a jump takes from the salience of a line: for each semitone, and at most."""

_VOICED, _PEAK = 0.25, 0.12
"""How salient a note of the line and a peak must be: 1 is about a spectrum that is all template."""

_VOICED_LOUDNESS, _PEAK_LOUDNESS = 0.05, 0.03
"""How loud the moment must be, as a share of the loud moments of the sound."""

_LOUD_PERCENTILE = 95.0

Floats = NDArray[np.float32]


def melody(sound: Floats, sample_rate: int) -> NDArray[np.uint8]:
    """The pitches of a mono sound, shape (frames, VOICES): frame k is about the seconds k / 8 to (k + 1) / 8.

    There are as many frames as are whole, and at least one. A code of 0 is no pitch, any other is
    1 + round((note - LOWEST) * STEPS). The first column is the line, 0 where nothing leads; the others are the most
    salient pitches, the line's among them.
    """
    frames = max(1, len(sound) * FRAMES_A_SECOND // sample_rate)
    peak = float(np.abs(sound).max(initial=0.0))
    if peak < SILENCE:
        return np.zeros((frames, VOICES), np.uint8)
    salience, loudness = _salience((sound / np.float32(peak)).astype(np.float32, copy=False), sample_rate, frames)
    loud = loudness / np.float32(np.percentile(loudness, _LOUD_PERCENTILE) or 1.0)
    return np.column_stack([_line(salience, loud), _peaks(salience, loud)])


def _salience(sound: Floats, sample_rate: int, frames: int) -> tuple[Floats, Floats]:
    """How salient every pitch is at every hop, shape (hops, pitches), and how loud the hops are, shape (hops,)."""
    size, templates = _templates(sample_rate)
    bins = len(templates)
    middles = (np.arange(frames * _HOPS) + 0.5) * sample_rate / (FRAMES_A_SECOND * _HOPS)
    padded = np.pad(sound, (size // 2, size + sample_rate // FRAMES_A_SECOND))
    spans = sliding_window_view(padded, size)
    window = np.hanning(size).astype(np.float32)
    salience, loudness = [], []
    for first in range(0, len(middles), _SPECTRA_AT_ONCE):
        at = middles[first : first + _SPECTRA_AT_ONCE].astype(np.int64)
        magnitude = np.abs(np.fft.rfft(spans[at] * window, axis=1)[:, 1 : 1 + bins])
        shape = _without_what_is_flat(np.sqrt(magnitude), round(_FLAT_HERTZ * size / sample_rate))
        length = np.sqrt((shape * shape).sum(axis=1, keepdims=True))
        salience.append(shape @ templates / np.maximum(length, 1e-6))
        loudness.append(magnitude.sum(axis=1))
    return np.concatenate(salience), np.concatenate(loudness)


def _without_what_is_flat(spectra: Floats, around: int) -> Floats:
    sums = np.cumsum(np.pad(spectra, ((0, 0), (around, around)), mode="edge"), axis=1)
    means = (sums[:, 2 * around :] - sums[:, : -2 * around]) / np.float32(2 * around)
    return np.maximum(spectra - means, 0)


@lru_cache(maxsize=4)
def _templates(sample_rate: int) -> tuple[int, Floats]:
    """The length of a spectrum in samples, and the spectra of notes in it, shape (bins, pitches).

    The bins are those above 0 Hz, as far as there is something to see. The lengths of the columns are about 1.
    """
    size = _SIZES * max(1, round(_SPECTRUM_SECONDS * sample_rate / _SIZES))
    bins = min(size // 2, max(1, round(_HIGHEST_HERTZ * size / sample_rate)))
    notes = LOWEST + np.arange(HIGHEST_CODE) / STEPS
    bin_notes = 69 + 12 * np.log2(np.arange(1, 1 + bins) * sample_rate / size / 440)
    bin_hertz = sample_rate / size
    hertz = 440 * 2 ** ((notes - 69) / 12)
    templates = np.zeros((bins, len(notes)))
    for harmonic in range(1, 1 + _HARMONICS):
        bin_width = 12 / np.log(2) * bin_hertz / (hertz * harmonic)
        width = np.maximum(_WIDTH, _WIDTH_BINS * bin_width)
        distance = bin_notes[:, np.newaxis] - (notes + 12 * np.log2(harmonic))
        templates += _DECAY ** (harmonic - 1) * np.exp(-0.5 * (distance / width) ** 2)
    lengths = np.maximum(np.sqrt((templates**2).sum(axis=0)), 1e-6)
    return size, (templates / (lengths**_EVENNESS * lengths.mean() ** (1 - _EVENNESS))).astype(np.float32)


@lru_cache(maxsize=1)
def _jumps() -> Floats:
    """What a jump from one pitch to another takes, shape (pitches, pitches)."""
    steps = np.arange(HIGHEST_CODE)
    semitones = np.abs(steps[:, np.newaxis] - steps) / STEPS
    return np.asarray(np.minimum(_JUMP * semitones, _MOST_JUMP), dtype=np.float32)


def _line(salience: Floats, loud: Floats) -> NDArray[np.uint8]:
    """The codes of the line, shape (frames,)."""
    hops, pitches = salience.shape
    jumps, every = _jumps(), np.arange(pitches)
    came_from = np.empty((hops, pitches), np.int64)
    best = np.zeros(pitches, np.float32)
    ways = np.empty_like(jumps)
    for hop in range(hops):
        np.subtract(best, jumps, out=ways)
        came_from[hop] = ways.argmax(axis=1)
        best = ways[every, came_from[hop]] + salience[hop]
        best -= best.max()
    path = np.empty(hops, np.int64)
    path[-1] = best.argmax()
    for hop in range(hops - 1, 0, -1):
        path[hop - 1] = came_from[hop, path[hop]]
    strength = salience[np.arange(hops), path]
    strength[(strength <= _VOICED) | (loud <= _VOICED_LOUDNESS)] = 0
    # The stronger hop of a frame, not the mean of both: between two notes that would be a third that nobody sang.
    by_frame = strength.reshape(-1, _HOPS)
    stronger = np.arange(0, hops, _HOPS) + by_frame.argmax(axis=1)
    return np.where(by_frame.max(axis=1) > 0, 1 + path[stronger], 0).astype(np.uint8)


def _peaks(salience: Floats, loud: Floats) -> NDArray[np.uint8]:
    """The codes of the most salient pitches, shape (frames, VOICES - 1)."""
    heard = np.where(loud[:, np.newaxis] < _PEAK_LOUDNESS, np.float32(0), salience)
    means = heard.reshape(-1, _HOPS, salience.shape[1]).mean(axis=1)
    middle = means[:, 1:-1]
    is_peak = (middle >= means[:, :-2]) & (middle > means[:, 2:]) & (middle > _PEAK)
    peaks = np.where(is_peak, middle, 0)
    order = np.argsort(-peaks, axis=1, kind="stable")[:, : VOICES - 1]
    found = np.take_along_axis(peaks, order, axis=1) > 0
    return np.where(found, order + 2, 0).astype(np.uint8)
