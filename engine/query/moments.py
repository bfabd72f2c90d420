"""Where in a file: neighbouring pieces that answer about equally well become one place, the best place first."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from engine.query.candidates import Candidate
from storage.records import Modality, PieceLocation
from storage.words import WordMatch

_ABOUT_EQUAL = 0.7
"""Standings (deviations above the background) that differ by less mean nothing beside each other."""

_TOUCHING = 0.25
"""Pieces at most so many seconds apart are neighbours."""


@dataclass(frozen=True)
class Place:
    """A place in a file: its best piece, the span of all its neighbours (None where there is no time), the pieces
    that make it up, and the text there that holds the words, if that makes it a place."""

    best: Candidate
    span: tuple[float, float] | None
    pieces: tuple[int, ...]
    words: WordMatch | None = None


def place_of_words(match: WordMatch, candidates: Sequence[Candidate]) -> Place | None:
    """The place where words stand, with the pieces of the file (given best first) that are there, or None.

    Words that were said or shown for a while are where their pieces are: those that share half of the shorter of both.
    """
    if match.start is None or match.end is None:
        there = [each for each in candidates if _is_text_of(match, each.location)]
        return Place(there[0], None, tuple(each.location.id for each in there), match) if there else None
    span = (match.start, match.end)
    timed = [each for each in candidates if each.location.start is not None]
    there = [each for each in timed if _shared(each, span) >= 0.5 * min(span[1] - span[0], _length(each))]
    there = there or sorted(timed, key=lambda each: -_shared(each, span))[:1]
    return Place(there[0], span, tuple(each.location.id for each in there), match) if there else None


def with_words(found: Sequence[Place], of_words: Sequence[Place]) -> list[Place]:
    """The places where words stand, then the others, less those that are half or more inside one of the former."""
    rest = [place for place in found if not any(_is_same(place, other) for other in of_words)]
    return [*of_words, *rest]


def places(candidates: Sequence[Candidate], most: int | None = None) -> list[Place]:
    """The places among the pieces of one file, given and returned best first; the best ``most``, if not all.

    A place grows from its best piece over neighbours (overlapping or touching) of the same modality that stand about
    as high. What then lies at least half inside it, a sound in its scene or the next overlapping window, belongs to it.
    """
    timelines = _timelines(candidates)
    at = {each: (line, place) for line in timelines for place, each in enumerate(line.pieces)}
    taken: set[int] = set()
    found: list[Place] = []
    for number, best in enumerate(candidates):
        if len(found) == most:
            break
        if number in taken:
            continue
        if number not in at:
            found.append(Place(best, None, (best.location.id,)))
            continue
        line, place = at[number]
        first, last = line.run(place, taken)
        span = (line.starts[first], max(line.ends[first:last]))
        run = line.pieces[first:last]
        taken.update(run)
        beside = [each for other in timelines for each in other.inside(span) if each not in taken]
        taken.update(beside)
        others = [each for each in beside if candidates[each].location.modality != best.location.modality]
        found.append(Place(best, span, tuple(candidates[each].location.id for each in (*run, *others))))
    return found


@dataclass(frozen=True)
class _Timeline:
    """The timed pieces of one modality in the order of their spans: where among the candidates each of them is, and how
    high it stands; ``longest`` in seconds."""

    pieces: Sequence[int]
    starts: Sequence[float]
    ends: Sequence[float]
    standings: Sequence[float]
    longest: float

    def run(self, at: int, taken: set[int]) -> tuple[int, int]:
        """The unbroken row around the piece at ``at`` (first, last plus one) of free ones that stand about as high."""
        starts, ends, least = self.starts, self.ends, self.standings[at] - _ABOUT_EQUAL

        def joins(each: int) -> bool:
            return self.standings[each] >= least and self.pieces[each] not in taken

        first, last = at, at + 1
        while first > 0 and starts[first] <= ends[first - 1] + _TOUCHING and joins(first - 1):
            first -= 1
        while last < len(starts) and starts[last] <= ends[last - 1] + _TOUCHING and joins(last):
            last += 1
        return first, last

    def inside(self, span: tuple[float, float]) -> list[int]:
        """The pieces that lie at least half inside ``span``."""
        first, last = bisect_left(self.starts, span[0] - self.longest), bisect_left(self.starts, span[1])
        found = []
        for piece, start, end in zip(
            self.pieces[first:last], self.starts[first:last], self.ends[first:last], strict=True
        ):
            shared = min(end, span[1]) - max(start, span[0])
            if shared > 0 and shared >= (end - start) / 2:
                found.append(piece)
        return found


def _timelines(candidates: Sequence[Candidate]) -> list[_Timeline]:
    timed: dict[Modality, list[tuple[float, float, int, float]]] = {}
    for at, (location, _, _, standing) in enumerate(candidates):
        if location.start is not None and location.end is not None:
            timed.setdefault(location.modality, []).append((location.start, location.end, at, standing))
    found = []
    for spans in timed.values():
        spans.sort()
        starts, ends, pieces, standings = zip(*spans, strict=True)
        longest = max(end - start for start, end, _, _ in spans)
        found.append(_Timeline(pieces, starts, ends, standings, longest))
    return found


def _is_text_of(match: WordMatch, location: PieceLocation) -> bool:
    if match.piece_id is not None:
        return location.id == match.piece_id
    return match.page is None or location.page == match.page


def _is_same(place: Place, of_words: Place) -> bool:
    if place.span is None or of_words.span is None:
        return place.best.location.id in of_words.pieces
    shared = min(place.span[1], of_words.span[1]) - max(place.span[0], of_words.span[0])
    return shared > 0 and shared >= (place.span[1] - place.span[0]) / 2


def _shared(candidate: Candidate, span: tuple[float, float]) -> float:
    """For how long both last, in seconds; less than nothing if they are apart."""
    start, end = _span(candidate)
    return min(end, span[1]) - max(start, span[0])


def _length(candidate: Candidate) -> float:
    start, end = _span(candidate)
    return end - start


def _span(candidate: Candidate) -> tuple[float, float]:
    start, end = candidate.location.start, candidate.location.end
    assert start is not None and end is not None
    return start, end
