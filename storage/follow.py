"""Bring whatever follows the catalog (a part of the vector index, a GPU's copy) up to what it holds now."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from storage.accelerator import Block
from storage.catalog import Catalog
from storage.exact import ExactPart
from storage.records import Modality
from storage.sqlite_file import rows
from storage.vectors import Followed, Marks

_PIECES_PER_READ = 20_000
_DENSE = 4
_GIVEN = "SELECT name, seq FROM sqlite_sequence"


def follow(
    catalog: Catalog, connection: Connection, dimension: int, each: Sequence[tuple[Modality, Followed[Any]]]
) -> None:
    """Let ``each`` take in what has come to its modality since its marks, and let go of what has left."""
    now = given_numbers(connection)
    removed: dict[int, NDArray[np.int64]] = {}
    for modality, followed in each:
        marks = followed.marks
        if marks == now:
            continue
        if marks.piece and marks.removal < now.removal:
            if marks.removal < _forgotten_removals(connection, now):
                gone = np.setdiff1d(followed.target.ids, held_ids(connection, modality), assume_unique=True)
            else:
                if marks.removal not in removed:
                    removed[marks.removal] = _removed_since(connection, marks.removal)
                gone = removed[marks.removal]
            followed.target.remove(gone)
        if isinstance(followed.target, ExactPart):
            followed.target.reserve(_count_after(connection, modality, marks.piece))
        for ids, vectors in blocks(catalog, connection, dimension, modality, marks.piece):
            followed.target.add(ids, vectors)
        followed.marks = Marks(max(marks.piece, now.piece), now.removal)


def blocks(
    catalog: Catalog, connection: Connection, dimension: int, modality: Modality, after: int = 0
) -> Iterator[Block]:
    """Numbers and embeddings of the pieces of ``modality`` with numbers above ``after``, ascending."""
    column = "+modality" if _is_dense(connection, modality, after) else "modality"  # with the sign no index is used
    query = f"SELECT id, embedding FROM piece WHERE {column} = ? AND id > ? ORDER BY id LIMIT ?"
    while found := rows(connection, query, (modality, after, _PIECES_PER_READ)):
        numbers, embeddings = zip(*found, strict=True)
        ids = np.array(numbers, dtype=np.int64)
        after = int(ids[-1])
        yield ids, catalog.matrix(embeddings, dimension)


def given_numbers(connection: Connection) -> Marks:
    """The highest numbers ever given to a piece and to a removal."""
    return _marks(connection.exec_driver_sql(_GIVEN))


def latest_numbers(catalog: Catalog) -> Marks:
    """The same as of now, for every search to see that nothing has changed."""
    return _marks(catalog.kept_rows(_GIVEN))


def _marks(numbers: Iterable[Any]) -> Marks:
    given = {str(name): int(number) for name, number in numbers}
    return Marks(given.get("piece", 0), given.get("removed_piece", 0))


def _forgotten_removals(connection: Connection, now: Marks) -> int:
    """The last removal that the catalog no longer lists (``Catalog.compact``)."""
    first = connection.exec_driver_sql("SELECT min(sequence) FROM removed_piece").scalar()
    return now.removal if first is None else int(first) - 1


def _count_after(connection: Connection, modality: Modality, after: int) -> int:
    query = "SELECT count(*) FROM piece WHERE modality = ? AND id > ?"
    return int(connection.exec_driver_sql(query, (modality, after)).scalar_one())


def _is_dense(connection: Connection, modality: Modality, after: int) -> bool:
    """Whether so many of the pieces after that one are of the modality that it is quicker to go through all of them."""
    return _DENSE * _count_after(connection, modality, after) >= given_numbers(connection).piece - after


def held_ids(connection: Connection, modality: Modality) -> NDArray[np.int64]:
    """The numbers of all pieces of ``modality``."""
    rows = connection.exec_driver_sql("SELECT id FROM piece WHERE modality = ?", (modality,))
    return np.fromiter((row[0] for row in rows), dtype=np.int64)


def _removed_since(connection: Connection, removal: int) -> NDArray[np.int64]:
    query = "SELECT piece_id FROM removed_piece WHERE sequence > ?"
    return np.array([row[0] for row in connection.exec_driver_sql(query, (removal,))], dtype=np.int64)
