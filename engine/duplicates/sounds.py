"""Whether two recordings hold the same sound: the fingerprint of Haitsma and Kalker, laid over each other at an offset.

"A Highly Robust Audio Fingerprinting System" (ISMIR 2002): for every frame 32 bits, each the sign of how the energy
difference of two neighbouring bands changes from one frame to the next. Loudness does not count, and lossy coding
turns few of the bits. Frames are 0.37 s long as there, one every 23 ms (there 12), bands reach from 150 Hz to 4.5 kHz
(there 300 Hz to 2 kHz), because a library holds more than music.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 11_025
HOP = 256
FRAME = 4096
CHUNK = 1280 * HOP
"""Samples from one chunk to the next; a chunk itself is longer by ``FRAME``, so that no frame is cut."""

MOST_ERRORS = 0.35
FEW_FRAMES = 1.1
SHORT_ERRORS = 0.16
"""Differing bits: at most 0.35, as in the paper, less 1.1 through the root of the number of frames; 0.16 for any."""

SHARED = 0.8
"""The share of the shorter recording's sound that has to be in the other."""

_BANDS = 33
_LOWEST, _HIGHEST = 150.0, 4500.0
_LEAD = FRAME // 2  # silence put before and after, so that even a click is in the middle of some frame
_QUIETEST = -60.0
_BELOW_LOUDEST = 40.0
_FEWEST_FRAMES = 8

Sound = NDArray[np.float32]


@dataclass(frozen=True)
class SoundPrint:
    """``bits`` uint32 and ``level`` int8 (dB of full scale), both of shape (frames,); -128 where there is no sound."""

    bits: NDArray[np.uint32]
    level: NDArray[np.int8]

    def heard(self) -> NDArray[np.bool_]:
        """The frames that count: neither silent nor far below the loudest."""
        if len(self.level) == 0:
            return np.zeros(0, dtype=np.bool_)
        return np.asarray(self.level > max(_QUIETEST, float(self.level.max()) - _BELOW_LOUDEST))


@dataclass(frozen=True)
class SoundMatch:
    """How one recording lies in another: it begins ``offset`` seconds after the other's beginning (or before it, if
    negative). Of ``frames`` frames that both hold, the share ``errors`` of bits differs: 0 the same, 0.5 unrelated."""

    offset: float
    frames: int
    errors: float

    @property
    def is_same(self) -> bool:
        """Whether so few bits differ as never by chance; the fewer the frames, the fewer may."""
        return bool(self.errors <= max(SHORT_ERRORS, MOST_ERRORS - FEW_FRAMES / self.frames**0.5))


def sound_print(chunks: Iterable[tuple[float, Sound]]) -> SoundPrint:
    """The fingerprint of a recording that comes as chunks with their beginnings in seconds; gaps are silence."""
    parts = []
    for start, sound in chunks:
        first = round(start * SAMPLE_RATE / HOP)
        if first == 0:
            sound = np.concatenate([np.zeros(_LEAD, np.float32), sound])
        else:
            first += _LEAD // HOP
        parts.append((first, *_frames(np.concatenate([sound, np.zeros(_LEAD, np.float32)]))))
    length = max((first + len(bits) for first, bits, _ in parts), default=0)
    bits, level = np.zeros(length, dtype=np.uint32), np.full(length, -128, dtype=np.int8)
    for first, part_bits, part_level in parts:
        bits[first + 1 : first + len(part_bits)] = part_bits[1:]
        level[first + 1 : first + len(part_level)] = part_level[1:]
    return SoundPrint(bits, level)


def match(one: SoundPrint, other: SoundPrint) -> SoundMatch | None:
    """Where the two agree best, among the offsets at which ``SHARED`` of the shorter one's sound lies over the other.

    None when one of them has not enough sound to be recognised by.
    """
    heard_one, heard_other = one.heard(), other.heard()
    fewest = min(int(heard_one.sum()), int(heard_other.sum()))
    if fewest < _FEWEST_FRAMES:
        return None
    size = 1 << int(len(one.bits) + len(other.bits)).bit_length()
    both = _correlated(heard_one.astype(np.float32), heard_other.astype(np.float32), size)
    agreement = np.zeros(size, dtype=np.float32)
    for bit in range(_BANDS - 1):
        agreement += _correlated(_signs(one, heard_one, bit), _signs(other, heard_other, bit), size)
    counted = np.round(both)
    enough = counted >= max(_FEWEST_FRAMES, SHARED * fewest)
    score = np.where(enough, agreement / np.maximum(counted, 1) / (_BANDS - 1), -1.0)
    best = int(np.argmax(score))
    offset = best if best < len(other.bits) else best - size
    return SoundMatch(offset * HOP / SAMPLE_RATE, int(counted[best]), float((1 - score[best]) / 2))


def _frames(sound: Sound) -> tuple[NDArray[np.uint32], NDArray[np.int8]]:
    if len(sound) < FRAME + HOP:
        sound = np.concatenate([sound, np.zeros(FRAME + HOP - len(sound), np.float32)])
    views = np.lib.stride_tricks.sliding_window_view(sound, FRAME)[::HOP]
    window = np.hanning(FRAME).astype(np.float32)
    edges = np.geomspace(_LOWEST, _HIGHEST, _BANDS + 1) * FRAME / SAMPLE_RATE
    starts = np.round(edges).astype(np.intp)
    energies, level = [], []
    for begin in range(0, len(views), 256):
        block = views[begin : begin + 256]
        power = np.abs(np.fft.rfft(block * window, axis=1)) ** 2
        energies.append(np.add.reduceat(power, starts, axis=1)[:, :_BANDS])
        level.append(10 * np.log10(np.mean(block**2, axis=1) + 1e-12))
    energy = np.concatenate(energies)
    slope = energy[:, :-1] - energy[:, 1:]
    turned = np.zeros((len(slope), _BANDS - 1), dtype=np.bool_)
    turned[1:] = slope[1:] > slope[:-1]
    bits = np.packbits(turned, axis=1).view(">u4").reshape(-1).astype(np.uint32)
    return bits, np.clip(np.concatenate(level), -128, 0).astype(np.int8)


def _signs(sound: SoundPrint, heard: NDArray[np.bool_], bit: int) -> NDArray[np.float32]:
    signs = ((sound.bits >> np.uint32(bit)) & 1).astype(np.float32) * 2 - 1
    return np.asarray(signs * heard, dtype=np.float32)


def _correlated(one: NDArray[np.float32], other: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """For every offset of ``one`` in ``other`` the sum of the products; negative offsets count from the end."""
    product = np.fft.rfft(other, size) * np.conj(np.fft.rfft(one, size))
    return np.asarray(np.fft.irfft(product, size), dtype=np.float32)
