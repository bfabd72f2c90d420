"""Sounds on disk."""

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 44_100  # samples a second of everything rendered or computed here


def write_wave(file: Path, sound: NDArray[np.floating], rate: int, peak: float = 0.9) -> None:
    """16-bit mono, scaled to ``peak`` (1 is the loudest there is); a file is either whole or not there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    scaled = sound / max(float(np.abs(sound).max()), 1e-6) * peak
    scratch = file.with_suffix(".partial")
    with wave.open(str(scratch), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((scaled * 32767).astype("<i2").tobytes())
    scratch.replace(file)
