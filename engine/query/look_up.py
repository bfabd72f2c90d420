"""What the catalog says of a query by itself: which pieces may answer, and which files hold its words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from engine.query.embed_query import Reading
from engine.query.exact import Asked, WordHit, asked_words, narrowed, word_hits
from engine.query.query import Query
from engine.query.shared_words import shared_words
from storage.catalog import Catalog
from storage.records import MODALITIES, Modality, PieceFilter

_WORD_FILES = 4


@dataclass(frozen=True)
class LookUp:
    """The pieces ``among`` which to choose (None: all), and what was ``asked`` to the letter: which files hold these
    ``words``, and all ``pieces`` of those files by number. ``condition``: what a file must meet to answer.
    ``shared``: the files that have words in common with those that ask, and how much (BM25)."""

    among: Mapping[Modality, NDArray[np.int64]] | None
    asked: Asked
    words: tuple[WordHit, ...]
    pieces: Mapping[Modality, Sequence[int]]
    condition: PieceFilter
    shared: Mapping[int, float] = field(default_factory=dict)


def look_up(catalog: Catalog, query: Query) -> LookUp:
    """What can be told of ``query`` without a model: another thread may embed it meanwhile."""
    asked = asked_words(query.words)
    with catalog.looking() as connection:
        condition = narrowed(connection, query, asked)
        words = word_hits(connection, asked, condition, _WORD_FILES * query.limit)
    among = None if condition.is_empty else catalog.matching_pieces(condition)
    pieces = catalog.owned(hit.match.source_id for hit in words) if words else {}
    return LookUp(among, asked, tuple(words), pieces, condition)


def look_up_texts(
    catalog: Catalog, query: Query, looked_up: LookUp, readings: Sequence[Reading], own: NDArray[np.int64]
) -> LookUp:
    """``looked_up`` with the files that share words with what is written in the files that ask.

    ``own``: the numbers of pieces that must not answer, ascending.
    """
    texts = dict.fromkeys(part.text for reading in readings for part in reading if part.weight > 0 and part.text)
    if not texts:
        return looked_up
    with catalog.looking() as connection:
        shared = shared_words(connection, list(texts), looked_up.condition, own, _WORD_FILES * query.limit)
    owned = catalog.owned(shared) if shared else {}
    pieces = {name: sorted({*looked_up.pieces.get(name, ()), *owned.get(name, ())}) for name in MODALITIES}
    return replace(looked_up, shared=shared, pieces=pieces)


def without_words_of(unwanted: NDArray[np.int64], looked_up: LookUp, catalog: Catalog) -> LookUp:
    """``looked_up`` without the files of ``unwanted`` pieces among those that hold the words: a file that is to sink is
    not raised by its name."""
    refused = {piece.source_id for piece in catalog.locate(unwanted.tolist()).values()}
    return replace(looked_up, words=tuple(hit for hit in looked_up.words if hit.match.source_id not in refused))
