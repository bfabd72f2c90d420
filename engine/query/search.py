"""From the readings of a query to hits: candidates of every modality, ranked together, grouped by file or place."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.query.candidates import Candidate, Priors, Scope, all_candidates, best_candidates, ranked, scales
from engine.query.embed_query import Reading
from engine.query.excerpt import excerpt
from engine.query.hits import Hit, Moment
from engine.query.moments import Place, places
from engine.query.query import Query
from storage.library import Library

_MOMENTS = 5


@dataclass(frozen=True)
class _File:
    """A file that answers: its best candidate, and its places, the best one first."""

    best: Candidate
    places: Sequence[Place]


def search(
    library: Library, query: Query, readings: Sequence[Reading], own: NDArray[np.int64], priors: Priors
) -> list[Hit]:
    """The best ``query.limit`` files by the relevance of their best piece, or the best places if that is asked for.

    ``own``: the numbers of pieces that must not answer. ``priors`` gives the background for (modality of a query's
    part, modality of the piece). Exact under any filter: each modality is searched among the pieces that pass until it
    has given ``query.limit`` different files or all it has. Raises QueryError.
    """
    scope = Scope(library.matching_pieces(query.filters.condition), own)
    asked = scales(library, readings, priors, scope)
    found = [candidate for scale in asked for candidate in best_candidates(library, scale, query.limit, scope)]
    best_of_source: dict[int, Candidate] = {}
    for candidate in ranked(found):
        best_of_source.setdefault(candidate.location.source_id, candidate)
    chosen = list(best_of_source.values())[: query.limit]

    # The best places are in the best files: no other file has a place better than the best of each of these.
    wanted = [best for best in chosen if query.each_moment or best.location.start is not None]
    hidden = set(own.tolist())
    pieces = library.catalog.pieces_of(best.location.source_id for best in wanted)
    by_source: dict[int, list[Candidate]] = {best.location.source_id: [] for best in chosen}
    for candidate in all_candidates(library, asked, {each.id: each for each in pieces if each.id not in hidden}):
        by_source[candidate.location.source_id].append(candidate)
    files = [_File(best, places(by_source[best.location.source_id] or [best])) for best in chosen]
    if query.each_moment:
        return _each_place(files, query)
    return [_hit(file.best, file.places[0], file.places, query) for file in files]


def _each_place(files: Sequence[_File], query: Query) -> list[Hit]:
    place_of = {place.best.location.id: place for file in files for place in file.places}
    best_first = ranked([place.best for place in place_of.values()])[: query.limit]
    return [_hit(best, place_of[best.location.id], [place_of[best.location.id]], query) for best in best_first]


def _hit(best: Candidate, place: Place, shown: Sequence[Place], query: Query) -> Hit:
    location = best.location
    start, end = place.span or (location.start, location.end)
    return Hit(
        path=location.path,
        kind=location.kind,
        score=best.score,
        relevance=best.relevance,
        start=start,
        end=end,
        page=location.page,
        snippet=excerpt(location.text, query.words),
        moments=tuple(Moment(*each.span, each.best.score) for each in shown[:_MOMENTS] if each.span is not None),
        pieces=place.pieces,
    )
