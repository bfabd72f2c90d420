"""Named sounds: recordings from packages, rendered instruments, spoken sentences, computed everyday sounds.

What a sound is of stands in ``sound_names.tsv`` (source, licence, pattern of the path, concept, a caption of its own),
how a concept is put into words in ``sound_captions.tsv``; both are written by hand.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import instruments
import numpy as np
import sound_archives
import speech
import synthesis
from waves import RATE, write_wave

HERE = Path(__file__).parent
PERMISSIVE = {"CC0-1.0", "public domain", "MIT", "BSD-3-Clause", "Apache-2.0", "CC-BY-3.0", "CC-BY-4.0"}
VARIANTS = 8  # of each computed sound


@dataclass(frozen=True)
class Source:
    """Where the files of a package lie, below the cache; archives are unpacked first."""

    folder: str
    package: str = ""
    unpack: Callable[[Path, Path], None] | None = None


SOURCES = {
    "sonic-pi": Source("data/sonic-pi-samples/usr/share/sonic-pi/samples"),
    "supersonic": Source("data/supersonic-scsynth-samples/package/samples"),
    "freedoom": Source("unpacked/freedoom", "freedoom", sound_archives.wad),
    "ion-sound": Source("data/ion-sound/package/sounds"),
    "openclonk": Source("unpacked/openclonk", "openclonk-data", sound_archives.groups),
    "supertuxkart": Source("data/supertuxkart-data/usr/share/games/supertuxkart/data"),
    "gcompris": Source("unpacked/gcompris", "gcompris-qt-data", sound_archives.resources),
    "minetest": Source("data/minetest-data/usr/share/games/minetest/games/minetest_game/mods"),
    "minetest-mobs": Source("data/minetest-mod-mobs-redo/usr/share/games/minetest/mods/mobs_redo/sounds"),
    "minetest-homedecor": Source("data/minetest-mod-homedecor/usr/share/games/minetest/mods/homedecor"),
    "endless-sky": Source("data/endless-sky-data/usr/share/games/endless-sky/sounds"),
    "arcade": Source("data/arcade/arcade/resources/assets/sounds"),
    "hydrogen": Source("data/hydrogen-drumkits/usr/share/hydrogen/data/drumkits"),
    "keyboardsounds": Source("data/keyboardsounds/keyboardsounds/profiles"),
    "scratch": Source("data/scratch/usr/share/scratch/Media/Sounds"),
    "wesnoth": Source("data/wesnoth-1.16-data/usr/share/games/wesnoth/1.16/data/core/sounds"),
}
# An .ogg and a .wav, or a .flac and an .aiff, of one name are the same sound: the first suffix counts.
SUFFIXES = (".flac", ".wav", ".ogg", ".mp3")


def entries(cache: Path, held_out: list[str]) -> Iterator[dict[str, Any]]:
    """All sounds, captions best first; "excluded" are those of the sample library, "evaluation" those not free enough.

    ``held_out`` are the origins of the sample library's files.
    """
    seen: set[bytes] = set()  # the same bytes under another name, as drum kits share samples, count once
    for entry in all_entries(cache, held_out):
        digest = hashlib.sha256(Path(entry["file"]).read_bytes()).digest()
        if digest not in seen:
            seen.add(digest)
            yield entry


def all_entries(cache: Path, held_out: list[str]) -> Iterator[dict[str, Any]]:
    words = read_captions()
    originals = {Path(name).stem for name in held_out}
    for source, licence, file, concept, own in recordings(cache):
        entry = sound_entry(file, concept, [*words[concept], *own], licence, source)
        if source in ("sonic-pi", "supersonic") and file.stem in originals:
            entry["split"] = "excluded"
        elif licence not in PERMISSIVE:
            entry["split"] = "evaluation"
        yield entry
    for file, concept, own in instruments.clips(cache):
        yield sound_entry(file, concept, [*words[concept], *own], "MIT", file.stem.split("-")[0] + " soundfont")
    for file, concept, own in speech.clips(cache):
        yield sound_entry(file, concept, [*words[concept], *own], "BSD-like", "flite")
    for file, concept in computed(cache):
        yield sound_entry(file, concept, words[concept], "AGPL-3.0-or-later", "synthetic")


def sound_entry(file: Path, concept: str, texts: list[str], licence: str, source: str) -> dict[str, Any]:
    return {
        "modality": "audio", "file": str(file), "texts": list(dict.fromkeys(texts)), "concept": concept,
        "licence": licence, "source": source,
    }  # fmt: skip


def read_captions() -> dict[str, list[str]]:
    """Captions of each concept; the concept's own name is the first."""
    lines = (HERE / "sound_captions.tsv").read_text().splitlines()[1:]
    return {concept: [concept, *texts.split("|")] for concept, texts in (line.split("\t") for line in lines)}


def recordings(cache: Path) -> Iterator[tuple[str, str, Path, str, list[str]]]:
    """Source, licence, file, concept and captions of its own, of each file that sound_names.tsv names.

    The first row that fits counts. A file that two packages have, under one name, is taken from the first.
    """
    rows = [line.split("\t") for line in (HERE / "sound_names.tsv").read_text().splitlines()[1:]]
    taken: set[str] = set()
    for name, source in SOURCES.items():
        patterns = [(licence, re.compile(p), concept, own) for s, licence, p, concept, own in rows if s == name]
        folder = cache / source.folder
        if source.unpack:
            sound_archives.unpack_once(folder, cache / "data" / source.package, source.unpack)
        files = [file for suffix in SUFFIXES for file in sorted(folder.rglob(f"*{suffix}"))]
        for file in files:
            path = str(file.relative_to(folder).with_suffix(""))
            if (name == "supersonic" and f"sonic-pi/{path}" in taken) or f"{name}/{path}" in taken:
                continue
            for licence, pattern, concept, own in patterns:
                if pattern.fullmatch(path):
                    taken.add(f"{name}/{path}")
                    yield name, licence, file, concept, [own] if own else []
                    break


def computed(cache: Path) -> Iterator[tuple[Path, str]]:
    """The sounds of synthesis.py, some variants of each."""
    for concept, make in synthesis.SOUNDS.items():
        for variant in range(VARIANTS):
            file = cache / "computed" / f"{concept}-{variant}.wav"
            if not file.exists():
                random = np.random.default_rng(instruments.seed(f"{concept}{variant}"))
                write_wave(file, make(random), RATE)
            yield file, concept
