"""From the readings of a query to hits: search each modality, calibrate, merge, group by file."""

from collections.abc import Mapping, Sequence
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
_MOMENTS = 5

Among = Mapping[Modality, NDArray[np.int64]] | None


@dataclass(frozen=True)
class _Scale:
    """One reading of the query against one modality: the vector, and what its scores mean there."""

    query: NDArray[np.float32]
    modality: Modality
    background: Background


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
    scales = [
        _Scale(reading.vector, modality, background(priors[reading.modality, modality], scores))
        for reading in readings
        for modality in MODALITIES
        if len(scores := _sample_scores(library, modality, reading.vector))
    ]
    among = library.matching_pieces(condition)
    found = [piece for scale in scales for piece in _best_pieces(library, scale, limit, among)]
    best_of_source: dict[int, _FoundPiece] = {}
    for piece in _ranked(found):
        best_of_source.setdefault(piece.location.source_id, piece)
    return [_hit(best, _moments(library, scales, best)) for best in list(best_of_source.values())[:limit]]


def _best_pieces(library: Library, scale: _Scale, files: int, among: Among) -> list[_FoundPiece]:
    """The best pieces of a modality, as many as it takes to meet ``files`` different files."""
    size = 4 * files
    while True:
        pieces, is_all = _search(library, scale, size, among)
        if is_all or len({piece.location.source_id for piece in pieces}) >= files:
            return pieces
        size *= 4


def _search(library: Library, scale: _Scale, size: int, among: Among) -> tuple[list[_FoundPiece], bool]:
    """The best ``size`` pieces of a modality, and whether there are no more."""
    allowed = None if among is None else among.get(scale.modality, np.empty(0, dtype=np.int64))
    ids, scores = library.search(scale.modality, scale.query, size, allowed)
    locations = library.catalog.locate(ids)
    pieces = [
        _FoundPiece(locations[piece_id], score, scale.background.relevance(score))
        for piece_id, score in zip(ids.tolist(), scores.tolist(), strict=True)
        if piece_id in locations
    ]
    return pieces, len(ids) < size


def _moments(library: Library, scales: Sequence[_Scale], best: _FoundPiece) -> tuple[Moment, ...]:
    """The best spans of the file that ``best`` belongs to, whichever of them the search itself came upon."""
    if best.location.start is None:
        return ()
    own = library.matching_pieces(PieceFilter(under=best.location.path))
    found: dict[tuple[float, float], Moment] = {}
    for piece in _ranked([piece for scale in scales for piece in _search(library, scale, _MOMENTS, own)[0]]):
        start, end = piece.location.start, piece.location.end
        if start is not None and end is not None:
            found.setdefault((start, end), Moment(start, end, piece.score))
    return tuple(found.values())[:_MOMENTS]


def _ranked(pieces: Sequence[_FoundPiece]) -> list[_FoundPiece]:
    return sorted(pieces, key=lambda piece: (-piece.relevance, -piece.score, piece.location.id))


def _sample_scores(library: Library, modality: Modality, query: NDArray[np.float32]) -> NDArray[np.float32]:
    sample = library.sample(modality, _BACKGROUND_SAMPLE)
    return sample @ query if len(sample) else np.empty(0, dtype=np.float32)


def _hit(best: _FoundPiece, moments: tuple[Moment, ...]) -> Hit:
    location = best.location
    return Hit(
        path=location.path,
        kind=location.kind,
        score=best.score,
        relevance=best.relevance,
        start=location.start,
        end=location.end,
        page=location.page,
        snippet=_snippet(location.text),
        moments=moments,
    )


def _snippet(text: str | None) -> str | None:
    words = " ".join((text or "").split())
    if len(words) <= _SNIPPET_CHARACTERS:
        return words or None
    return words[:_SNIPPET_CHARACTERS].rsplit(" ", 1)[0] + " …"
