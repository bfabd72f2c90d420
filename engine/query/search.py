"""From the readings of a query to hits: search each modality, calibrate, merge, group by file."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.query.calibrate import Background, background
from engine.query.embed_query import QueryVector
from engine.query.hits import Hit, Moment
from storage.library import Library
from storage.records import MODALITIES, Modality, PieceFilter, PieceLocation

_SNIPPET_CHARACTERS = 240
_BACKGROUND_SAMPLE = 512


@dataclass(frozen=True)
class _FoundPiece:
    location: PieceLocation
    score: float
    relevance: float


def search(
    library: Library,
    readings: Sequence[QueryVector],
    condition: PieceFilter,
    limit: int,
    priors: dict[tuple[Modality, Modality], Background],
) -> list[Hit]:
    """The best ``limit`` files, by the relevance of their best piece.

    ``priors`` gives the background for (modality of the query, modality of the piece). Exact: each modality is searched
    until it has given ``limit`` different files or all it has.
    """
    among = library.matching_pieces(condition)
    found: dict[int, _FoundPiece] = {}
    for reading in readings:
        for modality in MODALITIES:
            allowed = None if among is None else among.get(modality, np.empty(0, dtype=np.int64))
            scale = background(priors[reading.modality, modality], _sample_scores(library, modality, reading.vector))
            for location, score in _best_pieces(library, modality, reading.vector, limit, allowed):
                piece = _FoundPiece(location, score, scale.relevance(score))
                held = found.get(location.id)
                if held is None or held.relevance < piece.relevance:
                    found[location.id] = piece
    return _group(list(found.values()), limit)


def _best_pieces(
    library: Library, modality: Modality, query: NDArray[np.float32], files: int, among: NDArray[np.int64] | None
) -> list[tuple[PieceLocation, float]]:
    """The best pieces of ``modality``, as many as it takes to meet ``files`` different files."""
    size = 4 * files
    while True:
        ids, scores = library.search(modality, query, size, among)
        locations = library.catalog.locate(ids)
        if len({location.source_id for location in locations.values()}) >= files or len(ids) < size:
            return [
                (locations[piece_id], float(score))
                for piece_id, score in zip(ids.tolist(), scores, strict=True)
                if piece_id in locations
            ]
        size *= 4


def _sample_scores(library: Library, modality: Modality, query: NDArray[np.float32]) -> NDArray[np.float32]:
    sample = library.sample(modality, _BACKGROUND_SAMPLE)
    return sample @ query if len(sample) else np.empty(0, dtype=np.float32)


def _group(pieces: Sequence[_FoundPiece], limit: int) -> list[Hit]:
    by_source: dict[int, list[_FoundPiece]] = {}
    for piece in sorted(pieces, key=lambda piece: (-piece.relevance, -piece.score, piece.location.id)):
        by_source.setdefault(piece.location.source_id, []).append(piece)
    return [_hit(found) for found in list(by_source.values())[:limit]]


def _hit(found: Sequence[_FoundPiece]) -> Hit:
    best, location = found[0], found[0].location
    return Hit(
        path=location.path,
        kind=location.kind,
        score=best.score,
        relevance=best.relevance,
        start=location.start,
        end=location.end,
        page=location.page,
        snippet=_snippet(location.text),
        moments=tuple(
            Moment(piece.location.start, piece.location.end, piece.score)
            for piece in found
            if piece.location.start is not None and piece.location.end is not None
        ),
    )


def _snippet(text: str | None) -> str | None:
    words = " ".join((text or "").split())
    if len(words) <= _SNIPPET_CHARACTERS:
        return words or None
    return words[:_SNIPPET_CHARACTERS].rsplit(" ", 1)[0] + " …"
