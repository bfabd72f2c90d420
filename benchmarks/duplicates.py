"""How many copies `duplicates` finds, and what it takes for copies that is none.

    python -m benchmarks.duplicates --half 1 [--pictures FOLDER]... [--sounds FOLDER]... [--pages FOLDER]...

Copies of real files are made (tests/copies.py), indexed with the bundled model and grouped. The files fall into two
halves by their names: thresholds are chosen on half 0 (``--sweep`` shows several), figures are reported on half 1.
Beside the copies stand files that only look or sound alike: other files of the same folders, black frames, silence,
blank pages, forms filled in otherwise, scans of other letters, other films of the same picture.
Recall: of the copies of each sort, how many are in the group of their original. Precision: of all pairs of files in one
group, how many are copies of one original.
"""

import argparse
import hashlib
import itertools
import random
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from engine import SearchEngine
from engine.duplicates import candidates, compare, sounds
from engine.settings import Settings
from tests import copies
from tests.sample_media import RATE, SAMPLES, Scene, Sound, write_pdf, write_sound, write_video

WORDS = "the harbour letter of morning a boat received with regards from weather against seven paper window silver"
PROSE = ("pages/field-guide", "pages/music-room", "pages/observatory", "pages/coast", "pages/high-street")
LONGEST_SOUND = 60
LEAST_SIDE, MOST_PIXELS = 200, 20e6


def chosen(
    folders: list[Path], patterns: str, half: int, count: int, fits: Callable[[Path], bool] = lambda path: True
) -> list[Path]:
    """A random choice (the same every time) of ``count`` files of a half that fit."""
    found = sorted(path for folder in folders for pattern in patterns.split() for path in folder.rglob(pattern))
    own = [path for path in found if hashlib.sha256(path.name.encode()).digest()[0] % 2 == half]
    random.Random(half).shuffle(own)
    return list(itertools.islice(filter(fits, own), count))


def is_photograph_sized(path: Path) -> bool:
    with Image.open(path) as opened:
        return min(opened.size) >= LEAST_SIDE and opened.width * opened.height < MOST_PIXELS


def write_pictures(folder: Path, sources: list[Path], half: int) -> None:
    for number, path in enumerate(sources):
        with Image.open(path) as opened:
            drawn = opened.convert("RGBA")
        picture = Image.new("RGBA", drawn.size, "white")
        picture.alpha_composite(drawn)
        stem = f"picture{number}"
        picture.convert("RGB").save(folder / f"{stem}=original.png")
        for how in copies.PICTURE_COPIES:
            copies.copy_picture(picture.convert("RGB"), how, folder, f"{stem}=")
    noise = np.random.default_rng(half)
    for number in range(6):
        dark = noise.integers(0, 2 + number, (200, 300, 3), dtype=np.uint8)
        Image.fromarray(dark).save(folder / f"black{number}=alone.png")
        copies.letter_scan(WORDS.split(), 10 * half + number).save(folder / f"scan{number}=original.png")
        copies.copy_picture(copies.letter_scan(WORDS.split(), 10 * half + number), "q50", folder, f"scan{number}=")


def write_sounds(folder: Path, sources: list[Path]) -> list[Sound]:
    heard = []
    for number, path in enumerate(sources):
        sound = copies.read_sound(path)[: LONGEST_SOUND * RATE]
        if len(sound) < RATE // 4 or np.abs(sound).max() < 0.01:
            continue
        heard.append(sound)
        write_sound(folder / f"sound{number}=original.flac", sound)
        for how in copies.SOUND_COPIES:
            copies.copy_sound(sound, how, folder, f"sound{number}=")
    for seconds in range(1, 6):
        write_sound(folder / f"silence{seconds}=alone.wav", np.zeros(seconds * RATE, np.float32))
    return heard


def write_films(folder: Path, heard: list[Sound], half: int, count: int) -> None:
    names = sorted(path.stem for path in (SAMPLES / "pictures").glob("*.png"))[half::2]
    for number in range(min(count, len(names) // 2)):
        scenes = [Scene("", name) for name in names[2 * number : 2 * number + 2]]
        if number % 2 and heard:
            scenes[0] = Scene("", scenes[0].picture, heard[number % len(heard)][: 4 * RATE])
        write_video(folder / f"film{number}=original.mp4", tuple(scenes), seed=number)
        for how in copies.FILM_COPIES:
            copies.copy_film(folder / f"film{number}=original.mp4", how, folder)
        if number < 4:  # the same things filmed once more, by another camera
            write_video(folder / f"again{number}=original.mp4", tuple(scenes), seed=500 + number)
    for number in range(4):
        black = [Image.fromarray(np.full((120, 160, 3), number + step % 2, np.uint8)) for step in range(6)]
        black[0].save(folder / f"dark{number}=alone.gif", save_all=True, append_images=black[1:], duration=500)


def write_documents(folder: Path, sources: list[Path], half: int) -> None:
    for number, name in enumerate(PROSE[half::2]):
        path = folder / f"book{number}=original.pdf"
        write_pdf(path, name)
        for how in copies.PAGE_COPIES:
            copies.copy_pages(path, how, folder)
    for number, source in enumerate(sources):
        path = folder / f"page{number}=original.pdf"
        path.write_bytes(source.read_bytes())
        for how in copies.PAGE_COPIES[:1]:
            copies.copy_pages(path, how, folder)
    for number in range(6):
        copies.write_invoice(folder / f"invoice{number}=original.pdf", "A. Miller, Harbour Street", f"1{number}0.50")
        copies.write_blank_pages(folder / f"blank{number}=alone.pdf", 1 + number % 2, f"{half} {number}")


def sort_of(path: str) -> tuple[str, str]:
    """Which original a file comes from, and how it was made."""
    stem, _, how = Path(path).stem.partition("=")
    return stem, how.lstrip("-").removeprefix("original-") or "original"


def evaluate(engine: SearchEngine, folder: Path) -> None:
    began = time.perf_counter()
    found = engine.duplicates()
    took = time.perf_counter() - began
    group_of = {Path(each.path).name: number for number, group in enumerate(found.groups) for each in group.members}
    hit: dict[str, Counter[bool]] = defaultdict(Counter)
    for path in sorted(folder.iterdir()):
        stem, how = sort_of(path.name)
        originals = list(folder.glob(f"{stem}=original.*"))
        if how in ("original", "alone") or not originals:
            continue
        group = group_of.get(path.name)
        hit[f"{path_kind(path)} {how}"][group is not None and group == group_of.get(originals[0].name)] += 1
    right: Counter[str] = Counter()
    pairs: Counter[str] = Counter()
    wrong = []
    for group in found.groups:
        for one, other in itertools.combinations(group.members, 2):
            pairs[group.kind] += 1
            same = sort_of(one.path)[0] == sort_of(other.path)[0]
            right[group.kind] += same
            if not same:
                wrong.append(f"{Path(one.path).name} {Path(other.path).name}")
    for name, counts in hit.items():
        print(f"| {name} | {counts[True]} of {counts.total()} |")
    for kind in pairs:
        of = [name for name in hit if name.startswith(kind)]
        recall = sum(hit[name][True] for name in of) / sum(hit[name].total() for name in of)
        print(f"| **{kind}** | recall {recall:.3f}, precision {right[kind] / pairs[kind]:.3f} of {pairs[kind]} pairs |")
    print(f"took {took:.1f} s; wrong: {len(wrong)}; failed: {len(found.failures)}")
    for each in wrong[:20]:
        print("  ", each)


def path_kind(path: Path) -> str:
    name = path.name
    if name.startswith(("picture", "scan", "black")):
        return "image"
    if name.startswith(("film", "again", "dark")):
        return "video"
    return "audio" if name.startswith(("sound", "silence")) else "document"


def sweeps() -> Iterator[str]:
    """Sets the thresholds to several values in turn and says which."""
    for most, few, cosine in ((0.3, 0.5, 0.4), (0.35, 1.1, 0.4), (0.4, 1.5, 0.4), (0.35, 1.1, 0.6), (0.35, 1.1, 0.8)):
        compare.MOST_DIFFERENCE.update(image=most, document=most, video=most)
        sounds.FEW_FRAMES = few
        candidates.LEAST_COSINE = cosine
        yield f"difference {most}, frames {few}, cosine {cosine}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", type=int, choices=(0, 1), default=1)
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--sweep", action="store_true")
    parser.add_argument("--pictures", type=Path, action="append", default=[SAMPLES / "pictures"])
    parser.add_argument("--sounds", type=Path, action="append", default=[SAMPLES / "sounds"])
    parser.add_argument("--pages", type=Path, action="append", default=[])
    parser.add_argument("--work", type=Path, help="keep the files and the library in this folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        folder = work / "files"
        with SearchEngine.open(work / "data", Settings()) as engine:
            if not folder.exists():
                folder.mkdir(parents=True)
                half, count = options.half, options.count
                write_pictures(folder, chosen(options.pictures, "*.png *.jpg", half, count, is_photograph_sized), half)
                heard = write_sounds(folder, chosen(options.sounds, "*.flac *.ogg *.wav *.mp3", half, count))
                write_films(folder, heard, half, count // 2)
                write_documents(folder, chosen(options.pages, "*.pdf", half, count), half)
                print(f"{len(list(folder.iterdir()))} files")
                began = time.perf_counter()
                summary = engine.index(folder)
                print(f"indexed in {time.perf_counter() - began:.0f} s, {len(summary.failed)} failed")
            for setting in sweeps() if options.sweep else ("as shipped",):
                print(f"\n{setting}")
                evaluate(engine, folder)


if __name__ == "__main__":
    main()
