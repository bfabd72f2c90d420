"""Tunes out of music21's corpus, played from a soundfont, and a made-up voice that hums them; for ``humming.py``."""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from indexer.extract.audio import Sound
from indexer.pieces import MediaFormat

Texture = Literal["alone", "chords", "band", "chorale"]
FOLK: tuple[Texture, ...] = ("alone", "chords", "band")
TEXTURES: tuple[Texture, ...] = (*FOLK, "chorale")

MEDIA = MediaFormat()
RATE = MEDIA.sample_rate

CHORALES = 4 / 15
"""How many of the tunes are chorales."""

LEAST_NOTES, SAME_NOTES = 25, 8
LONGEST = 45.0
"""Seconds of a tune that are played."""

# Programs of General MIDI: what plays a melody, what accompanies it, what plays a chorale.
MELODY = (0, 11, 21, 24, 25, 26, 40, 52, 53, 56, 60, 64, 65, 66, 68, 71, 73, 74, 75)
CHORDS = (0, 4, 19, 24, 25, 32, 48)
CHOIR = (0, 19, 48, 52, 68)
BASS = 32
DRUM_CHANNEL, DRUM_BANK = 9, 128
BEATS = (36, 42, 38, 42)  # bass drum, hi-hat, snare, hi-hat

HUMAN = (50, 57)
"""The middle notes of those who hum, as MIDI counts them."""

FORMANTS = (300, 900, 2300)


class Note(NamedTuple):
    start: float
    length: float
    keys: tuple[int, ...]


class Voice(NamedTuple):
    """What one instrument plays, and how loud, 0 to 1."""

    program: int
    loudness: float
    notes: Sequence[Note]


@dataclass(frozen=True)
class Score:
    """A tune as it is written: its parts, the melody first, in quarter notes."""

    name: str
    texture: Texture
    parts: tuple[tuple[Note, ...], ...]


Written = tuple[str, tuple[tuple[Note, ...], ...]]
"""Name and parts of a tune."""


def scores(count: int, seed: int) -> list[Score]:
    """``count`` tunes of the corpus; of a seed as even or odd as another, some may be the same."""
    chorales = round(count * CHORALES)
    folk = _different(_folk_tunes(seed), count - chorales)
    written = [Score(name, FOLK[number % len(FOLK)], parts) for number, (name, parts) in enumerate(folk)]
    return written + [Score(name, "chorale", parts) for name, parts in _different(_chorales(seed), chorales)]


def _different(written: Iterator[Written], count: int) -> list[Written]:
    """The first ``count`` that are long enough and begin otherwise than those before."""
    by_beginning: dict[tuple[int, ...], Written] = {}
    for name, parts in written:
        if len(parts[0]) >= LEAST_NOTES and len(by_beginning) < count:
            keys = [max(note.keys) for note in parts[0][:SAME_NOTES]]
            by_beginning.setdefault(tuple(np.diff(keys).tolist()), (name, parts))
        if len(by_beginning) == count:
            break
    return list(by_beginning.values())


def _folk_tunes(seed: int) -> Iterator[Written]:
    from music21 import corpus

    paths = [path for path in sorted(corpus.getComposer("essenFolksong")) if not re.match("test|variant", path.name)]
    numbered = [
        (path, number)
        for path in paths
        for number in re.findall(r"^X: *(\d+)", path.read_text(errors="replace"), re.MULTILINE)
    ][seed % 2 :: 2]
    random.Random(seed).shuffle(numbered)
    for path, number in numbered:
        try:
            opened = corpus.parse(path, number=int(number))
        except Exception:  # some are written against the rules, which music21 says in many ways
            continue
        yield f"{path.stem} {number}", (_notes(opened),)


def _chorales(seed: int) -> Iterator[Written]:
    from music21 import corpus

    paths = [path for path in sorted(corpus.getComposer("bach")) if path.suffix in (".mxl", ".xml", ".krn")]
    paths = paths[seed % 2 :: 2]
    random.Random(seed).shuffle(paths)
    for path in paths:
        parts = corpus.parse(path).parts
        if len(parts) == 4:
            yield path.stem, tuple(_notes(part) for part in parts)


def _notes(written: Any) -> tuple[Note, ...]:
    return tuple(
        Note(float(note.offset), float(note.quarterLength), tuple(pitch.midi for pitch in note.pitches))
        for note in written.flatten().notes
        if note.quarterLength > 0 and note.pitches
    )


class Orchestra:
    """Plays notes with the instruments of a soundfont."""

    def __init__(self, soundfont: Path) -> None:
        import tinysoundfont  # type: ignore[import-untyped,import-not-found,unused-ignore]

        self._synth = tinysoundfont.Synth(samplerate=RATE)
        self._font = self._synth.sfload(str(soundfont))

    def play(self, voices: Sequence[Voice], drums: Sequence[Note] = ()) -> Sound:
        events: list[tuple[float, bool, int, int, float]] = []  # second, on or off, channel, key, loudness
        for channel, voice in enumerate(voices):
            self._synth.program_select(channel, self._font, 0, voice.program, False)
            for note in voice.notes:
                if note.start <= LONGEST:
                    for key in note.keys:
                        events.append((note.start, True, channel, key, voice.loudness))
                        events.append((note.start + 0.95 * note.length, False, channel, key, 0.0))
        self._synth.program_select(DRUM_CHANNEL, self._font, DRUM_BANK, 0, True)
        for note in drums:
            for key in note.keys:
                events.append((note.start, True, DRUM_CHANNEL, key, 0.55))
                events.append((note.start + note.length, False, DRUM_CHANNEL, key, 0.0))
        sounds: list[Sound] = []
        done = 0
        for second, on, channel, key, loudness in sorted(events):
            if round(second * RATE) > done:
                sounds.append(self._next(round(second * RATE) - done))
                done = round(second * RATE)
            if on:
                self._synth.noteon(channel, key, int(127 * loudness))
            else:
                self._synth.noteoff(channel, key)
        sounds.append(self._next(RATE // 2))
        self._synth.sounds_off()
        self._next(RATE // 5)
        return _at_peak(np.concatenate(sounds), 0.8)

    def _next(self, count: int) -> Sound:
        stereo = np.frombuffer(self._synth.generate(count), np.float32).reshape(-1, 2)
        mono: Sound = stereo.mean(axis=1, dtype=np.float32)
        return mono


def _at_peak(sound: NDArray[np.floating[Any]], peak: float) -> Sound:
    return (sound * (peak / max(float(np.abs(sound).max()), 1e-9))).astype(np.float32)


def arrange(
    score: Score, quarter: float, parts: Sequence[Sequence[Note]], r: Generator
) -> tuple[list[Voice], list[Note]]:
    """Who plays ``parts``, which are in seconds, and the drums beside them."""
    if score.texture == "chorale":
        program = int(r.choice(CHOIR))
        return [Voice(program, 0.65 if place else 0.8, part) for place, part in enumerate(parts)], []
    leading = Voice(int(r.choice(MELODY)), 0.85, parts[0])
    if score.texture == "alone":
        return [leading], []
    end = parts[0][-1].start
    chords, bass = [], []
    for start in np.arange(0, end, 2 * quarter).tolist():
        sounding = [note.keys[0] for note in parts[0] if note.start <= start + 1e-3 < note.start + note.length]
        root = (sounding or parts[0][0].keys)[0] - int(r.choice([0, 4, 7]))
        chords.append(Note(start, 2 * quarter, (root - 12, root - 12 + int(r.choice([3, 4])), root - 5)))
        bass.append(Note(start, 2 * quarter, (root - 24,)))
    voices = [leading, Voice(int(r.choice(CHORDS)), 0.55, chords), Voice(BASS, 0.6, bass)]
    if score.texture == "chords":
        return voices, []
    beats = np.arange(0, min(end, LONGEST), quarter / 2).tolist()
    return voices, [Note(start, 0.1, (BEATS[place % 4],)) for place, start in enumerate(beats)]


def hum(notes: Sequence[Note], r: Generator) -> tuple[Sound, float]:
    """Six to nine seconds of a melody, hummed, and the second at which they begin."""
    from sound_tools import voice  # type: ignore[import-not-found]

    latest = max(notes[0].start, min(LONGEST, notes[-1].start) - 10)
    begin = float(r.choice([note.start for note in notes if note.start <= latest]))
    until = begin + r.uniform(6, 9)
    chosen = [note for note in notes if begin <= note.start < until]
    pace = r.uniform(0.8, 1.25)
    shift = r.choice(HUMAN) + r.uniform(-3, 3) - np.median([max(note.keys) for note in chosen])
    count = int((chosen[-1].start + chosen[-1].length - begin) * pace * RATE)
    pitch, loud = np.full(count, max(chosen[0].keys) + shift), np.zeros(count)
    for note in chosen:
        start, end = (int((second - begin) * pace * RATE) for second in (note.start, note.start + note.length))
        pitch[start:] = max(note.keys) + shift + r.normal(0, 0.3)
        loud[start:end] = 1
        loud[max(start, end - int(0.04 * RATE)) : end] = 0.15
    pitch, loud = _smooth(pitch), _smooth(loud)
    pitch += r.uniform(-0.6, 0.6) * np.linspace(0, 1, count)
    pitch += 0.25 * np.sin(2 * np.pi * 5.3 * np.arange(count) / RATE + r.uniform(0, 6))
    hertz = (440 * 2 ** ((pitch - 69) / 12)).astype(np.float32)
    sung = _at_peak(voice(r, hertz, FORMANTS, 0.03)[:count] * loud, 0.5)
    noisy = sung + r.normal(0, 10 ** r.uniform(-3.2, -2.2), count)
    before, after = (np.zeros(int(r.uniform(0.1, most) * RATE)) for most in (0.8, 0.5))
    return np.concatenate([before, noisy, after]).astype(np.float32), begin


def _smooth(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """Glides of 70 ms."""
    width = int(0.07 * RATE)
    weights = np.hanning(width) / np.hanning(width).sum()
    return np.convolve(np.pad(curve, width, mode="edge"), weights, "same")[width:-width]


def rhythm(orchestra: Orchestra, r: Generator) -> Sound:
    """Some drums, one bar again and again."""
    step, steps = r.uniform(0.1, 0.25), int(r.choice([6, 8, 16]))
    drums = r.integers(35, 60, int(r.integers(2, 6))).tolist()
    bar = [tuple(drum for drum in drums if r.random() < 0.35) for _ in range(steps)]
    bar[0] = bar[0] or (drums[0],)
    beats = [Note(place * step, 0.1, bar[place % steps]) for place in range(int(r.uniform(6, 9) / step))]
    return orchestra.play((), [beat for beat in beats if beat.keys])


def hiss(r: Generator) -> Sound:
    """A noise: steady, in gusts, crackling or rattling."""
    from sound_tools import crackle, gusts, noise, rattle

    seconds, low = r.uniform(6, 9), 10 ** r.uniform(1.7, 3.5)
    high = low * 2 ** r.uniform(0.5, 4)
    made = (
        partial(noise, r, seconds, low, high, r.uniform(0, 1)),
        partial(gusts, r, seconds, low, high, r.uniform(0, 1)),
        partial(crackle, r, seconds, r.uniform(3, 60), low, high, r.uniform(0.004, 0.05)),
        partial(rattle, r, seconds, r.uniform(2, 12), low, high, r.uniform(0.004, 0.05)),
    )
    return _at_peak(made[int(r.integers(len(made)))](), 0.5)
