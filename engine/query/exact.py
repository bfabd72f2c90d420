"""Words as they stand: which files hold them, in their texts, names, subtitles and what was recognised in them."""

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from sqlalchemy import Connection

from engine.query.excerpt import content_words, excerpt, held_words
from engine.query.hits import Hit
from engine.query.query import Query, Words
from storage import words
from storage.catalog import Catalog
from storage.records import MODALITIES, PieceFilter
from storage.words import WordMatch

# A quotation mark opens before a word and closes after one; 12" is a measure.
_QUOTED = re.compile(r'(?<!\S)"(?=\S)([^"]+)(?<=\S)"(?!\w)')
# A word in more texts than this tells hardly anything, and to rank them all would take longer than the vector search.
COMMON = 2000
_ROWS = 400
_RANKED = 2000
_COMBINED = 8
_TEXTS = 1e6  # inverse document frequency, as if among so many: what counts is how words compare
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Asked:
    """What words say to the letter: ``words`` that should stand in a file, ``phrases`` that must."""

    words: tuple[str, ...]
    phrases: tuple[str, ...]


@dataclass(frozen=True)
class WordHit:
    """A file that holds some of the words: the place that holds them best, and their ``share``, 0 to 1, of all that was
    asked, rare words counting more."""

    match: WordMatch
    share: float

    @property
    def is_whole(self) -> bool:
        """Whether no word is missing."""
        return self.share > 0.999


def rarity(texts: int) -> float:
    """What a word tells that stands in so many texts: its inverse document frequency."""
    return math.log(_TEXTS / (1 + texts))


def without_quotes(text: str) -> str:
    """``text`` for whoever reads meaning: quotation marks are for the exact search."""
    return text.replace('"', " ").strip() or text


def asked_words(texts: Iterable[str]) -> Asked:
    """The words and phrases in ``texts``; a phrase stands in quotation marks. Articles and the like count for nothing,
    unless there is nothing else."""
    texts = tuple(texts)
    phrases = [" ".join(found.split()) for text in texts for found in _QUOTED.findall(text)]
    return Asked(content_words(texts), tuple(dict.fromkeys(phrase for phrase in phrases if content_words([phrase]))))


def narrowed(connection: Connection, query: Query, asked: Asked) -> PieceFilter:
    """The filters of ``query``, and its quoted text: what is ``asked`` must stand in a file, what is unwanted must not.

    Where words count alone, those that are not wanted need no quotation marks.
    """
    condition = query.filters.condition
    holders = [words.sources_with(connection, words.all_of([phrase])) for phrase in asked.phrases]
    if holders:
        condition = replace(condition, sources=frozenset(set.intersection(*holders)))
    unwanted = asked_words(part.text for part in query.unwanted if isinstance(part, Words))
    forbidden = [*unwanted.phrases, *(unwanted.words if query.exact else ())]
    if forbidden:
        excluded = words.sources_with(connection, words.any_of(forbidden))
        condition = replace(condition, not_sources=frozenset(excluded))
    return condition


def word_hits(connection: Connection, asked: Asked, condition: PieceFilter, most: int) -> list[WordHit]:
    """Up to ``most`` files of which a text or the name holds half of ``asked.words``, those that hold most first.

    Rare words count more; files that hold as much are ordered by BM25 of their best text. A word in very many texts
    counts where it stands beside another one, and finds no file by itself.
    """
    counts = words.counts_up_to(connection, [words.all_of([word]) for word in asked.words], COMMON)
    texts = dict(zip(asked.words, counts, strict=True))
    weights = {word: rarity(count) for word, count in texts.items()}
    telling = [word for word, count in texts.items() if 0 < count <= COMMON]
    half = sum(weights.values()) / 2
    expression = _at_least(half, {word: weights[word] for word, count in texts.items() if count}, telling)
    if not expression:
        return []
    held: dict[int, set[str]] = {}
    place: dict[int, WordMatch] = {}
    for match in words.find(connection, expression, condition, _ROWS):
        held.setdefault(match.source_id, set()).update(held_words(match.text, asked.words))
        before = place.setdefault(match.source_id, match)
        if before.origin == "name" and match.origin != "name":
            place[match.source_id] = match
    incomplete = [number for number, found in held.items() if len(found) < len(weights)]
    if incomplete and len(telling) > 1:  # other texts of the same file may hold the rest
        for word in telling:
            for source_id in words.matching(connection, words.all_of([word]), incomplete):
                held[source_id].add(word)
    shares = {number: sum(weights[word] for word in found) / (2 * half) for number, found in held.items()}
    hits = [WordHit(place[number], share) for number, share in shares.items()]
    return sorted(hits, key=lambda hit: -round(hit.share, 6))[:most]


def _at_least(least: float, weights: Mapping[str, float], telling: Collection[str]) -> str:
    """The FTS5 expression for texts that hold a telling word, and words that weigh as much as ``least``; or nothing.

    The smallest sets of words that weigh enough, each as a conjunction: the index goes through few texts then. Of many
    words the rarest decide.
    """
    rarest = sorted(weights, key=lambda word: -weights[word])[:_COMBINED]
    enough: list[frozenset[str]] = []
    for size in range(1, len(rarest) + 1):
        for chosen in map(frozenset, combinations(rarest, size)):
            weighs = sum(weights[word] for word in chosen) >= least - _ROUNDING
            if weighs and chosen.intersection(telling) and not any(smaller <= chosen for smaller in enough):
                enough.append(chosen)
    return " OR ".join(f"({words.all_of(sorted(chosen))})" for chosen in enough)


def _ranked_by_share(connection: Connection, asked: Asked, condition: PieceFilter, most: int) -> list[WordHit]:
    """Up to ``most`` files that hold some of ``asked.words``: those that hold most of them first, rare words counting
    more, then by BM25 of the best text. Of more than ``_RANKED`` that hold the same, those indexed first come first.
    """
    holders = {word: words.sources_with(connection, words.all_of([word])) for word in asked.words}
    weights = {word: rarity(min(len(found), COMMON)) for word, found in holders.items()}
    held: dict[int, float] = {}
    for word, found in holders.items():
        for number in found:
            held[number] = held.get(number, 0.0) + weights[word]
    total = sum(weights.values())
    shares = {number: round(held[number] / total, 6) for number in sorted(words.passing(connection, held, condition))}
    best_first = sorted(shares, key=lambda number: -shares[number])
    if len(best_first) > most:
        last = shares[best_first[most - 1]]
        best_first = best_first[: max(most, min(_RANKED, sum(share >= last for share in shares.values())))]
    if not best_first:
        return []
    place: dict[int, WordMatch] = {}
    for match in words.find(connection, words.any_of(asked.words), PieceFilter(sources=frozenset(best_first))):
        before = place.setdefault(match.source_id, match)
        if before.origin == "name" and match.origin != "name":
            place[match.source_id] = match
    hits = [WordHit(match, shares[number]) for number, match in place.items()]
    return sorted(hits, key=lambda hit: -hit.share)[:most]


def exact_search(catalog: Catalog, query: Query) -> list[Hit]:
    """The files that hold the words of ``query``, without any regard to meaning: ``score`` is 0, for nothing is
    compared, ``relevance`` is the share of the words."""
    asked = asked_words(query.words)
    with catalog.reading() as connection:
        condition = narrowed(connection, query, asked)
        kinds = [frozenset({kind}) for kind in MODALITIES if not condition.kinds or kind in condition.kinds]
        each = [replace(condition, kinds=kind) for kind in kinds] if query.each_kind else [condition]
        groups = [found for part in each if (found := _ranked_by_share(connection, asked, part, query.limit))]
    return [_hit(hit, query) for found in sorted(groups, key=lambda group: -group[0].share) for hit in found]


def _hit(hit: WordHit, query: Query) -> Hit:
    match = hit.match
    return Hit(
        path=match.path,
        kind=match.kind,
        score=0.0,
        relevance=hit.share,
        start=match.start,
        end=match.end,
        page=match.page,
        snippet=None if match.origin == "name" else excerpt(match.text, query.words),
        moments=(),
        pieces=() if match.piece_id is None else (match.piece_id,),
    )


def fused_ranks(meaning: Sequence[int], exact: Sequence[tuple[int, float]]) -> list[int]:
    """``meaning`` in the order of reciprocal rank fusion with ``exact``, both best first.

    Cormack, Clarke, Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods"
    (SIGIR 2009): the sum of 1 / (60 + rank) over the lists. In ``exact`` stand files with their share of the words;
    what holds only some of them counts by the fourth power of it (docs/queries.md).
    """
    score = {number: 1 / (60 + rank) for rank, number in enumerate(meaning, start=1)}
    for rank, (number, share) in enumerate(exact, start=1):
        if number in score:
            score[number] += share**4 / (60 + rank)
    return sorted(meaning, key=lambda number: -score[number])
