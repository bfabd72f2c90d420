"""The one place where the pieces of a library get their scores for a query, and what the scores mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.query.calibrate import Background, background
from engine.query.combine import combined, combined_prior
from engine.query.embed_query import Reading
from storage.library import Library
from storage.records import MODALITIES, Modality, PieceLocation

BACKGROUND_SAMPLE = 512

Priors = Mapping[tuple[Modality, Modality], Background]
"""What is expected before a library is looked at, by (modality of the query's part, modality of the piece)."""


@dataclass(frozen=True)
class Scale:
    """One reading of a query against one modality: the vector to search with, and what its scores mean among so many
    ``pieces``."""

    modality: Modality
    query: NDArray[np.float32]
    background: Background
    pieces: int


@dataclass(frozen=True)
class Candidate:
    """A piece that may answer. ``score`` is the cosine; ``relevance`` (0 to 1) is comparable across modalities;
    ``standing`` is the score in deviations above the background."""

    location: PieceLocation
    score: float
    relevance: float
    standing: float


@dataclass(frozen=True)
class Scope:
    """Which pieces may answer: by modality those ``among`` which the search chooses (None: all), ``without`` some."""

    among: Mapping[Modality, NDArray[np.int64]] | None
    without: NDArray[np.int64]


def scales(library: Library, readings: Sequence[Reading], priors: Priors, scope: Scope) -> list[Scale]:
    """A scale for every reading and every modality of which pieces may answer. Raises QueryError."""
    found = []
    for modality in MODALITIES:
        pieces = library.count(modality) if scope.among is None else len(scope.among.get(modality, ()))
        sample = library.sample(modality, BACKGROUND_SAMPLE)
        for reading in readings if pieces and len(sample) else ():
            expected = [priors[part.modality, modality] for part in reading]
            seen = [background(prior, sample @ part.vector) for prior, part in zip(expected, reading, strict=True)]
            query = combined(reading, seen)
            scale = background(combined_prior(reading, seen, expected), sample @ query)
            found.append(Scale(modality, query, scale, pieces))
    return found


def best_candidates(library: Library, scale: Scale, files: int, scope: Scope) -> list[Candidate]:
    """The best pieces of a modality, as many as it takes to meet ``files`` different files, or all there are."""
    allowed = None if scope.among is None else scope.among.get(scale.modality, np.empty(0, dtype=np.int64))
    without = scope.without if len(scope.without) else None
    size = 4 * files
    while True:
        ids, scores = library.search(scale.modality, scale.query, size, allowed, without)
        found = _candidates(scale, ids, scores, library.catalog.locate(ids))
        if len(ids) < size or len({candidate.location.source_id for candidate in found}) >= files:
            return found
        size *= 4


def all_candidates(library: Library, scales: Sequence[Scale], pieces: Mapping[int, PieceLocation]) -> list[Candidate]:
    """All of ``pieces`` (by number) with their scores, each by the scale on which it stands highest, best first."""
    numbers = np.array(list(pieces), dtype=np.int64)
    best: dict[int, Candidate] = {}
    found = [_candidates(scale, *library.scores(scale.modality, scale.query, numbers), pieces) for scale in scales]
    for candidate in ranked([candidate for each in found for candidate in each]):
        best.setdefault(candidate.location.id, candidate)
    return list(best.values())


def ranked(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Best first; the order is the same every time."""
    return sorted(candidates, key=lambda each: (-each.relevance, -each.score, each.location.id))


def _candidates(
    scale: Scale, ids: NDArray[np.int64], scores: NDArray[np.float32], locations: Mapping[int, PieceLocation]
) -> list[Candidate]:
    """A piece that has left the library since the index was brought up to date has no location, and is passed over."""
    return [
        Candidate(
            locations[number], score, scale.background.relevance(score, scale.pieces), scale.background.standing(score)
        )
        for number, score in zip(ids.tolist(), scores.tolist(), strict=True)
        if number in locations
    ]
