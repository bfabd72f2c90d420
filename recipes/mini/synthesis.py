"""Everyday sounds computed from tones, noise and envelopes, for names that no free recording at hand bears enough of.

Each maker takes a random generator, which varies pitch, tempo, size and noise, and returns mono float32 at 44.1 kHz.
"""

import synthesis_animals
import synthesis_hands
import synthesis_machines
import synthesis_nature
import synthesis_signals
import synthesis_things
from sound_tools import Maker

SOUNDS: dict[str, Maker] = {
    **synthesis_animals.SOUNDS,
    **synthesis_machines.SOUNDS,
    **synthesis_signals.SOUNDS,
    **synthesis_nature.SOUNDS,
    **synthesis_things.SOUNDS,
    **synthesis_hands.SOUNDS,
}
