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
at least 0.9; false: that of another is. ``--more`` makes the library longer by sounds that nobody hums, the recordings
backwards at other pitches and paces. Noises and rhythms of drums, which are no tunes, are asked with, too.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.rendered_tunes import (
    RATE,
    TEXTURES,
    Note,
    Orchestra,
    Score,
    Texture,
    arrange,
    hiss,
    hum,
    rhythm,
    scores,
)
from engine.query.calibrate import background
from engine.query.candidates import BACKGROUND_SAMPLE
from engine.query.hummed import expected
from engine.query.tunes import Melodies, found, join, tune
from indexer.extract.audio import Sound, windows
from indexer.extract.melody import FRAMES_A_SECOND, HIGHEST, LOWEST, STEPS, VOICES, melody
from indexer.pieces import MediaFormat
from storage.records import PieceMelody
from storage.vectors import evenly

MEDIA = MediaFormat()
RECIPE = Path(__file__).parents[1] / "recipes" / "mini"  # of which sound_tools is used
NO_TUNES = 60
CLOSE = 0.9


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


def altered(recording: Windows, r: np.random.Generator) -> Windows:
    """The melodies of another sound that nobody hums: a recording backwards, at another pitch and pace."""
    moved, pace = STEPS * int(r.integers(-12, 13)), r.uniform(0.7, 1.4)
    found = []
    for (start, _), (_, codes) in zip(recording, reversed(recording), strict=True):
        pitches = np.frombuffer(codes, np.uint8).reshape(-1, VOICES)[::-1].astype(np.int64)
        there = (np.arange(len(pitches)) * pace).astype(np.int64) % max(len(pitches), 1)
        pitches = np.where(pitches > 0, np.clip(pitches + moved, 1, STEPS * (HIGHEST - LOWEST) + 1), 0)[there]
        found.append((start, pitches.astype(np.uint8).tobytes()))
    return found


def measure(soundfont: Path, count: int, seed: int, more: int = 0) -> Figures:
    chosen = scores(count, seed)
    with ProcessPoolExecutor(os.cpu_count(), initializer=_begin, initargs=(soundfont,)) as pool:
        heard = list(pool.map(partial(_heard, seed), range(len(chosen)), chosen))
        others = list(pool.map(partial(_no_tune, seed), range(NO_TUNES)))
    recordings, r = [each.recording for each in heard], np.random.default_rng((seed, 2_000_000))
    library = Library.of(recordings + [altered(each, r) for _ in range(more) for each in recordings])
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
    parser.add_argument(
        "--more", type=int, default=0, help="so many times the recordings again, altered: not asked for"
    )
    parser.add_argument("--json", type=Path, help="write the figures into this file, too")
    arguments = parser.parse_args()
    figures = measure(arguments.soundfont, arguments.tunes, arguments.seed, arguments.more)
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
