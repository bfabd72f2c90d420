"""Words as they stand: which files hold them, in their texts, names, subtitles and what was recognised in them."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from sqlalchemy import Connection

from engine.query.excerpt import content_words, excerpt, held_words
from engine.query.hits import Hit
from engine.query.query import Query, Words
from storage import words
from storage.catalog import Catalog
from storage.records import PieceFilter
from storage.words import WordMatch

# A quotation mark opens before a word and closes after one; 12" is a measure.
_QUOTED = re.compile(r'(?<!\S)"(?=\S)([^"]+)(?<=\S)"(?!\w)')
# A word in more texts than this tells hardly anything, and to rank them all would take longer than the vector search.
_COMMON = 2000
_ROWS = 400
_TEXTS = 1e6


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


def without_quotes(text: str) -> str:
    """``text`` for whoever reads meaning: quotation marks are for the exact search."""
    return text.replace('"', " ").strip() or text


def asked_words(texts: Iterable[str]) -> Asked:
    """The words and phrases in ``texts``; a phrase stands in quotation marks. Articles and the like count for nothing,
    unless there is nothing else."""
    texts = tuple(texts)
    phrases = [" ".join(found.split()) for text in texts for found in _QUOTED.findall(text)]
    return Asked(content_words(texts), tuple(dict.fromkeys(phrase for phrase in phrases if content_words([phrase]))))


def narrowed(connection: Connection, query: Query) -> PieceFilter:
    """The filters of ``query``, and its quoted text: what is wanted must stand in a file, what is not must not.

    Where words count alone, those that are not wanted need no quotation marks.
    """
    condition = query.filters.condition
    holders = [words.sources_with(connection, words.all_of([phrase])) for phrase in asked_words(query.words).phrases]
    if holders:
        condition = replace(condition, sources=frozenset(set.intersection(*holders)))
    unwanted = asked_words(part.text for part in query.unwanted if isinstance(part, Words))
    forbidden = [*unwanted.phrases, *(unwanted.words if query.exact else ())]
    if forbidden:
        excluded = words.sources_with(connection, words.any_of(forbidden))
        condition = replace(condition, not_sources=frozenset(excluded))
    return condition


def word_hits(connection: Connection, asked: Asked, condition: PieceFilter, all_words: bool) -> list[WordHit]:
    """Files that hold ``asked.words``, those with most of them first, then by BM25 of the best text.

    A word found in very many texts is left out, unless ``all_words``.
    """
    weights = {word: _weight(connection, word) for word in asked.words}
    telling = [word for word in asked.words if all_words or weights[word] > _weight_of(_COMMON)]
    if not telling:
        return []
    total = sum(weights.values())
    held: dict[int, set[str]] = {}
    place: dict[int, WordMatch] = {}
    rows = words.find(connection, words.any_of(telling), condition)
    for match in islice(rows, None if all_words else _ROWS):
        held.setdefault(match.source_id, set()).update(held_words(match.text, asked.words))
        before = place.get(match.source_id)
        if before is None or (before.origin == "name" and match.origin != "name"):
            place[match.source_id] = match
    hits = [WordHit(place[number], sum(weights[word] for word in found) / total) for number, found in held.items()]
    return sorted(hits, key=lambda hit: -round(hit.share, 6))


def exact_search(catalog: Catalog, query: Query) -> list[Hit]:
    """The files that hold the words of ``query``, without any regard to meaning: ``score`` is 0, for nothing is
    compared, ``relevance`` is the share of the words."""
    with catalog.reading() as connection:
        found = word_hits(connection, asked_words(query.words), narrowed(connection, query), all_words=True)
    return [_hit(hit, query) for hit in found[: query.limit]]


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


def fused_ranks(meaning: Sequence[int], exact: Sequence[int]) -> list[int]:
    """``meaning`` in the order of reciprocal rank fusion with ``exact``, both best first.

    Cormack, Clarke, Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods"
    (SIGIR 2009): the sum of 1 / (60 + rank) over the lists.
    """
    score = {number: 1 / (60 + rank) for rank, number in enumerate(meaning, start=1)}
    for rank, number in enumerate(exact, start=1):
        if number in score:
            score[number] += 1 / (60 + rank)
    return sorted(meaning, key=lambda number: -score[number])


def _weight(connection: Connection, word: str) -> float:
    return _weight_of(words.count_up_to(connection, words.all_of([word]), _COMMON))


def _weight_of(texts: int) -> float:
    """Inverse document frequency, as if among a million texts: what counts is how words compare."""
    return math.log(_TEXTS / (1 + texts))
