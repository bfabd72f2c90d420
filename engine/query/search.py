"""From the readings of a query to hits: candidates of every modality, ranked together, grouped by file or place."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.query.candidates import (
    BestPiece,
    Candidate,
    Priors,
    Scale,
    Scope,
    best_pieces,
    candidates,
    of_each_kind,
    scales,
)
from engine.query.embed_query import Reading
from engine.query.exact import Asked, WordHit, fused_ranks
from engine.query.excerpt import excerpt
from engine.query.hits import Hit, Moment
from engine.query.hummed import tune_of, tune_scale
from engine.query.look_up import LookUp
from engine.query.moments import Place, place_of_words, places, with_words
from engine.query.query import Query
from engine.query.shared_words import by_meaning_and_words
from storage import words as texts
from storage.library import Library
from storage.records import MODALITIES, Modality, PieceFilter
from storage.words import WordMatch

_MOMENTS = 5
_TIMED: tuple[Modality, ...] = ("video", "audio")


@dataclass(frozen=True)
class _File:
    """A file that answers: its best candidate, and its places, the best one first."""

    best: Candidate
    places: Sequence[Place]


def search(
    library: Library,
    query: Query,
    looked_up: LookUp,
    readings: Sequence[Reading],
    own: NDArray[np.int64],
    priors: Priors,
    floor: float,
    modalities: Collection[Modality] = MODALITIES,
) -> list[Hit]:
    """The best ``query.limit`` files by the relevance of their best piece, or the best places if that is asked for; so
    many of every kind, if that is.

    ``own``: the numbers of pieces that must not answer, ascending. ``priors`` gives the background for (modality of a
    query's part, modality of the piece); only pieces of ``modalities`` answer. ``floor``: the least relevance of what
    holds all the words. Exact under any filter: the pieces that
    pass are searched until ``query.limit`` files are found and no piece that is left can be better, or nothing is left.
    Raises QueryError.
    """
    scope = Scope(looked_up.among, own, modalities)
    on = scales(library, readings, priors, scope)
    line = tune_of(readings)
    if line is not None and (by_tune := tune_scale(library, line, scope)) is not None:
        on.append(by_tune)
    scopes = of_each_kind(library, scope) if query.each_kind else [scope]
    groups = [hits for each in scopes if (hits := _best(library, query, looked_up, on, each, floor))]
    return [hit for group in sorted(groups, key=lambda hits: -hits[0].relevance) for hit in group]


def _best(
    library: Library, query: Query, looked_up: LookUp, on: Sequence[Scale], scope: Scope, floor: float
) -> list[Hit]:
    """The best ``query.limit`` hits of ``scope``."""
    words = looked_up.words
    found = best_pieces(library, on, query.limit, scope, looked_up.pieces)
    chosen = _fused(found, words, looked_up.shared, floor)[: query.limit]
    where = _where(library, looked_up.asked, [hit for hit in words if hit.is_whole], chosen, query.each_moment)
    files = _files(library, on, chosen, scope.without, where, query.each_moment)
    if query.each_moment:
        return _each_place(files, query, floor)
    return [_hit(file.best, file.places[0], file.places, query) for file in files]


def _where(
    library: Library, asked: Asked, whole: Sequence[WordHit], chosen: Sequence[BestPiece], every: bool
) -> dict[int, list[WordMatch]]:
    """The best text that holds the words, or every one that holds all, by the number of the source: of ``chosen`` ones.

    A file of which just the name holds them says nothing about where to look.
    """
    numbers = {each.source_id for each in chosen}
    best = {hit.match.source_id: hit.match for hit in whole if hit.match.source_id in numbers}
    best = {number: match for number, match in best.items() if match.origin != "name"}
    found: dict[int, list[WordMatch]] = {}
    if every and best:
        with library.catalog.reading() as connection:
            holders = PieceFilter(sources=frozenset(best))
            for match in texts.find(connection, texts.all_of(asked.words), holders):
                if match.origin != "name":
                    found.setdefault(match.source_id, []).append(match)
    return {number: found.get(number, [match]) for number, match in best.items()}


def _files(
    library: Library,
    on: Sequence[Scale],
    best: Sequence[BestPiece],
    own: NDArray[np.int64],
    where: Mapping[int, Sequence[WordMatch]],
    every_place: bool,
) -> list[_File]:
    """The files of ``best``, in this order, with their places: first those ``where`` words stand.

    The best places are in the best files: no other file has a place better than the best of each of these.
    """
    whole = {each.source_id for each in best if every_place or each.kind in _TIMED or where.get(each.source_id)}
    pieces = library.catalog.pieces_of(whole) if whole else []
    located = {piece.id: piece for piece in pieces}
    found = library.catalog.locate(each.number for each in best if each.source_id not in whole)
    if timed := [piece.source_id for piece in found.values() if piece.start is not None]:  # subtitles
        pieces += library.catalog.pieces_of(timed)
    located |= found
    best = [each for each in best if each.number in located]
    hidden = set(own.tolist())
    pieces = [piece for piece in pieces if piece.id not in hidden]
    by_source: dict[int, list[Candidate]] = {}
    for candidate in candidates(library, on, pieces):
        by_source.setdefault(candidate.location.source_id, []).append(candidate)
    files = []
    for each in best:
        itself = Candidate(located[each.number], each.score, each.relevance, each.standing)
        rated = by_source.get(each.source_id, [itself])
        of_words = [place_of_words(match, rated) for match in where.get(each.source_id, ())]
        files.append(
            _File(
                itself,
                with_words(
                    places(rated, None if every_place else _MOMENTS), [place for place in of_words if place is not None]
                ),
            )
        )
    return files


def _fused(
    best: Sequence[BestPiece], words: Sequence[WordHit], shared: Mapping[int, float], floor: float
) -> list[BestPiece]:
    """The same files, best first, in an order to which meaning and words have contributed.

    Ranks are fused among the files of one kind, which then share out the relevances of that kind anew: words move a
    file before others of its kind, and leave it to relevance how kinds compare. Otherwise every text with the word
    would stand before the best picture. A file that holds all words has at least the relevance ``floor``, as have those
    that it did not overtake.
    ``shared``: what files have in common with those that ask.
    """
    if not words and not shared:
        return list(best)
    whole = {hit.match.source_id for hit in words if hit.is_whole}
    order: list[BestPiece] = []
    for kind in dict.fromkeys(each.kind for each in best):
        of_kind = {each.source_id: each for each in best if each.kind == kind}
        holders = [(hit.match.source_id, hit.share) for hit in words if hit.match.source_id in of_kind]
        nearest = by_meaning_and_words(list(of_kind.values()), shared)
        slots = [each.relevance for each in of_kind.values()]
        least = 0.0
        placed = []
        for number, relevance in reversed(
            [*zip(fused_ranks([each.source_id for each in nearest], holders), slots, strict=True)]
        ):
            least = max(least, relevance, floor if number in whole else 0.0)
            placed.append(of_kind[number]._replace(relevance=least))
        order += reversed(placed)
    return sorted(order, key=lambda each: -each.relevance)  # stable: what is equal keeps the order of its kind


def _each_place(files: Sequence[_File], query: Query, floor: float) -> list[Hit]:
    """A place that holds all words has the least relevance that its file has."""
    found = [
        (place, place.best._replace(relevance=max(place.best.relevance, floor if place.words else 0.0)))
        for file in files
        for place in file.places
    ]
    found.sort(key=lambda each: (-each[1].relevance, -each[1].score, each[1].location.id, each[0].span or (0.0, 0.0)))
    return [_hit(best, place, [place], query) for place, best in found[: query.limit]]


def _hit(best: Candidate, place: Place, shown: Sequence[Place], query: Query) -> Hit:
    location, words = best.location, place.words
    start, end = place.span or (location.start, location.end)
    return Hit(
        path=location.path,
        kind=location.kind,
        score=best.score,
        relevance=best.relevance,
        start=start,
        end=end,
        page=location.page if words is None else words.page,
        snippet=excerpt(location.text if words is None else words.text, query.words),
        moments=tuple(Moment(*each.span, each.best.score) for each in shown[:_MOMENTS] if each.span is not None),
        pieces=place.pieces,
    )
