"""A library of real files of all five kinds that no weight of the bundled model has learned from.

Of the corpus of ``recipes/mini`` are read what is looked at only: Tux Paint's stamps, one half as pictures and one half
as films of four seconds in which the camera moves over them, and the sounds of the split "evaluation". Texts are the
long descriptions of installed Debian packages, asked for by the short one; documents are what installed manual pages
say under DESCRIPTION, asked for by the line under NAME. Copies are left out; files and folders have numbers for names.
"""

import hashlib
import os
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.train.pairs import Pair, read_pairs
from storage.records import MODALITIES, Modality
from tests.sample_media import open_document

sys.path.append(str(Path(__file__).parents[1] / "recipes" / "mini"))
from splits import content_words  # type: ignore[import-not-found]
from videos import RATE, SHAPES, shot, write  # type: ignore[import-not-found]

WRITTEN = 600
"""Texts, and pages."""

OF_A_FAMILY = 15
"""Manual pages of which the names begin with the same word."""

SECTIONS = (1, 5, 7, 8)
SHORTEST, LONGEST = 200, 2_500
"""Characters of a text or page; of longer pages the beginning is taken."""

SECONDS = 4


@dataclass(frozen=True)
class Item:
    """A file of the library, what asks for it, and all words that tell what it is about."""

    path: str
    kind: Modality
    label: str
    concept: str
    words: frozenset[str]


def words_of(text: str) -> frozenset[str]:
    """The words of a text that say something, without plural endings."""
    return frozenset(content_words(text))


def descriptions() -> Iterator[tuple[str, str]]:
    """The short and the long description of every installed package."""
    told = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Description}\\n\\n"], capture_output=True, check=True, text=True
    )
    for description in told.stdout.split("\n\n"):
        short, _, long = description.partition("\n")
        lines = (line.removeprefix(" ") for line in long.splitlines())
        yield short.strip(), "\n".join("" if line == "." else line for line in lines)


def manual_pages(seed: int) -> Iterator[tuple[str, str]]:
    """What a manual page is about, and the beginning of its DESCRIPTION; not too many pages of one family."""
    folders = [Path(f"/usr/share/man/man{section}") for section in SECTIONS]
    files = sorted(file for folder in folders for file in folder.iterdir() if not file.is_symlink())
    random.Random(seed).shuffle(files)
    families: Counter[str] = Counter()
    chosen = []
    for file in files:
        family = re.split(r"[-_.]", file.name)[0]
        families[family] += 1
        if families[family] <= OF_A_FAMILY:
            chosen.append(file)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for page in pool.map(_sections, chosen):
            about = re.split(r"\s[-\N{EN DASH}\N{EM DASH}\N{MINUS SIGN}]+\s", page.get("NAME", ""), maxsplit=1)
            text = page.get("DESCRIPTION", "")
            beginning = text if len(text) <= LONGEST else text[:LONGEST].rpartition("\n")[0]
            yield " ".join(about[-1].split()) if len(about) == 2 else "", beginning


def _sections(file: Path) -> dict[str, str]:
    """The sections of a manual page by their headings."""
    command = ["man", "--no-hyphenation", "--no-justification", "--pager=cat", "-l", str(file)]
    told = subprocess.run(command, capture_output=True, env=os.environ | {"MANWIDTH": "80"}, text=True, check=False)
    parts = re.split(r"(?m)^(\S.*)\n", told.stdout)
    return {heading: re.sub(r"(?m)^ {7}", "", text).strip() for heading, text in zip(parts[1::2], parts[2::2])}  # noqa: B905


def write_page(path: Path, text: str) -> None:
    """A page of A4 with ``text`` on it, as large as it fits."""
    document, size = open_document(), 12.0
    page = document.new_page(width=595, height=842)
    while page.insert_textbox((60, 60, 535, 782), text, fontname="tiro", fontsize=size) < 0:
        size *= 0.9
    document.set_metadata({})
    document.save(path, deflate=True, no_new_id=True)
    document.close()


def write_film(path: Path, picture: Path) -> None:
    """Four seconds in which the camera moves over a picture."""
    draw = random.Random(picture.name)
    frame = shot(str(picture), draw.choice(SHAPES), "white", draw)
    count = SECONDS * RATE
    write(path, [np.asarray(frame(at / (count - 1))) for at in range(count)], None)


def build(files: Path, corpus: Path, seed: int) -> list[Item]:
    """Write the library's files into an empty folder."""
    pairs = read_pairs(corpus / "manifest_all.jsonl")
    stamps = [pair for pair in pairs if (pair.modality, pair.split) == ("image", "stamps")]
    random.Random(seed).shuffle(stamps)
    stamps = list({_digest(pair): pair for pair in stamps}.values())
    sounds = [pair for pair in pairs if (pair.modality, pair.split) == ("audio", "evaluation")]
    sounds = list({_digest(pair): pair for pair in sounds}.values())
    packages = sorted(descriptions())
    random.Random(seed).shuffle(packages)
    items: list[Item] = []

    def new(kind: Modality, suffix: str) -> Path:
        folder = files / f"{MODALITIES.index(kind):02}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{len(items):05}{suffix}"

    for number, pair in enumerate([*stamps, *sounds]):
        assert pair.file is not None
        kind: Modality = "video" if number < len(stamps) // 2 else pair.modality
        path = new(kind, ".mp4" if kind == "video" else pair.file.suffix)
        if kind == "video":
            write_film(path, pair.file)
        else:
            path.write_bytes(pair.file.read_bytes())
        concept = pair.concept.rpartition("/")[2]
        items.append(Item(str(path), kind, _unquoted(pair.texts[0]), pair.concept, words_of(f"{concept} {pair.texts}")))
    for label, text in _written(packages):
        path = new("text", ".txt")
        path.write_text(text + "\n", encoding="utf-8")
        items.append(Item(str(path), "text", label, label, words_of(f"{label} {text}")))
    for label, text in _written(manual_pages(seed)):
        path = new("document", ".pdf")
        write_page(path, text)
        items.append(Item(str(path), "document", label, label, words_of(f"{label} {text}")))
    return items


def _digest(pair: Pair) -> str:
    assert pair.file is not None
    return hashlib.sha256(pair.file.read_bytes()).hexdigest()


def _unquoted(text: str) -> str:
    """Words in quotation marks would have to stand in the file."""
    return text.replace('"', "")


def _written(found: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Of (question, text), those that may stand in the library: neither comes twice, the text does not hold the
    question."""
    seen: set[str] = set()
    count = 0
    for label, text in found:
        label = _unquoted(label)
        repeated = " ".join(label.lower().split()) in " ".join(text.lower().split())
        if len(text) >= SHORTEST and len(words_of(label)) >= 2 and not repeated and not seen & {label, text}:
            seen |= {label, text}
            count += 1
            yield label, text
        if count == WRITTEN:
            return
