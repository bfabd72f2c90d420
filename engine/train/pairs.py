"""The pair format: what a model learns from, as JSON Lines that anyone can write.

One object a line; ``file`` is relative to the manifest:

    {"modality": "audio", "file": "rain.flac", "text": "rain on a tin roof", "concept": "rain", "split": "train",
     "licence": "CC0-1.0"}

    modality  image, video, document, audio or text
    file      the piece, or the file it lies in: ``start`` and ``end`` (seconds) or ``page`` (from 1) say where
    passage   instead of ``file``: the piece is text itself
    text      what it shows or means: a caption, or a list of captions, best first
    concept   what it is about, in a word, case aside; a concept lies in one split alone
    split     train, validation, test, or any other word; without it, a hash of the concept decides
    new_clip  true for a piece that is held out although its concept is learned from other pieces
    licence   an SPDX name; ``source`` may say where it comes from
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import ModelError
from storage.records import MODALITIES, Modality

KEYS = frozenset(
    "modality file passage start end page text concept split new_clip licence source".split()  # noqa: SIM905, shorter
)


@dataclass(frozen=True)
class Pair:
    """One row of a manifest; see the module's docstring. ``file`` is absolute, ``texts`` has at least one entry."""

    modality: Modality
    texts: tuple[str, ...]
    concept: str
    split: str
    licence: str
    file: Path | None = None
    passage: str | None = None
    start: float | None = None
    end: float | None = None
    page: int | None = None
    source: str = ""
    new_clip: bool = False


def read_pairs(manifest: Path) -> list[Pair]:
    """Every row, checked. Raises ``ModelError`` naming manifest and line for whatever does not fit the format."""
    try:
        lines = manifest.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{manifest}: the manifest cannot be read ({error})") from error
    pairs = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                pairs.append(_pair(json.loads(line), manifest.parent))
            except ValueError as error:
                raise ModelError(f"{manifest}, line {number}: {error}") from error
    if not pairs:
        raise ModelError(f"{manifest}: the manifest is empty")
    check_splits(pairs)
    return pairs


def split_of(concept: str, shares: Sequence[tuple[str, float]] = (("validation", 0.15),)) -> str:
    """The split of a concept, by a hash of it: it never moves. What ``shares`` leave over is "train"."""
    place = int.from_bytes(hashlib.sha256(concept.encode()).digest()[:8], "big") / 2**64
    for name, share in shares:
        if place < share:
            return name
        place -= share
    return "train"


def check_splits(pairs: Iterable[Pair]) -> None:
    """Raise ``ModelError`` when a concept is in two splits, new clips apart: a model would be asked what it learned."""
    seen: dict[str, str] = {}
    for pair in pairs:
        if not pair.new_clip and seen.setdefault(pair.concept, pair.split) != pair.split:
            raise ModelError(f"concept {pair.concept!r} is in two splits, {seen[pair.concept]} and {pair.split}")


def _pair(row: Any, folder: Path) -> Pair:
    if not isinstance(row, dict):
        raise ValueError("a row is a JSON object")
    if unknown := sorted(set(row) - KEYS):
        raise ValueError(f"unknown key {unknown[0]!r}")
    for key in ("modality", "text", "concept", "licence"):
        if not row.get(key):
            raise ValueError(f"{key} is missing")
        if key not in ("text",) and not isinstance(row[key], str):
            raise ValueError(f"{key} is a string")
    if row["modality"] not in MODALITIES:
        raise ValueError(f"modality {row['modality']!r} is not one of {', '.join(MODALITIES)}")
    texts = (row["text"],) if isinstance(row["text"], str) else tuple(row["text"])
    if not all(isinstance(text, str) and text.strip() for text in texts):
        raise ValueError("text is a string, or a list of strings, none of them empty")
    if ("file" in row) == ("passage" in row):
        raise ValueError("a row has either a file or a passage")
    if "passage" in row and row["modality"] != "text":
        raise ValueError(f"a passage is of modality text, not {row['modality']}")
    if ("start" in row) != ("end" in row) or not row.get("start", 0) <= row.get("end", 0):
        raise ValueError("start and end go together, start first")
    if not isinstance(row.get("new_clip", False), bool):
        raise ValueError("new_clip is true or false")
    concept = row["concept"].strip().casefold()
    return Pair(
        modality=row["modality"],
        texts=texts,
        concept=concept,
        split=row.get("split") or split_of(concept),
        licence=row["licence"],
        file=folder.absolute() / row["file"] if "file" in row else None,
        passage=row.get("passage"),
        start=row.get("start"),
        end=row.get("end"),
        page=row.get("page"),
        source=row.get("source", ""),
        new_clip=row.get("new_clip", False),
    )
