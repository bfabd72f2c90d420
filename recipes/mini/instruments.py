"""General MIDI instruments and drums, played from two soundfonts in many manners."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tinysoundfont
from numpy.random import Generator
from numpy.typing import NDArray
from waves import RATE, write_wave

LIST = Path(__file__).parent / "midi_names.tsv"
DRUM_BANK = 128
KITS = {0: "", 8: "", 16: "powerful ", 24: "electronic ", 25: "808 ", 32: "", 40: "brushed "}
ONE_KIT = frozenset({39, 52, 54, 55, 56, 58, *range(60, 82)})  # the same sample in every kit
Notes = list[tuple[float, int, float, float]]  # start, key, length, loudness; seconds and 0 to 1


@dataclass(frozen=True)
class Font:
    """A soundfont of a package, and the manners of playing that are taken from it."""

    name: str
    file: str
    manners: tuple[str, ...]
    kits: tuple[int, ...]


FONTS = (
    Font(
        "fluid",
        "fluid-soundfont-gm/usr/share/sounds/sf2/FluidR3_GM.sf2",
        ("low", "high", "melody", "chord", "repeated", "scale"),
        (0, 16, 24, 25, 32, 40),
    ),
    Font(
        "musescore",
        "musescore-general-soundfont/usr/share/sounds/sf3/MuseScore_General_Full.sf3",
        ("middle", "staccato", "arpeggio", "tune", "fast", "soft"),
        (0, 8, 24, 32),
    ),
)
MANNERS = {  # what the manner adds to an instrument's captions
    "low": ("a single low {} note", "{}, one deep note"),
    "high": ("a single high {} note", "{}, one high note"),
    "middle": ("one sustained {} note", "{}, a long note"),
    "soft": ("a soft quiet {} note", "{} played gently"),
    "melody": ("a melody on the {}", "{} playing a simple tune", "slow {} melody"),
    "tune": ("{} playing a lively tune", "a cheerful {} melody"),
    "chord": ("a chord on the {}", "{}, several notes at once"),
    "arpeggio": ("{} arpeggio", "broken chord on the {}", "rising and falling {} notes"),
    "scale": ("{} playing a scale", "rising {} notes"),
    "repeated": ("repeated {} notes", "the same {} note again and again"),
    "staccato": ("short staccato {} notes", "{}, short separate notes"),
    "fast": ("fast {} notes", "a quick run on the {}"),
    "hit": ("one {} hit", "a single {} stroke", "{} played once"),
    "light": ("two soft {} strokes", "{}, light quiet taps"),
    "rhythm": ("{} rhythm", "a steady {} beat"),
    "roll": ("{} roll", "many fast {} strokes"),
}
DRUM_MANNERS = ("hit", "light", "rhythm", "roll")
QUIET = ("light", "soft")


def clips(cache: Path) -> Iterator[tuple[Path, str, list[str]]]:
    """File, instrument and manner captions of every clip; renders what is not in ``cache``/instruments yet."""
    rows = [line.split("\t") for line in LIST.read_text().splitlines()[1:]]
    synth = tinysoundfont.Synth(samplerate=RATE)
    for font in FONTS:
        loaded: list[int] = []
        for kind, number, name, family, middle in rows:
            for preset, manner, spoken in settings(font, kind, int(number), name, family):
                file = cache / "instruments" / f"{font.name}-{kind}-{number}-{preset}-{manner}.wav"
                if not file.exists():
                    loaded = loaded or [synth.sfload(str(cache / "data" / font.file))]
                    random = np.random.default_rng(seed(file.stem))
                    bank = DRUM_BANK if kind == "drum" else 0
                    synth.program_select(0, loaded[0], bank, preset, bank == DRUM_BANK)
                    if kind == "drum":
                        sound = render(synth, drum_notes(manner, int(number), random))
                    else:
                        sound = render(synth, notes(manner, int(middle), random))
                    write_wave(file, sound, RATE, peak=0.3 if manner in QUIET else 0.9)
                plain = name == spoken
                told = [text.format(spoken) for text in MANNERS[manner]] if family != "sound effect" else []
                yield file, name, told if plain else [spoken, *told]


def settings(font: Font, kind: str, number: int, name: str, family: str) -> Iterator[tuple[int, str, str]]:
    """Preset, manner, and the name as this kit has it."""
    if kind == "drum":
        for kit in font.kits[:1] if number in ONE_KIT else font.kits:
            for manner in DRUM_MANNERS:
                yield kit, manner, f"{KITS[kit]}{name}"
    else:
        chosen = (
            font.manners if family != "sound effect" else [m for m in font.manners if m in ("low", "middle", "soft")]
        )
        for manner in chosen:
            yield number, manner, name


def notes(manner: str, middle: int, random: Generator) -> Notes:
    """The notes of a manner around the middle of an instrument's range."""
    key = middle + int(random.integers(-3, 4))
    pace = float(random.uniform(0.8, 1.25))
    loud = float(random.uniform(0.65, 1))
    third = int(random.choice([3, 4]))
    steps = (0, 2, third, 5, 7, 9, 11, 12)
    if manner in ("low", "high", "middle", "soft"):
        shift, length = {"low": (-11, 1.8), "high": (12, 1.1), "middle": (0, 2.2), "soft": (3, 1.6)}[manner]
        return [(0.0, key + shift, length, 0.3 if manner == "soft" else loud)]
    if manner == "chord":
        return [(0.0, key + step, 1.9, loud) for step in (0, third, 7, 12)[: int(random.integers(3, 5))]]
    if manner == "repeated":
        return [(0.22 * pace * n, key, 0.18 * pace, loud) for n in range(9)]
    if manner == "scale":
        return [(0.24 * pace * n, key + step, 0.22 * pace, loud) for n, step in enumerate(steps)]
    if manner == "arpeggio":
        order = (0, third, 7, 12, 7, third, 0)
        return [(0.27 * pace * n, key + step, 0.5, loud) for n, step in enumerate(order)]
    if manner == "staccato":
        return [(0.36 * pace * n, key + steps[int(random.integers(8))], 0.07, loud) for n in range(6)]
    if manner == "fast":
        return [(0.1 * n, key + steps[abs(7 - n % 14)], 0.09, loud) for n in range(20)]
    length, place, now, tune = (0.45, 3, 0.0, [])  # melody and tune: a walk along the scale
    beats = (1.0, 1.0, 1.0, 2.0) if manner == "melody" else (0.5, 0.5, 1.0, 0.5, 0.5, 0.5)
    for n in range(6 if manner == "melody" else 10):
        held = length * pace * beats[n % len(beats)] * (1 if manner == "melody" else 0.8)
        tune.append((now, key + steps[place], held * 0.95, loud))
        now += held
        place = int(np.clip(place + random.choice([-2, -1, 1, 1, 2]), 0, 7))
    return tune


def drum_notes(manner: str, key: int, random: Generator) -> Notes:
    if manner == "hit":
        return [(0.0, key, 0.8, float(random.uniform(0.85, 1)))]
    if manner == "light":
        gap = float(random.uniform(0.25, 0.6))
        return [(0.0, key, 0.6, 0.3), (gap, key, 0.6, 0.35)]
    beat = float(random.uniform(0.2, 0.3))
    if manner == "rhythm":
        pattern = [(0, 3, 4, 8, 10, 12), (0, 4, 6, 8, 12, 14), (0, 2, 4, 6, 8, 12)][int(random.integers(3))]
        return [(beat * place / 2, key, 0.15, float(random.uniform(0.6, 1))) for place in pattern]
    return [(beat * n / 3.2, key, 0.06, 0.45 + 0.03 * n) for n in range(16)]


def render(synth: tinysoundfont.Synth, notes: Notes) -> NDArray[np.float32]:
    """The notes as mono sound, with most of a second to fade."""
    events = sorted(
        [(start, 1, key, loud) for start, key, _, loud in notes] + [(s + n, 0, key, 0.0) for s, key, n, _ in notes]
    )
    pieces: list[NDArray[np.float32]] = []
    done = 0
    for time, on, key, loud in events:
        if round(time * RATE) > done:
            pieces.append(generate(synth, round(time * RATE) - done))
            done = round(time * RATE)
        if on:
            synth.noteon(0, key, int(127 * loud))
        else:
            synth.noteoff(0, key)
    pieces.append(generate(synth, int(0.7 * RATE)))
    synth.sounds_off()
    synth.generate(RATE // 10)
    return np.concatenate(pieces)


def generate(synth: tinysoundfont.Synth, count: int) -> NDArray[np.float32]:
    """The next ``count`` samples as mono; the synthesiser hands out the bytes of stereo float32."""
    stereo = np.frombuffer(synth.generate(count), np.float32).reshape(-1, 2)
    mono: NDArray[np.float32] = stereo.mean(axis=1, dtype=np.float32)
    return mono


def seed(name: str) -> int:
    """The same number for a name wherever it is computed."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little")
