"""How often a hummed tune finds the recording it was taken from.

    pip install music21 tinysoundfont
    python -m benchmarks.humming --soundfont FILE [--tunes 150] [--seed 0] [--json FILE]

Folk tunes and four-part chorales out of music21's corpus are rendered from a soundfont: a folk tune alone, with chords,
or with a band (chords, bass, drums), a chorale as it is. Of each a voice made up hums six to nine seconds: at another
pitch and pace, out of tune, gliding from note to note, drifting, with vibrato and noise. Sounds are cut into windows
and their melodies extracted as the indexer does, and all are asked for every hum as a search does. ``--seed`` chooses
which tunes: seeds of which one is even and one odd have none in common, so that what was set on one is tested on the
other. Two of which the first notes are the same are taken for one tune.

Found: the recording is the first, or among the first 3 or 10, by its best window. Second: this window begins where the
hum was taken from, at most 3 seconds before it or half a second after. Close: the relevance of the right recording is
at least 0.9; false: that of another is. Noises and rhythms of drums, which are no tunes, are asked with, too.
"""

import argparse
import json
import os
import random
import re
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from engine.query.calibrate import background
from engine.query.candidates import BACKGROUND_SAMPLE
from engine.query.hummed import expected
from engine.query.tunes import Melodies, found, join, tune
from indexer.extract.audio import Sound, windows
from indexer.extract.melody import FRAMES_A_SECOND, VOICES, melody
from indexer.pieces import MediaFormat
from storage.records import PieceMelody
from storage.vectors import evenly

Texture = Literal["alone", "chords", "band", "chorale"]
FOLK: tuple[Texture, ...] = ("alone", "chords", "band")
TEXTURES: tuple[Texture, ...] = (*FOLK, "chorale")

MEDIA = MediaFormat()
RATE = MEDIA.sample_rate
RECIPE = Path(__file__).parents[1] / "recipes" / "mini"  # of which sound_tools is used

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
NO_TUNES = 60
CLOSE = 0.9


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

Windows = list[tuple[float, bytes]]
"""Windows of a sound: the second each begins, and its melody."""


@dataclass(frozen=True)
class Heard:
    """The melodies of the windows of a recording and of a hum, by their starts, and the second that is hummed first."""

    recording: Windows
    hum: Windows
    second: float


@dataclass(frozen=True)
class Answer:
    """What a hum found. ``rank``: of the right recording, none if the hum is no tune; ``other``: the relevance of the
    best of the others; ``mean``, ``deviation``, ``middle``: of unrelated windows' scores, the last as that of a
    logistic distribution with the same middle four fifths; ``expected``: the mean that is taken for granted."""

    texture: Texture
    rank: int | None
    at_second: bool = False
    relevance: float = 0.0
    other: float = 0.0
    mean: float = np.nan
    deviation: float = np.nan
    middle: float = np.nan
    expected: float = np.nan
    seconds: float = np.nan


@dataclass(frozen=True)
class Row:
    """Of a texture: how many tunes, and percentages of them."""

    texture: str
    tunes: int
    first: float
    within_3: float
    within_10: float
    second: float
    close: float
    false: float

    @classmethod
    def of(cls, texture: str, answers: Sequence[Answer]) -> "Row":
        ranks = np.array([np.inf if each.rank is None else each.rank for each in answers])
        kinds = (
            *(ranks <= most for most in (1, 3, 10)),
            np.array([each.at_second for each in answers]),
            np.array([each.relevance >= CLOSE for each in answers]),
            np.array([each.other >= CLOSE for each in answers]),
        )
        return cls(texture, len(answers), *(round(100 * float(kind.mean()), 1) for kind in kinds))


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


def melodies_of(sound: Sound) -> Windows:
    """(second, melody) of the windows of a sound."""
    return [(offset / RATE, melody(each, RATE).tobytes()) for offset, each in windows(iter([sound]), MEDIA)]


_orchestra: Orchestra


def _begin(soundfont: Path) -> None:
    """What a process of the pool does first."""
    global _orchestra
    sys.path.append(str(RECIPE))
    _orchestra = Orchestra(soundfont)


def _heard(seed: int, number: int, score: Score) -> Heard:
    r = np.random.default_rng((seed, number))
    quarter = r.uniform(0.38, 0.62) if score.texture == "chorale" else r.uniform(0.4, 0.6)
    parts = [[Note(note.start * quarter, note.length * quarter, note.keys) for note in part] for part in score.parts]
    recording = _orchestra.play(*arrange(score, quarter, parts, r))
    hummed, second = hum(parts[0], r)
    return Heard(melodies_of(recording), melodies_of(hummed), second)


def _no_tune(seed: int, number: int) -> Windows:
    r = np.random.default_rng((seed, 1_000_000 + number))
    return melodies_of(rhythm(_orchestra, r) if number % 2 else hiss(r))


def joined(sounds: Sequence[Windows]) -> Melodies:
    owned = [(source, start, codes) for source, each in enumerate(sounds) for start, codes in each]
    return join(PieceMelody(number, *row) for number, row in enumerate(owned))


def relevances(scored: NDArray[np.float32], line: NDArray[np.float64]) -> NDArray[np.float64]:
    """What scores of all windows mean, as a search says it."""
    sample = scored[evenly(np.arange(len(scored)), BACKGROUND_SAMPLE)]
    return background(expected(line), sample).relevance(scored.astype(np.float64), len(scored))


@dataclass(frozen=True)
class Library:
    """All recordings: their melodies, and of each window which recording it is of and the second it begins."""

    melodies: Melodies
    owners: NDArray[np.int64]
    starts: NDArray[np.float64]
    seconds: float

    @classmethod
    def of(cls, sounds: Sequence[Windows]) -> "Library":
        owners = np.repeat(np.arange(len(sounds)), [len(each) for each in sounds])
        starts = np.array([start for each in sounds for start, _ in each])
        last = [start + len(codes) / (VOICES * FRAMES_A_SECOND) for start, codes in (each[-1] for each in sounds)]
        return cls(joined(sounds), owners, starts, sum(last))


def line_of(hummed: Windows) -> NDArray[np.float64] | None:
    return tune(joined([hummed]).codes)


def ask(library: Library, own: int, texture: Texture, heard: Heard) -> Answer:
    """Ask for what was hummed of recording ``own``."""
    line = line_of(heard.hum)
    if line is None:
        return Answer(texture, None)
    began = time.perf_counter()
    scored = found(library.melodies, line)
    took = time.perf_counter() - began
    relevance = relevances(scored, line)
    of_recordings = np.unique(library.owners, return_index=True)[1]
    best, close = (np.maximum.reduceat(each, of_recordings) for each in (scored, relevance))
    its = np.flatnonzero(library.owners == own)
    after = heard.second - library.starts[its[scored[its].argmax()]]
    unrelated = np.sort(scored[library.owners != own].astype(np.float64))
    tenth = len(unrelated) // 10
    return Answer(
        texture,
        rank=1 + int((best > best[own]).sum()),
        at_second=bool(-0.5 <= after <= 3),
        relevance=float(close[own]),
        other=float(np.delete(close, own).max()),
        mean=float(unrelated.mean()),
        deviation=float(unrelated.std()),
        middle=float(unrelated[tenth:-tenth].std() / 0.606),
        expected=expected(line).mean,
        seconds=took,
    )


class NoTunes(NamedTuple):
    """Sounds that are no tunes: how many are asked with, are taken for tunes, and find something close."""

    asked: int
    taken: int
    close: int


@dataclass(frozen=True)
class Figures:
    """``milliseconds``: of a question to an hour of sound; ``unrelated``: mean and deviation, over the questions, of
    what ``Answer`` tells of unrelated windows."""

    rows: list[Row]
    no_tunes: dict[str, NoTunes]
    hours: float
    windows: int
    milliseconds: float
    unrelated: dict[str, tuple[float, float]]


def measure(soundfont: Path, count: int, seed: int) -> Figures:
    chosen = scores(count, seed)
    with ProcessPoolExecutor(os.cpu_count(), initializer=_begin, initargs=(soundfont,)) as pool:
        heard = list(pool.map(partial(_heard, seed), range(len(chosen)), chosen))
        others = list(pool.map(partial(_no_tune, seed), range(NO_TUNES)))
    library = Library.of([each.recording for each in heard])
    expected(np.arange(30.0))  # what all questions share is made once
    answers = [ask(library, own, chosen[own].texture, each) for own, each in enumerate(heard)]
    rows = [Row.of(each, [answer for answer in answers if answer.texture == each]) for each in TEXTURES]
    hours = library.seconds / 3600
    told = {
        name: np.array([getattr(answer, name) for answer in answers if answer.rank is not None])
        for name in ("mean", "deviation", "middle", "expected", "seconds")
    }
    return Figures(
        [*rows, Row.of("all", answers)],
        {"noises": no_tunes(library, others[::2]), "drums": no_tunes(library, others[1::2])},
        round(hours, 2),
        len(library.starts),
        round(1000 * float(np.median(told.pop("seconds"))) / hours, 1),
        {name: (round(float(each.mean()), 4), round(float(each.std()), 4)) for name, each in told.items()},
    )


def no_tunes(library: Library, sounds: Sequence[Windows]) -> NoTunes:
    lines = [line for line in map(line_of, sounds) if line is not None]
    close = [bool(relevances(found(library.melodies, line), line).max() >= CLOSE) for line in lines]
    return NoTunes(len(sounds), len(lines), sum(close))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--soundfont", type=Path, required=True, help="an SF2 or SF3 file of General MIDI")
    parser.add_argument("--tunes", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the figures into this file, too")
    arguments = parser.parse_args()
    figures = measure(arguments.soundfont, arguments.tunes, arguments.seed)
    print("".join(f"{each.name.replace('_', ' '):>10}" for each in fields(Row)))
    for row in figures.rows:
        print(
            f"{row.texture:>10}{row.tunes:10}" + "".join(f"{value:9.0f}%" for value in list(asdict(row).values())[2:])
        )
    print(f"{figures.hours} hours of sound, {figures.windows} windows")
    for name, each in figures.no_tunes.items():
        print(f"{each.asked} {name}: {each.taken} are taken for a tune, {each.close} find something close")
    print(f"a question: {figures.milliseconds} ms for an hour of sound, on {os.cpu_count()} processors")
    for name, (mean, deviation) in figures.unrelated.items():
        print(f"unrelated windows, {name}: {mean:.3f} +- {deviation:.3f}")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(asdict(figures), indent=1) + "\n")


if __name__ == "__main__":
    main()
