"""The words of a file that asks: which other files share its telling ones, and what that is worth beside meaning.

"More like this", as users of Lucene know it: the words that stand for a text are those that it has often and others
seldom. docs/queries.md has the measurements.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from engine.query.calibrate import deviations
from engine.query.candidates import BestPiece
from engine.query.exact import COMMON, rarity
from engine.query.excerpt import words_with_meaning
from storage import words
from storage.records import PieceFilter

_READ = 50_000
_LOOKED_UP = 200
_TELLING = 25
_ROWS = 400
_WEIGHT = 1.0  # standard deviations


def telling_words(connection: Connection, texts: Sequence[str]) -> list[str]:
    """Those words of ``texts`` that tell them best from what is in the library: by tf-idf, 25 at most.

    A word in no text of the library, or in very many of them, finds nothing. Of long texts the beginning counts.
    """
    often = Counter(_words(texts)).most_common(_LOOKED_UP)
    counts = words.counts_up_to(connection, [words.all_of([word]) for word, _ in often], COMMON)
    weights = {
        word: times * rarity(count) for (word, times), count in zip(often, counts, strict=True) if 0 < count <= COMMON
    }
    return sorted(weights, key=lambda word: (-weights[word], word))[:_TELLING]


def shared_words(
    connection: Connection, texts: Sequence[str], condition: PieceFilter, own: NDArray[np.int64], most: int
) -> dict[int, float]:
    """The ``most`` sources that share most with ``texts``, and the BM25 of the best text of each; ``own``: the numbers
    of pieces that are passed over.

    What files are called does not count: names are short, and one common word makes them look alike.
    """
    telling = telling_words(connection, texts)
    if not telling:
        return {}
    hidden = set(own.tolist())
    best: dict[int, float] = {}
    for match in words.find(connection, words.any_of(telling), condition, _ROWS + len(hidden)):
        if match.origin != "name" and match.piece_id not in hidden:
            best.setdefault(match.source_id, match.score)
            if len(best) == most:
                break
    return best


def by_meaning_and_words(best: Sequence[BestPiece], shared: Mapping[int, float]) -> list[BestPiece]:
    """Files of one kind, best first, in the order of the sum of both.

    The file that shares most gains one standard deviation of unrelated scores, others as much less as their BM25 is
    less (a convex combination: Bruch, Gai, Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval", TOIS 2023).
    """
    most = max((shared.get(each.source_id, 0.0) for each in best), default=0.0)
    if most <= 0:
        return list(best)
    gained = _WEIGHT / most
    return sorted(best, key=lambda each: -(deviations(each.relevance) + gained * shared.get(each.source_id, 0.0)))


def _words(texts: Sequence[str]) -> Iterator[str]:
    left = _READ
    for text in texts:
        yield from (word for word in words_with_meaning(text[:left]) if len(word) > 1)
        left -= min(left, len(text))
