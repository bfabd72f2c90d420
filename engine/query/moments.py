"""Where in a file: neighbouring pieces that answer about equally well become one place, the best place first."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.query.candidates import Candidate
from storage.records import Modality

_ABOUT_EQUAL = 0.7
"""Standings (deviations above the background) that differ by less mean nothing beside each other."""

_TOUCHING = 0.25
"""Pieces at most so many seconds apart are neighbours."""


@dataclass(frozen=True)
class Place:
    """A place in a file: its best piece, the span of all its neighbours (None where there is no time), and the pieces
    that make it up."""

    best: Candidate
    span: tuple[float, float] | None
    pieces: tuple[int, ...]


def places(candidates: Sequence[Candidate]) -> list[Place]:
    """The places among the pieces of one file, given and returned best first.

    A place grows from its best piece over neighbours (overlapping or touching) of the same modality that stand about
    as high. What then lies at least half inside it, a sound in its scene or the next overlapping window, belongs to it.
    """
    timelines: dict[Modality, list[Candidate]] = {}
    for each in candidates:
        if each.location.start is not None and each.location.end is not None:
            timelines.setdefault(each.location.modality, []).append(each)
    for timeline in timelines.values():
        timeline.sort(key=lambda each: _span(each))
    index = {each.location.id: at for timeline in timelines.values() for at, each in enumerate(timeline)}
    taken: set[int] = set()
    found = []
    for best in candidates:
        if best.location.id in taken:
            continue
        if best.location.id not in index:
            found.append(Place(best, None, (best.location.id,)))
            continue
        run = _run(timelines[best.location.modality], index[best.location.id], taken)
        span = (min(_span(each)[0] for each in run), max(_span(each)[1] for each in run))
        beside = [each for timeline in timelines.values() for each in _inside(timeline, span, taken)]
        taken.update(each.location.id for each in (*run, *beside))
        others = [each for each in beside if each.location.modality != best.location.modality]
        found.append(Place(best, span, tuple(each.location.id for each in (*run, *others))))
    return found


def _run(timeline: Sequence[Candidate], at: int, taken: set[int]) -> list[Candidate]:
    """The piece at ``at`` and the unbroken row of free neighbours that stand about as high."""
    best = timeline[at]

    def joins(each: Candidate, span: tuple[float, float]) -> bool:
        start, end = _span(each)
        near = start <= span[1] + _TOUCHING and end >= span[0] - _TOUCHING
        return near and each.location.id not in taken and each.standing >= best.standing - _ABOUT_EQUAL

    first = last = at
    while first > 0 and joins(timeline[first - 1], _span(timeline[first])):
        first -= 1
    while last + 1 < len(timeline) and joins(timeline[last + 1], _span(timeline[last])):
        last += 1
    return list(timeline[first : last + 1])


def _inside(timeline: Sequence[Candidate], span: tuple[float, float], taken: set[int]) -> list[Candidate]:
    found = []
    for each in timeline:
        start, end = _span(each)
        shared = min(end, span[1]) - max(start, span[0])
        if each.location.id not in taken and shared > 0 and shared >= (end - start) / 2:
            found.append(each)
    return found


def _span(candidate: Candidate) -> tuple[float, float]:
    start, end = candidate.location.start, candidate.location.end
    assert start is not None and end is not None
    return start, end
