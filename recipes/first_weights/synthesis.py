"""Everyday sounds computed from noise, tones and envelopes, for names that no free recording at hand bears.

Each maker takes a random generator and returns mono float32 at 44.1 kHz; the generator varies pitch, tempo and noise.
"""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

RATE = 44_100
Sound = NDArray[np.float32]


def clock(seconds: float) -> Sound:
    return (np.arange(int(seconds * RATE)) / RATE).astype(np.float32)


def tone(frequency: float | Sound, seconds: float, partials: tuple[float, ...] = (1.0,)) -> Sound:
    """Sum of harmonics; the frequency may be a curve over time, in hertz."""
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(frequency, clock(seconds).shape)) / RATE
    return sum(gain * np.sin(phase * (n + 1)) for n, gain in enumerate(partials)).astype(np.float32)


def noise(random: Generator, seconds: float, low: float = 0, high: float = 22_050, slope: float = 0) -> Sound:
    """Noise between two frequencies, falling as frequency ** -slope."""
    count = int(seconds * RATE)
    spectrum = np.fft.rfft(random.standard_normal(count))
    frequency = np.fft.rfftfreq(count, 1 / RATE)
    spectrum *= ((frequency >= low) & (frequency <= high)) * np.maximum(frequency, 20) ** -slope
    sound = np.fft.irfft(spectrum, count)
    return (sound / np.abs(sound).max()).astype(np.float32)


def decay(seconds: float, half_life: float) -> Sound:
    return (0.5 ** (clock(seconds) / half_life)).astype(np.float32)


def scatter(seconds: float, starts: list[float], make: Callable[[int], Sound]) -> Sound:
    """Sounds laid over each other at the given starts."""
    out = np.zeros(int(seconds * RATE), dtype=np.float32)
    for index, start in enumerate(starts):
        at = int(start * RATE)
        if at < len(out):
            piece = make(index)[: len(out) - at]
            out[at : at + len(piece)] += piece
    return out


def regular(random: Generator, seconds: float, period: float, jitter: float = 0.02) -> list[float]:
    return [float(t + random.uniform(0, jitter)) for t in np.arange(0.05, seconds, period)]


def chirps(random: Generator, low: float, high: float) -> Sound:
    def one(_: int) -> Sound:
        length = random.uniform(0.06, 0.16)
        curve = np.linspace(random.uniform(low, high), random.uniform(low, high), len(clock(length)))
        return tone(curve, length) * np.hanning(len(clock(length)))

    return scatter(3, sorted(random.uniform(0, 2.8, 14).tolist()), one)


def caw(random: Generator) -> Sound:
    """A rough, falling, nasal call: pulses far below the formant."""

    def one(_: int) -> Sound:
        length = random.uniform(0.3, 0.5)
        pitch = np.linspace(1.0, 0.8, len(clock(length))) * random.uniform(250, 400)
        rough = tone(pitch, length, (1, 1, 1, 0.9, 0.9, 0.6, 0.4)) * (1 + 0.8 * noise(random, length, high=300))
        return rough * np.hanning(len(rough)) ** 0.5

    return scatter(2.5, [0.1, 0.9, 1.7], one)


def call(
    random: Generator, pitch: float, contour: tuple[float, ...], seconds: float, partials: tuple[float, ...]
) -> Sound:
    """A voiced call: harmonics that follow a contour of relative pitches."""
    curve = (
        np.interp(clock(seconds), np.linspace(0, seconds, len(contour)), contour) * pitch * random.uniform(0.85, 1.2)
    )
    envelope = np.hanning(len(curve)) ** 0.4
    return (tone(curve, seconds, partials) * envelope + 0.05 * noise(random, seconds, 300, 6000) * envelope).astype(
        np.float32
    )


def bark(random: Generator) -> Sound:
    def one(_: int) -> Sound:
        pitch = np.linspace(1.3, 0.7, len(clock(0.18))) * base
        return tone(pitch, 0.18, (1, 0.9, 0.7, 0.5, 0.3)) * np.hanning(len(pitch)) + 0.2 * noise(
            random, 0.18
        ) * np.hanning(len(pitch))

    base = random.uniform(250, 600)
    return scatter(2, [0.1, 0.5, 1.3], one)


def engine(random: Generator, rate: float, seconds: float = 3) -> Sound:
    curve = rate * (1 + 0.15 * np.sin(2 * np.pi * random.uniform(0.1, 0.4) * clock(seconds)))
    return tone(curve, seconds, (1, 0.8, 0.7, 0.5, 0.5, 0.3, 0.3, 0.2)) * (0.7 + 0.3 * noise(random, seconds, 0, 2000))


def siren(random: Generator, period: float) -> Sound:
    return tone(900 + 350 * np.sin(2 * np.pi * clock(4) / period + random.uniform(0, 6)), 4, (1, 0.3, 0.2))


def beeps(random: Generator, frequency: float, period: float, length: float) -> Sound:
    pitch = frequency * random.uniform(0.9, 1.1)
    return scatter(3, regular(random, 3, period, 0), lambda _: tone(pitch, length, (1, 0.2)))


def dial(random: Generator) -> Sound:
    """Touch tones: each key sounds one low and one high frequency."""
    low, high = (697, 770, 852, 941), (1209, 1336, 1477)
    return scatter(
        2.5, regular(random, 2.4, 0.25, 0), lambda _: tone(random.choice(low), 0.12) + tone(random.choice(high), 0.12)
    )


def ringing(random: Generator, frequency: float) -> Sound:
    """An old telephone's bell: a struck tone, twenty times a second, on and off."""
    pitch = frequency * random.uniform(0.9, 1.1)
    ring = scatter(1, regular(random, 1, 0.05, 0), lambda _: tone(pitch, 0.3, (1, 0, 0.6, 0, 0.4)) * decay(0.3, 0.05))
    return scatter(3, [0.0, 1.5], lambda _: ring)


def bell(random: Generator, frequency: float, seconds: float = 3) -> Sound:
    """Inharmonic partials, the high ones gone first."""
    ratios = (0.5, 1, 1.19, 1.5, 2, 2.6, 3.1)
    base = frequency * random.uniform(0.8, 1.25)
    return sum(tone(base * ratio, seconds) * decay(seconds, 0.8 / ratio) for ratio in ratios)


def footsteps(random: Generator) -> Sound:
    return scatter(
        3, regular(random, 3, random.uniform(0.45, 0.6)), lambda _: noise(random, 0.12, 60, 900) * decay(0.12, 0.02)
    )


def drops(random: Generator) -> Sound:
    def one(_: int) -> Sound:
        curve = np.linspace(1, 2.2, len(clock(0.06))) * random.uniform(500, 1500)
        return tone(curve, 0.06) * decay(0.06, 0.015)

    return scatter(3, sorted(random.uniform(0, 2.9, 16).tolist()), one)


def crackle(random: Generator, rate: float, half_life: float) -> Sound:
    starts = sorted(random.uniform(0, 2.95, int(3 * rate)).tolist())
    return scatter(3, starts, lambda _: random.uniform(0.1, 1) * noise(random, 0.02, 500) * decay(0.02, half_life))


def swell(random: Generator, period: float, low: float, high: float, slope: float) -> Sound:
    envelope = 0.15 + 0.85 * np.sin(np.pi * clock(5) / period + random.uniform(0, 3)) ** 2
    return noise(random, 5, low, high, slope) * envelope


def blast(random: Generator, seconds: float, half_life: float, high: float, slope: float) -> Sound:
    return noise(random, seconds, 20, high, slope) * decay(seconds, half_life * random.uniform(0.7, 1.4))


def falling(random: Generator, start: float, end: float, seconds: float) -> Sound:
    return tone(
        np.geomspace(start * random.uniform(0.8, 1.2), end, len(clock(seconds))), seconds, (1, 0.5, 0.3)
    ) * decay(seconds, seconds / 2)


SOUNDS: dict[str, tuple[list[str], Callable[[Generator], Sound]]] = {
    "beep": (["beep", "a short electronic beep", "a pure tone"], lambda r: beeps(r, 1000, 1.0, 0.2)),
    "alarm": (
        ["alarm beeping", "an alarm clock beeping", "urgent warning beeps"],
        lambda r: beeps(r, 2200, 0.25, 0.12),
    ),
    "busy": (["telephone busy tone", "a busy signal on the phone"], lambda r: beeps(r, 425, 0.5, 0.25)),
    "dial": (["dialling a telephone number", "touch tones of a phone keypad"], dial),
    "ringing": (["telephone ringing", "an old telephone bell rings", "phone ring"], lambda r: ringing(r, 1400)),
    "siren": (["siren", "a police siren wailing", "an ambulance siren"], lambda r: siren(r, r.uniform(0.8, 3))),
    "horn": (
        ["car horn", "a car honking", "vehicle horn"],
        lambda r: tone(r.uniform(350, 450), 0.9, (1, 0.9, 0.8, 0.7, 0.5)) + tone(510, 0.9, (1, 0.8, 0.7)),
    ),
    "engine": (["engine running", "a car engine idling", "motor rumbling"], lambda r: engine(r, r.uniform(25, 45))),
    "motorcycle": (["motorcycle revving", "a motorbike engine", "fast motor"], lambda r: engine(r, r.uniform(80, 140))),
    "propeller": (
        ["propeller aeroplane flying", "an airplane drone"],
        lambda r: engine(r, r.uniform(55, 75)) + noise(r, 3, 100, 3000, 0.7),
    ),
    "ticking": (
        ["clock ticking", "the ticking of a clock", "tick tock"],
        lambda r: scatter(
            4, regular(r, 4, 0.5, 0), lambda i: noise(r, 0.03, 2000 + 900 * (i % 2), 7000) * decay(0.03, 0.004)
        ),
    ),
    "church bell": (["church bell", "a large bell tolling", "bell ringing"], lambda r: bell(r, 300)),
    "hand bell": (
        ["small bell", "a hand bell ringing", "bell ringing"],
        lambda r: scatter(3, regular(r, 3, 0.4), lambda _: bell(r, 1800, 0.8)),
    ),
    "rain": (["rain", "heavy rain falling", "rainfall"], lambda r: noise(r, 4, 400, 16000, 0.3)),
    "wind": (["wind", "the wind howling", "a storm blowing"], lambda r: swell(r, r.uniform(2, 4), 80, 900, 0.8)),
    "waves": (
        ["ocean waves", "waves breaking on a beach", "the sea"],
        lambda r: swell(r, r.uniform(3, 5), 100, 8000, 0.5),
    ),
    "stream": (
        ["water flowing", "a babbling brook", "running water"],
        lambda r: 0.5 * noise(r, 3, 500, 6000, 0.5) + drops(r),
    ),
    "drops": (["water dripping", "drops of water falling", "bubbles"], drops),
    "fire": (
        ["fire crackling", "a campfire", "burning wood"],
        lambda r: crackle(r, 25, 0.004) + 0.1 * noise(r, 3, 50, 800, 0.5),
    ),
    "static": (["radio static", "white noise", "hiss"], lambda r: noise(r, 3)),
    "rumble": (["low rumble", "a deep rumbling noise", "an earthquake"], lambda r: noise(r, 4, 20, 120)),
    "hum": (
        ["electric hum", "the hum of a transformer", "mains hum"],
        lambda r: tone(50 * r.choice([1, 1.2]), 3, (0.6, 1, 0.3, 0.5, 0.1, 0.3)),
    ),
    "thunder": (
        ["thunder", "a clap of thunder", "thunderstorm"],
        lambda r: blast(r, 4, 0.8, 1500, 0.9) + 0.4 * swell(r, 1.5, 20, 200, 0.5)[: 4 * RATE],
    ),
    "explosion": (["explosion", "a loud explosion", "a bomb going off"], lambda r: blast(r, 3, 0.4, 5000, 0.6)),
    "gunshot": (["gunshot", "a gun is fired", "pistol shot"], lambda r: blast(r, 1, 0.04, 16000, 0.2)),
    "machine gun": (
        ["machine gun", "automatic gunfire"],
        lambda r: scatter(2, regular(r, 1.6, 0.09, 0.005), lambda _: blast(r, 0.3, 0.03, 12000, 0.3)),
    ),
    "fireworks": (
        ["fireworks", "fireworks whistle and burst"],
        lambda r: np.concatenate(
            [
                0.3 * falling(r, 1500, 4000, 1.0),
                blast(r, 1.5, 0.15, 9000, 0.4) + 0.5 * crackle(r, 40, 0.003)[: int(1.5 * RATE)],
            ]
        ),
    ),
    "laser": (["laser gun", "a laser shot", "a science fiction zap"], lambda r: falling(r, 4000, 200, 0.4)),
    "jump": (
        ["jump in a video game", "a cartoon jump", "boing"],
        lambda r: tone(np.geomspace(250 * r.uniform(0.8, 1.3), 900, len(clock(0.3))), 0.3, (1, 0, 0.33, 0, 0.2)),
    ),
    "coin": (
        ["collecting a coin in a video game", "retro game bonus sound"],
        lambda r: np.concatenate([tone(988, 0.08, (1, 0, 0.3)), tone(1319, 0.5, (1, 0, 0.3)) * decay(0.5, 0.1)]),
    ),
    "whistle": (
        ["whistle", "a referee's whistle", "whistling"],
        lambda r: (
            tone(2800 * r.uniform(0.9, 1.1) + 80 * np.sign(np.sin(2 * np.pi * 30 * clock(1.2))), 1.2)
            + 0.1 * noise(r, 1.2, 2000, 5000)
        ),
    ),
    "steam": (["steam hissing", "a burst of steam", "air escaping"], lambda r: noise(r, 2, 3000) * decay(2, 0.7)),
    "train": (
        ["train", "a steam train chugging", "locomotive"],
        lambda r: scatter(
            4,
            regular(r, 4, r.uniform(0.25, 0.4)),
            lambda i: (1 if i % 4 == 0 else 0.6) * noise(r, 0.25, 200, 6000, 0.3) * np.hanning(int(0.25 * RATE)),
        ),
    ),
    "knock": (
        ["knocking on a door", "knock knock", "knocking on wood"],
        lambda r: scatter(2, regular(r, 1.2, 0.28), lambda _: noise(r, 0.15, 80, 700) * decay(0.15, 0.02)),
    ),
    "footsteps": (["footsteps", "a person walking", "steps on the floor"], footsteps),
    "heartbeat": (
        ["heartbeat", "a beating heart"],
        lambda r: scatter(
            4,
            [t + d for t in np.arange(0.1, 4, r.uniform(0.7, 1)) for d in (0, 0.25)],
            lambda i: noise(r, 0.15, 20, 90) * np.hanning(int(0.15 * RATE)),
        ),
    ),
    "applause": (
        ["applause", "a crowd clapping", "people applauding"],
        lambda r: scatter(
            4,
            sorted(r.uniform(0, 3.9, 500).tolist()),
            lambda _: r.uniform(0.1, 1) * noise(r, 0.02, 800, 4000) * decay(0.02, 0.005),
        ),
    ),
    "clap": (
        ["hand clap", "clapping hands", "a person clapping"],
        lambda r: scatter(
            3, regular(r, 2.8, r.uniform(0.35, 0.6)), lambda _: noise(r, 0.06, 700, 5000) * decay(0.06, 0.008)
        ),
    ),
    "typing": (
        ["typing on a keyboard", "keyboard clicks", "computer keyboard"],
        lambda r: scatter(
            3,
            sorted(r.uniform(0, 2.9, 22).tolist()),
            lambda _: r.uniform(0.4, 1) * noise(r, 0.03, 1500, 9000) * decay(0.03, 0.004),
        ),
    ),
    "songbird": (["bird singing", "birds chirping", "birdsong"], lambda r: chirps(r, 2500, 6000)),
    "crow": (["crow cawing", "the call of a crow", "a raven croaking"], caw),
    "cricket": (
        ["crickets chirping", "insects at night", "a cicada"],
        lambda r: (
            tone(r.uniform(3800, 5000), 3)
            * (np.sin(2 * np.pi * 28 * clock(3)) > 0)
            * (np.sin(2 * np.pi * 1.5 * clock(3)) > -0.3)
        ),
    ),
    "bee": (
        ["bee buzzing", "a fly or mosquito buzzing", "insect buzz"],
        lambda r: tone(
            r.uniform(180, 500) * (1 + 0.05 * np.sin(2 * np.pi * 1.3 * clock(3))), 3, (1, 0.8, 0.6, 0.5, 0.4, 0.3)
        ),
    ),
    "dog": (["dog barking", "the bark of a dog"], bark),
    "cat": (
        ["cat meowing", "the meow of a cat", "kitten"],
        lambda r: call(r, 600, (0.9, 1.4, 1.2, 0.8), 0.7, (1, 0.7, 0.6, 0.3)),
    ),
    "cow": (
        ["cow mooing", "the moo of a cow", "cattle"],
        lambda r: call(r, 140, (0.8, 1.1, 1.1, 0.9), 1.5, (1, 0.8, 0.7, 0.6, 0.4, 0.3)),
    ),
    "duck": (
        ["duck quacking", "the quack of a duck", "goose honking"],
        lambda r: scatter(
            2, [0.1, 0.5, 0.9], lambda _: call(r, 320, (1.1, 1, 0.9), 0.25, (0.3, 0.6, 1, 1, 0.8, 0.8, 0.5))
        ),
    ),
    "sheep": (
        ["sheep bleating", "a goat bleats", "lamb"],
        lambda r: (
            call(r, 380, (1, 1.05, 0.95), 0.9, (1, 0.9, 0.8, 0.5, 0.4)) * (1 + 0.6 * np.sin(2 * np.pi * 8 * clock(0.9)))
        ),
    ),
    "rooster": (
        ["rooster crowing", "cock-a-doodle-doo", "a cock crows"],
        lambda r: call(r, 650, (0.8, 1, 0.9, 1.5, 1.6, 1.3, 0.8), 1.6, (1, 0.9, 0.7, 0.4, 0.3)),
    ),
    "baby": (
        ["baby crying", "an infant cries"],
        lambda r: scatter(
            3, [0.1, 1.2, 2.2], lambda _: call(r, 430, (0.8, 1.2, 1.15, 0.9), 0.8, (1, 0.9, 0.8, 0.6, 0.4))
        ),
    ),
    "voice": (
        ["a person singing", "a human voice", "a voice singing a vowel"],
        lambda r: (
            call(r, r.uniform(120, 330), (1, 1.01, 1), 1.6, (1, 0.8, 0.5, 0.7, 0.3, 0.2, 0.25))
            * (1 + 0.1 * np.sin(2 * np.pi * 5.5 * clock(1.6)))
        ),
    ),
    "owl": (
        ["owl hooting", "the hoot of an owl"],
        lambda r: scatter(
            3, [0.1, 0.7, 0.95, 1.5], lambda _: tone(r.uniform(330, 380), 0.4, (1, 0.15)) * np.hanning(int(0.4 * RATE))
        ),
    ),
    "frog": (
        ["frog croaking", "the croak of a frog"],
        lambda r: scatter(
            3,
            regular(r, 2.8, 0.6),
            lambda _: (
                tone(r.uniform(90, 140), 0.3, (0.4, 0.6, 1, 0.8, 0.6, 0.9, 0.4))
                * (np.sin(2 * np.pi * 35 * clock(0.3)) > 0)
            ),
        ),
    ),
    "cuckoo": (
        ["cuckoo calling", "a cuckoo clock"],
        lambda r: scatter(
            3,
            [0.1, 1.4],
            lambda _: np.concatenate(
                [
                    tone(r.uniform(640, 680), 0.25) * np.hanning(int(0.25 * RATE)),
                    tone(530, 0.4) * np.hanning(int(0.4 * RATE)),
                ]
            ),
        ),
    ),
    "morse": (
        ["morse code", "telegraph beeps"],
        lambda r: scatter(
            3, np.cumsum(r.choice([0.12, 0.24], 14)).tolist(), lambda _: tone(700, r.choice([0.06, 0.16]))
        ),
    ),
    "error": (
        ["error buzzer", "wrong answer buzzer", "a buzzer"],
        lambda r: tone(r.uniform(100, 150), 0.8, tuple(1 / n for n in range(1, 16))),
    ),
    "saw": (
        ["sawing wood", "a hand saw cutting"],
        lambda r: scatter(
            3, regular(r, 2.8, 0.45), lambda i: noise(r, 0.35, 1000, 7000) * np.hanning(int(0.35 * RATE))
        ),
    ),
    "snore": (
        ["snoring", "a person snoring", "heavy breathing"],
        lambda r: scatter(
            5,
            [0.2, 2.6],
            lambda _: (
                noise(r, 1.4, 100, 1200, 0.4)
                * np.hanning(int(1.4 * RATE))
                * (0.5 + 0.5 * np.sin(2 * np.pi * 28 * clock(1.4)))
            ),
        ),
    ),
    "glass": (
        ["glass breaking", "a window shatters", "breaking glass"],
        lambda r: (
            scatter(
                1.5,
                sorted((r.random(30) ** 2 * 0.8).tolist()),
                lambda _: r.uniform(0.2, 1) * tone(r.uniform(3000, 9000), 0.25) * decay(0.25, 0.04),
            )
            + 0.6 * blast(r, 1.5, 0.05, 20000, 0)
        ),
    ),
}
