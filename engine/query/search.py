"""From the readings of a query to hits: candidates of every modality, ranked together, grouped by file or place."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.query.candidates import Candidate, Priors, Scope, all_candidates, best_candidates, ranked, scales
from engine.query.embed_query import Reading
from engine.query.exact import WordHit, asked_words, fused_ranks, narrowed, word_hits
from engine.query.excerpt import excerpt
from engine.query.hits import Hit, Moment
from engine.query.moments import Place, places
from engine.query.query import Query
from storage.library import Library
from storage.words import WordMatch

_MOMENTS = 5
# A file that lacks more of what was asked says too little to be moved for it.
_LEAST_SHARE = 0.5
_WORD_FILES = 4


@dataclass(frozen=True)
class _File:
    """A file that answers: its best candidate, and its places, the best one first."""

    best: Candidate
    places: Sequence[Place]


def search(
    library: Library,
    query: Query,
    readings: Sequence[Reading],
    own: NDArray[np.int64],
    priors: Priors,
    cutoff: float,
) -> list[Hit]:
    """The best ``query.limit`` files by the relevance of their best piece, or the best places if that is asked for.

    ``own``: the numbers of pieces that must not answer. ``priors`` gives the background for (modality of a query's
    part, modality of the piece). Exact under any filter: each modality is searched among the pieces that pass until it
    has given ``query.limit`` different files or all it has. Raises QueryError.
    """
    with library.catalog.reading() as connection:
        condition = narrowed(connection, query)
        words = word_hits(connection, asked_words(query.words), condition, all_words=False)
    words = [hit for hit in words if hit.share >= _LEAST_SHARE][: _WORD_FILES * query.limit]
    scope = Scope(library.matching_pieces(condition), own)
    asked = scales(library, readings, priors, scope)
    found = [candidate for scale in asked for candidate in best_candidates(library, scale, query.limit, scope)]
    hidden = set(own.tolist())
    holding = library.catalog.pieces_of(hit.match.source_id for hit in words)
    found += all_candidates(library, asked, {each.id: each for each in holding if each.id not in hidden})
    best_of_source: dict[int, Candidate] = {}
    for candidate in ranked(found):
        best_of_source.setdefault(candidate.location.source_id, candidate)
    chosen = _fused(list(best_of_source.values()), words, cutoff)[: query.limit]

    # The best places are in the best files: no other file has a place better than the best of each of these.
    wanted = [best for best in chosen if query.each_moment or best.location.start is not None]
    pieces = library.catalog.pieces_of(best.location.source_id for best in wanted)
    by_source: dict[int, list[Candidate]] = {best.location.source_id: [] for best in chosen}
    for candidate in all_candidates(library, asked, {each.id: each for each in pieces if each.id not in hidden}):
        by_source[candidate.location.source_id].append(candidate)
    files = [_File(best, places(by_source[best.location.source_id] or [best])) for best in chosen]
    if query.each_moment:
        return _each_place(files, query)
    where = {hit.match.source_id: hit.match for hit in words if hit.is_whole and hit.match.origin != "name"}
    return [
        _at_words(_hit(file.best, file.places[0], file.places, query), where.get(file.best.location.source_id), query)
        for file in files
    ]


def _fused(best: Sequence[Candidate], words: Sequence[WordHit], cutoff: float) -> list[Candidate]:
    """One candidate a file, best first, in an order to which meaning and words have contributed.

    Ranks are fused among the files of one kind, which then share out the relevances of that kind anew: words move a
    file before others of its kind, and leave it to relevance how kinds compare. Otherwise every text with the word
    would stand before the best picture. A file that holds all words is close, as are those that it did not overtake.
    """
    whole = {hit.match.source_id for hit in words if hit.is_whole}
    order: list[Candidate] = []
    for kind in dict.fromkeys(each.location.kind for each in best):
        of_kind = {each.location.source_id: each for each in best if each.location.kind == kind}
        slots = [each.relevance for each in of_kind.values()]
        holders = [hit.match.source_id for hit in words if hit.match.source_id in of_kind]
        least = 0.0
        placed = []
        for number, relevance in reversed([*zip(fused_ranks(list(of_kind), holders), slots, strict=True)]):
            least = max(least, relevance, cutoff if number in whole else 0.0)
            placed.append(replace(of_kind[number], relevance=least))
        order += reversed(placed)
    return sorted(order, key=lambda each: -each.relevance)  # stable: what is equal keeps the order of its kind


def _at_words(hit: Hit, match: WordMatch | None, query: Query) -> Hit:
    """A hit that shows where the words stand."""
    if match is None:
        return hit
    pieces = hit.pieces if match.piece_id is None else (match.piece_id,)
    snippet = excerpt(match.text, query.words)
    return replace(hit, start=match.start, end=match.end, page=match.page, snippet=snippet, pieces=pieces)


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
