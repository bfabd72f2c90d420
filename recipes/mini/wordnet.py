"""What a dictionary says: WordNet's entries, each with its words, its explanation and its examples."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = "data/wordnet-base/usr/share/wordnet"
KINDS = ("noun", "verb", "adj")


@dataclass(frozen=True)
class Entry:
    """A sense: ``key`` is kind and offset, ``lemmas`` the words that have it, the commonest first."""

    key: str
    lemmas: tuple[str, ...]
    gloss: str
    examples: tuple[str, ...]


def entries(cache: Path) -> Iterator[Entry]:
    """Every noun, verb and adjective."""
    for kind in KINDS:
        for line in (cache / FOLDER / f"data.{kind}").read_text().splitlines():
            if line.startswith(" "):
                continue
            head, explained = line.split(" | ", 1)
            fields = head.split()
            count = int(fields[3], 16)
            lemmas = [re.sub(r"\(\w+\)$", "", fields[4 + 2 * index]).replace("_", " ") for index in range(count)]
            gloss = re.split(r';? *"', explained)[0].strip(" ;")
            examples = tuple(example.strip() for example in re.findall(r'"([^"]+)"', explained))
            yield Entry(f"{kind}-{fields[0]}", tuple(lemmas), gloss, examples)


def first_senses(cache: Path) -> dict[str, str]:
    """Word -> key of the sense in which it is used most, nouns before verbs before adjectives."""
    found: dict[str, str] = {}
    for kind in KINDS:
        for line in (cache / FOLDER / f"index.{kind}").read_text().splitlines():
            if not line.startswith(" "):
                fields = line.split()
                offset = fields[-int(fields[2])]
                found.setdefault(fields[0].replace("_", " "), f"{kind}-{offset}")
    return found


def plain(cache: Path) -> list[Entry]:
    """One entry a word: its first sense, without names and without explanations too short to know it by."""
    first = first_senses(cache)
    return [
        entry
        for entry in entries(cache)
        if entry.lemmas[0] == entry.lemmas[0].lower()
        and first.get(entry.lemmas[0]) == entry.key
        and len(entry.gloss.split()) >= 4
        and not any(ch.isdigit() for ch in entry.lemmas[0])
    ]
