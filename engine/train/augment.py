"""Altered copies of what is learned from, so that a model does not learn the accidents of one recording or drawing."""

import hashlib
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from indexer.pieces import ExtractedPiece

Random = np.random.Generator


def altered_copies(piece: ExtractedPiece, count: int, sample_rate: int, name: str) -> list[ExtractedPiece]:
    """``count`` copies of a piece of sound or of pictures, each altered in its own way; ``name`` seeds them.

    A piece of text has no copies.
    """
    copies = []
    for number in range(count):
        digest = hashlib.sha256(f"{name}/{number}".encode()).digest()
        random = np.random.default_rng(int.from_bytes(digest[:8], "big"))
        if piece.sound is not None:
            copies.append(replace(piece, sound=alter_sound(piece.sound, sample_rate, random)))
        elif piece.frames is not None:
            copies.append(replace(piece, frames=alter_frames(piece.frames, random)))
    return copies


def alter_sound(sound: NDArray[np.float32], sample_rate: int, random: Random) -> NDArray[np.float32]:
    """Up to a sixth faster or slower (pitch goes with it), later begun, louder or softer, with a little noise.

    As long as it was at most: what a window of sound may hold is not exceeded.
    """
    count = max(int(len(sound) / random.uniform(0.84, 1.19)), 64)
    copy = np.interp(np.linspace(0, len(sound) - 1, count), np.arange(len(sound)), sound)
    if len(copy) > sample_rate:
        copy = copy[random.integers(0, len(copy) // 4) :]
    silence = np.zeros(random.integers(0, sample_rate // 3))
    copy = np.concatenate([silence, copy])[: max(len(sound), sample_rate)]
    copy = copy * 10 ** random.uniform(-0.8, 0.1) + random.standard_normal(len(copy)) * 10 ** random.uniform(-5, -2.7)
    return np.clip(copy, -1, 1).astype(np.float32)


def alter_frames(frames: NDArray[np.uint8], random: Random) -> NDArray[np.uint8]:
    """All frames (count, height, width, 3) cut to one window of at least 80 % of each side, mirrored half the time."""
    height, width = frames.shape[1:3]
    sides = [max(int(side * random.uniform(0.8, 1.0)), 1) for side in (height, width)]
    top, left = (int(random.integers(0, side - own + 1)) for side, own in zip((height, width), sides, strict=True))
    window = frames[:, top : top + sides[0], left : left + sides[1]]
    if random.random() < 0.5:
        window = window[:, :, ::-1]
    return np.ascontiguousarray(window)
