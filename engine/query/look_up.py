"""What the catalog says of a query by itself: which pieces may answer, and which files hold its words."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.query.exact import Asked, WordHit, asked_words, narrowed, word_hits
from engine.query.query import Query
from storage.catalog import Catalog
from storage.records import Modality, Owner

_WORD_FILES = 4


@dataclass(frozen=True)
class LookUp:
    """The pieces ``among`` which to choose (None: all), and what was ``asked`` to the letter: which files hold these
    ``words``, and all ``pieces`` of those files by number."""

    among: Mapping[Modality, NDArray[np.int64]] | None
    asked: Asked
    words: tuple[WordHit, ...]
    pieces: Mapping[Modality, Mapping[int, Owner]]


def look_up(catalog: Catalog, query: Query) -> LookUp:
    """What can be told of ``query`` without a model: another thread may embed it meanwhile."""
    asked = asked_words(query.words)
    with catalog.looking() as connection:
        condition = narrowed(connection, query, asked)
        words = word_hits(connection, asked, condition, _WORD_FILES * query.limit)
    among = None if condition.is_empty else catalog.matching_pieces(condition)
    pieces = catalog.owned(hit.match.source_id for hit in words) if words else {}
    return LookUp(among, asked, tuple(words), pieces)
