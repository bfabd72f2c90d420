"""The one place where the pieces of a library get their scores for a query, and what the scores mean."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.query.at_once import at_once
from engine.query.calibrate import Background, background, relevance, steeper
from engine.query.combine import combined, combined_prior
from engine.query.embed_query import Reading
from storage.accelerator import Found
from storage.library import Library
from storage.records import MODALITIES, Modality, PieceLocation

BACKGROUND_SAMPLE = 512
# So many pieces a file are looked for at first, and so many times more whenever they are too few.
_DEPTH = 4
# Fewer pieces are looked at before another thread has begun.
_FEW = 20_000
_NOTHING = np.empty(0, dtype=np.int64)

Priors = Mapping[tuple[Modality, Modality], Background]
"""What is expected before a library is looked at, by (modality of the query's part, modality of the piece)."""


@dataclass(frozen=True)
class Scale:
    """One reading of a query against one modality: the vector to search with, and what its scores mean among so many
    ``pieces``. ``known``: where no vector is searched with, the pieces that may answer, ascending, and their scores."""

    modality: Modality
    query: NDArray[np.float32]
    background: Background
    pieces: int
    known: Found | None = None


class Candidate(NamedTuple):
    """A piece that may answer. ``score`` is the cosine; ``relevance`` (0 to 1) is comparable across modalities;
    ``standing`` is the score in deviations above the background."""

    location: PieceLocation
    score: float
    relevance: float
    standing: float


class BestPiece(NamedTuple):
    """A file that may answer, and its best piece by number: a candidate of which the place is not known yet."""

    source_id: int
    kind: Modality
    number: int
    score: float
    relevance: float
    standing: float


@dataclass(frozen=True)
class Scope:
    """Which pieces may answer: of ``modalities``, those ``among`` which to choose (None: all), ``without`` some."""

    among: Mapping[Modality, NDArray[np.int64]] | None
    without: NDArray[np.int64]
    modalities: Collection[Modality] = MODALITIES


def of_each_kind(library: Library, scope: Scope) -> list[Scope]:
    """The pieces of ``scope`` by what their file is: a scope for every kind of which there are any."""
    found = []
    for pieces in library.pieces_by_kind().values():
        if scope.among is not None:
            pieces = {of: np.intersect1d(ids, scope.among.get(of, _NOTHING), True) for of, ids in pieces.items()}
        if any(len(ids) for of, ids in pieces.items() if of in scope.modalities):
            found.append(replace(scope, among=pieces))
    return found


def scales(library: Library, readings: Sequence[Reading], priors: Priors, scope: Scope) -> list[Scale]:
    """A scale for every reading and every modality of which pieces may answer. Raises QueryError."""
    found = []
    for modality, (held, sample) in library.samples(BACKGROUND_SAMPLE).items():
        pieces = held if scope.among is None else len(scope.among.get(modality, ()))
        if not pieces or modality not in scope.modalities:
            continue
        for reading in readings if len(sample) else ():
            expected = [priors[part.modality, modality] for part in reading]
            seen = [background(prior, sample @ part.vector) for prior, part in zip(expected, reading, strict=True)]
            query, scale = combined(reading, seen), seen[0]
            if len(reading) > 1:
                scale = background(combined_prior(reading, seen, expected), sample @ query)
            found.append(Scale(modality, query, scale, pieces))
    return found


@dataclass(frozen=True)
class _Scored:
    """Pieces by number and what a query makes of them, best first: shape (n,) each."""

    ids: NDArray[np.int64]
    scores: NDArray[np.float64]
    relevances: NDArray[np.float64]
    standings: NDArray[np.float64]

    def rows(self) -> Iterator[tuple[int, float, float, float]]:
        return zip(*(each.tolist() for each in (self.ids, self.scores, self.relevances, self.standings)), strict=True)

    def at(self, places: NDArray[np.int64]) -> "_Scored":
        return _Scored(self.ids[places], self.scores[places], self.relevances[places], self.standings[places])


def best_pieces(
    library: Library,
    scales: Sequence[Scale],
    files: int,
    scope: Scope,
    others: Mapping[Modality, Sequence[int]],
) -> list[BestPiece]:
    """The ``files`` best files of ``scope``, or all there are; and where there are pieces of ``others``, by modality,
    some more, among them theirs.

    Best first. Only numbers and scores are looked at: where a piece comes from is asked once, of those at the top. A
    modality of which the last piece found is worse than the last file needed can hold nothing better.
    """
    scales = sorted(scales, key=lambda scale: -scale.pieces)  # so that all threads end at about the same time
    alone = sum(scale.pieces for scale in scales) < _FEW
    asked = {of: _in_scope(np.array(pieces, dtype=np.int64), of, scope) for of, pieces in others.items()}
    found: dict[int, Found] = {}
    of_others: dict[int, list[tuple[Scale, Found]]] = {}
    deeper, size = list(range(len(scales))), _DEPTH * files

    def look(number: int) -> Found:
        if number not in of_others:
            of_others[number] = _scored(library, [scales[number]], asked)
        return _nearest(library, scope, size, scales[number])

    while True:
        found |= zip(deeper, at_once(look, deeper, alone), strict=True)
        best = _rated([*zip(scales, found.values(), strict=True), *chain.from_iterable(of_others.values())])
        sources, kinds = library.owners(best.ids)
        first = _first_of_each(sources)
        least = float(best.relevances[first[files - 1]]) if len(first) >= files else 0.0
        deeper = [n for n in deeper if len(found[n][0]) == size and _worst(scales[n], found[n]) >= least]
        if not deeper:
            break
        size *= _DEPTH
    first = first if others else first[:files]
    of_files = zip(sources[first].tolist(), kinds[first].tolist(), best.at(first).rows(), strict=True)
    return [BestPiece(source, MODALITIES[kind], *rated) for source, kind, rated in of_files]


def candidates(library: Library, scales: Sequence[Scale], pieces: Sequence[PieceLocation]) -> list[Candidate]:
    """All of ``pieces`` with their scores, each by the scale on which it stands highest, best first."""
    by_number = {each.id: each for each in pieces}
    numbers: dict[Modality, list[int]] = {}
    for number in sorted(by_number):
        numbers.setdefault(by_number[number].modality, []).append(number)
    found = _rated(_scored(library, scales, {of: np.array(ids, dtype=np.int64) for of, ids in numbers.items()}))
    return [Candidate(by_number[number], *rated) for number, *rated in found.rows()]


def _in_scope(pieces: NDArray[np.int64], modality: Modality, scope: Scope) -> NDArray[np.int64]:
    """Those of ``pieces`` that may answer, ascending."""
    pieces = np.setdiff1d(pieces, scope.without)
    return pieces if scope.among is None else np.intersect1d(pieces, scope.among.get(modality, _NOTHING), True)


def _nearest(library: Library, scope: Scope, size: int, scale: Scale) -> Found:
    if scale.known is not None:
        ids, scores = _of(scale.known, _in_scope(scale.known[0], scale.modality, scope))
        best = np.argsort(-scores, kind="stable")[:size]
        return ids[best], scores[best]
    allowed = None if scope.among is None else scope.among.get(scale.modality, _NOTHING)
    without = scope.without if len(scope.without) else None
    return library.search(scale.modality, scale.query, size, allowed, without)


def _scored(
    library: Library, scales: Sequence[Scale], ids: Mapping[Modality, NDArray[np.int64]]
) -> list[tuple[Scale, Found]]:
    """What pieces, given by modality, score on the scales of their modality."""
    asked = [(scale, ids[scale.modality]) for scale in scales if scale.modality in ids]
    return [
        (
            scale,
            library.scores(scale.modality, scale.query, numbers) if scale.known is None else _of(scale.known, numbers),
        )
        for scale, numbers in asked
    ]


def _of(known: Found, numbers: NDArray[np.int64]) -> Found:
    """Those of ``numbers`` of which the score is known."""
    is_wanted = np.isin(known[0], numbers)
    return known[0][is_wanted], known[1][is_wanted]


def _worst(scale: Scale, found: Found) -> float:
    return scale.background.relevance(float(found[1][-1]), scale.pieces)


def _rated(found: Sequence[tuple[Scale, Found]]) -> _Scored:
    """What was found on scales, every piece once, at its best; the order is the same every time."""
    if not found:
        return _Scored(np.empty(0, dtype=np.int64), *[np.empty(0)] * 3)
    ids = np.concatenate([each for _, (each, _) in found])
    scores = np.concatenate([each for _, (_, each) in found]).astype(np.float64)
    of = [(scale.background, scale.pieces) for scale, _ in found]
    on = np.array([(each.mean, each.deviation, each.steepness, pieces) for each, pieces in of])
    mean, deviation, steepness, pieces = np.repeat(on, [len(each) for _, (each, _) in found], axis=0).T
    standings = steeper((scores - mean) / deviation, steepness)
    relevances = relevance(standings, pieces)
    order = np.lexsort((ids, -scores, -relevances))
    if len({scale.modality for scale, _ in found}) < len(found):
        order = order[np.sort(np.unique(ids[order], return_index=True)[1])]
    return _Scored(ids[order], scores[order], relevances[order], standings[order])


def _first_of_each(sources: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each source stands for the first time. A piece that has left the library since the index was brought up to
    date has none (0), and is passed over."""
    known, first = np.unique(sources, return_index=True)
    return np.sort(first[known > 0])
