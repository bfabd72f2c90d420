"""Whether one file is a copy of another: the rule for each kind, on fingerprints."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.duplicates.fingerprint import PICTURES_PER_SECOND, Fingerprint
from engine.duplicates.pictures import difference, shrunk
from engine.duplicates.sounds import match
from storage.records import Modality

MOST_DIFFERENCE: dict[Modality, float] = {"image": 0.35, "video": 0.5, "document": 0.35}
"""Up to which ``difference`` two pictures, two moments of films, two pages count as the same."""

SHARED = 0.8
"""The share of the shorter file that has to be found in the longer one, in order and at one offset."""

_PROBES = 64
_OFFSETS = 4
_ALIKE = 0.8  # correlation of coarse pictures that makes an offset worth a closer look


@dataclass(frozen=True)
class Place:
    """Where a copy begins in the file it is a copy of: seconds, or pages; negative if it begins earlier."""

    offset: float = 0.0


def copy_place(kind: Modality, one: Fingerprint, other: Fingerprint) -> Place | None:
    """Where ``one`` begins in ``other``, or the other way round with the sign turned; None if neither is a copy."""
    if kind == "image":
        a, b = one.pictures[0], other.pictures[0]
        found = a is not None and b is not None and difference(a, b) <= MOST_DIFFERENCE[kind]
        return Place() if found else None
    if kind == "audio":
        heard = match(one.sound, other.sound)
        return Place(heard.offset) if heard is not None and heard.is_same else None
    if kind == "document":
        offset = _offset(kind, one, other)
        return None if offset is None else Place(float(offset))
    return _film_place(one, other)


def _film_place(one: Fingerprint, other: Fingerprint) -> Place | None:
    """By the pictures; where both films can be heard, their sounds must agree as well, or it is another language."""
    heard = match(one.sound, other.sound)
    if heard is not None and not heard.is_same:
        return None
    hint = None if heard is None else round(heard.offset * PICTURES_PER_SECOND)
    offset = _offset("video", one, other, hint)
    if offset is None:
        return None
    return Place(heard.offset if heard is not None else offset / PICTURES_PER_SECOND)


def _offset(kind: Modality, one: Fingerprint, other: Fingerprint, hint: int | None = None) -> int | None:
    """How many pictures later than ``other`` ``one`` begins, if the shorter of them is in the longer one."""
    if len(one.pictures) > len(other.pictures):
        found = _offset(kind, other, one, None if hint is None else -hint)
        return None if found is None else -found
    telling = [number for number in range(len(one.pictures)) if _tells(one, number)]
    if not telling:
        return None
    probes = [telling[round(place)] for place in np.linspace(0, len(telling) - 1, min(_PROBES, len(telling)))]
    offsets = _likely_offsets(one, other, probes)
    for offset in offsets if hint is None else [hint, *offsets]:
        same = 0
        for done, number in enumerate(probes):
            same += _same_near(kind, one, other, number, number + offset)
            if same + len(probes) - done - 1 < SHARED * len(probes):
                break
        if same >= SHARED * len(probes):
            return offset
    return None


def _tells(one: Fingerprint, number: int) -> bool:
    """Whether a page or moment shows anything that it can be recognised by."""
    picture = one.pictures[number]
    return bool(_text(one, number)) or (picture is not None and not picture.is_flat)


def _text(one: Fingerprint, number: int) -> str:
    return one.texts[number] if number < len(one.texts) else ""


def _same_near(kind: Modality, one: Fingerprint, other: Fingerprint, number: int, place: int) -> bool:
    """Whether ``one`` at ``number`` shows what ``other`` shows at ``place``; of films, half a second around it."""
    near = (place, place - 1, place + 1) if kind == "video" else (place,)
    return any(0 <= at < len(other.pictures) and _same(kind, one, other, number, at) for at in near)


def _same(kind: Modality, one: Fingerprint, other: Fingerprint, number: int, place: int) -> bool:
    if _text(one, number) != _text(other, place):
        return False
    a, b = one.pictures[number], other.pictures[place]
    shown = [picture for picture in (a, b) if picture is not None and not picture.is_flat]
    if a is None or b is None or not shown:  # a few words on white paper are next to nothing to see
        return not shown and bool(_text(one, number))
    return difference(a, b, may_be_cropped=kind == "document") <= MOST_DIFFERENCE[kind]


def _likely_offsets(one: Fingerprint, other: Fingerprint, probes: list[int]) -> list[int]:
    """The offsets at which most probes resemble what they would lie over, the best first."""
    alike = np.clip(_coarse(one, probes) @ _coarse(other, range(len(other.pictures))).T - _ALIKE, 0, None)
    texts = np.array([_text(other, place) for place in range(len(other.pictures))])
    for row, number in enumerate(probes):
        said = _text(one, number)
        if said:
            alike[row] = np.maximum(alike[row] * 0.1, texts == said)
    votes = np.zeros(len(one.pictures) + len(other.pictures))
    for row, number in enumerate(probes):
        votes[len(one.pictures) - number :][: len(other.pictures)] += alike[row]
    best = np.argsort(-votes, kind="stable")[:_OFFSETS]
    return [int(place) - len(one.pictures) for place in best if votes[place] > 0]


def _coarse(one: Fingerprint, numbers: "list[int] | range") -> NDArray[np.float64]:
    """Pictures as unit vectors of 8 x 8 brightnesses without their mean; zero for a flat or missing one."""
    vectors = np.zeros((len(numbers), 64))
    for row, number in enumerate(numbers):
        picture = one.pictures[number]
        if picture is not None and not picture.is_flat:
            values = shrunk(picture.luma.astype(np.float64), 8).reshape(-1)
            values -= values.mean()
            vectors[row] = values / max(float(np.linalg.norm(values)), 1e-9)
    return vectors
