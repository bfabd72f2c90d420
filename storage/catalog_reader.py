"""What can be asked of the catalog: sources, their pieces and embeddings in one SQLite file.

Readers may come at any time and from any thread (write-ahead log). ``catalog.py`` changes it.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Row, func, select

from storage import tables
from storage.conditions import at_or_below, clauses
from storage.errors import DamagedCatalogError, DataFolderError
from storage.migrations import migrate
from storage.records import (
    MODALITIES,
    Failure,
    FileState,
    LibraryCounts,
    Modality,
    Owner,
    PieceFilter,
    PieceLocation,
    PieceMelody,
    Source,
    StoredSource,
)
from storage.sqlite_file import KeptConnections, damaged, driver_of, make_private, open_engine, raise_own_error, rows

T = TypeVar("T")

# The fields of ``Owner`` and of ``PieceLocation``, and numbers given as one parameter, since there may be many.
_OWNER = "piece.id, source_id, source.kind"
_LOCATION = 'piece.id, source_id, source.path, source.kind, modality, text, start, "end", page'
_NUMBERS = "(SELECT value FROM json_each(?))"
# One piece after the other, without a list of the numbers being made and put in order first.
_VECTORS = "SELECT piece.id, embedding FROM json_each(?) CROSS JOIN piece ON piece.id = value"
_OWNERS_AFTER = f"SELECT {_OWNER} FROM piece JOIN source ON source.id = source_id WHERE piece.id > ? ORDER BY piece.id"
# Through the index of pieces by source, so that no embedding is read.
_ALL_OWNERS = f"SELECT {_OWNER} FROM source CROSS JOIN piece INDEXED BY piece_by_source ON source_id = source.id"
# By modality, so that the rows of the others are not read to see that they have none.
_MELODIES = """SELECT id, source_id, coalesce(start, 0.0), melody FROM piece
    WHERE modality = 'audio' AND melody IS NOT NULL ORDER BY id"""

FACTS_ALTERED = "its facts have been altered"
# Below SQLite's limit on variables in one statement.
_IDS_PER_STATEMENT = 10_000


class CatalogReader:
    """Open (and create or migrate) the catalog in ``folder``, to read from.

    Raises DataFolderError, NewerCatalogError or DamagedCatalogError; every method may raise these and LibraryBusyError.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise DataFolderError(f"{folder}: the data folder cannot be created ({error.strerror})") from error
        self.path = folder / "catalog.sqlite"
        if self.path.exists() and self.path.stat().st_size == 0 and (folder / "vectors").exists():
            raise damaged(self.path, "there is nothing in it, but a vector index made from it")
        make_private(self.path)
        self._engine = open_engine(self.path)
        self._kept = KeptConnections(self._engine)
        migrate(self._engine, self.path)

    def close(self) -> None:
        self._kept.close()
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the library, whatever is committed meanwhile."""
        with self._kept.lent() as connection, connection.begin(), self._explained():
            yield connection

    @contextmanager
    def looking(self) -> Iterator[Connection]:
        """For statements each of which may see another state of the library: quicker than a transaction."""
        with self._kept.lent() as connection, self._explained():
            yield connection

    @contextmanager
    def _driver(self) -> Iterator[sqlite3.Connection]:
        """The driver's own connection, outside any transaction."""
        with self._engine.connect() as connection, self._explained():
            yield driver_of(connection)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise_own_error(self.path, error)
            raise

    def kept_rows(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        """All rows of a query that every search asks, outside any transaction, as the driver hands them on."""
        with self.looking() as connection:
            return rows(connection, query, values)

    # --- the library as a whole

    def model(self) -> tuple[str, int] | None:
        """The fingerprint and dimension of the embeddings held, or None as long as there are none."""
        return _model(self._facts())

    def vectors_owner(self) -> tuple[str, int] | None:
        """Whose vectors are held, and their dimension, or None as long as there are none.

        The name is that of the model and of the catalog, a random one: a snapshot of another one can be told by it.
        """
        facts = self._facts()
        model = _model(facts)
        return None if model is None else (f"{facts['identity']} {model[0]}", model[1])

    def model_name(self) -> str:
        """What the settings called the model when the library was last indexed, or nothing."""
        return self._facts().get("model_name", "")

    def counts(self) -> LibraryCounts:
        """How many sources (by kind), pieces (by modality) and failures there are."""
        with self.reading() as connection:
            return LibraryCounts(
                sources=_count_by(connection, tables.source.c.kind),
                pieces=_count_by(connection, tables.piece.c.modality),
                failures=connection.execute(select(func.count()).select_from(tables.failure)).scalar_one(),
            )

    def _facts(self) -> dict[str, str]:
        facts = dict(self.kept_rows("SELECT name, value FROM fact"))
        if not are_facts_whole(facts):
            raise damaged(self.path, FACTS_ALTERED)
        return facts

    # --- sources

    def sources_under(self, path: str, kinds: Iterable[Modality] = MODALITIES) -> dict[str, StoredSource]:
        """The sources of these kinds at or below ``path``, by path."""
        query = select(tables.source).where(at_or_below(tables.source.c.path, path))
        if set(kinds) != set(MODALITIES):
            query = query.where(tables.source.c.kind.in_(sorted(kinds)))
        with self.reading() as connection:
            rows = connection.execute(query)
            return {row.path: _stored_source(row) for row in rows}

    def states_under(self, path: str) -> tuple[dict[str, tuple[int, int]], dict[str, tuple[int, int]]]:
        """The states in which files at or below ``path`` were read, by path: of the sources, and of the failures.

        A run asks it of every file there is, so it goes straight to the driver.
        """
        below = path.rstrip("/") + "/"
        with self._driver() as driver:

            def states(table: str) -> dict[str, tuple[int, int]]:
                query = f"SELECT path, size, modified_ns FROM {table} WHERE path = ? OR (path >= ? AND path < ?)"
                rows = driver.execute(query, (path, below, below[:-1] + "0"))
                return {name: (size, modified_ns) for name, size, modified_ns in rows}

            return states("source"), states("failure")

    def sources_at(self, paths: Iterable[str]) -> dict[str, StoredSource]:
        """The sources at these paths, by path."""
        found = {}
        with self.reading() as connection:
            for chunk in chunks(list(paths)):
                for row in connection.execute(select(tables.source).where(tables.source.c.path.in_(chunk))):
                    found[row.path] = _stored_source(row)
        return found

    def sources_with_content(self, content_hash: bytes) -> list[StoredSource]:
        """The sources whose bytes have this hash."""
        with self.reading() as connection:
            rows = connection.execute(select(tables.source).where(tables.source.c.content_hash == content_hash))
            return [_stored_source(row) for row in rows]

    # --- failures and roots

    def failures_under(self, path: str) -> dict[str, Failure]:
        """What could not be read at or below ``path``, by path."""
        with self.reading() as connection:
            rows = connection.execute(
                select(tables.failure).where(at_or_below(tables.failure.c.path, path)).order_by(tables.failure.c.path)
            )
            return {row.path: Failure(row.path, FileState(row.size, row.modified_ns), row.reason) for row in rows}

    def roots(self) -> dict[str, float]:
        """What the user asked for, with the time of the last scan (seconds since 1970)."""
        with self.reading() as connection:
            return dict(
                connection.execute(
                    select(tables.root.c.path, tables.root.c.scanned_at).order_by(tables.root.c.path)
                ).all()
            )

    # --- pieces

    def matching_pieces(self, condition: PieceFilter) -> dict[Modality, NDArray[np.int64]]:
        """The numbers of the pieces whose sources pass ``condition``, sorted, by modality of the piece.

        Raises ValueError when one of its patterns is none.
        """
        query = select(tables.piece.c.modality, tables.piece.c.id).join(tables.source).order_by(tables.piece.c.id)
        query = query.where(*clauses(condition))
        found: dict[Modality, list[int]] = {}
        with self.reading() as connection:
            for modality, piece_id in connection.execute(query):
                found.setdefault(modality, []).append(piece_id)
        return {modality: np.array(ids, dtype=np.int64) for modality, ids in found.items()}

    def owners(self, piece_ids: Iterable[int]) -> dict[int, Owner]:
        """The sources of these pieces, by number, ascending. A piece that has left the library is missing."""
        return {number: Owner(source, kind) for number, source, kind in self._pieces(_OWNER, "piece.id", piece_ids)}

    def owners_after(self, piece_id: int) -> dict[int, Owner]:
        """The sources of all pieces of a higher number, ascending."""
        rows = self.kept_rows(_OWNERS_AFTER, (piece_id,)) if piece_id else sorted(self.kept_rows(_ALL_OWNERS))
        return {number: Owner(source, kind) for number, source, kind in rows}

    def owned(self, source_ids: Iterable[int]) -> dict[Modality, list[int]]:
        """The numbers of all pieces of these sources, by modality, ascending."""
        found: dict[Modality, list[int]] = {}
        for number, modality in self._pieces("piece.id, modality", "piece.source_id", source_ids):
            found.setdefault(modality, []).append(number)
        return found

    def locate(self, piece_ids: Iterable[int]) -> dict[int, PieceLocation]:
        """Where these pieces come from. A piece that has left the library meanwhile is missing from the answer."""
        return {row[0]: PieceLocation(*row) for row in self._pieces(_LOCATION, "piece.id", piece_ids)}

    def pieces_of(self, source_ids: Iterable[int]) -> list[PieceLocation]:
        """Every piece of these sources, in the order of their numbers."""
        return [PieceLocation(*row) for row in self._pieces(_LOCATION, "piece.source_id", source_ids)]

    def _pieces(self, columns: str, column: str, numbers: Iterable[int]) -> list[Any]:
        """Columns of the pieces of which ``column`` is one of ``numbers``, in the order of their numbers."""
        query = f"SELECT {columns} FROM piece JOIN source ON source.id = source_id WHERE {column} IN {_NUMBERS}"
        return self.kept_rows(f"{query} ORDER BY piece.id", (json.dumps([int(n) for n in numbers]),))

    def embeddings(self, piece_ids: Iterable[int]) -> dict[int, tuple[Modality, NDArray[np.float32]]]:
        """Modality and vector, shape (dimension,), of these pieces. A piece that has left the library is missing."""
        piece = tables.piece.c
        found = {}
        with self.reading() as connection:
            for ids in chunks([int(piece_id) for piece_id in piece_ids]):
                rows = connection.execute(select(piece.id, piece.modality, piece.embedding).where(piece.id.in_(ids)))
                for piece_id, modality, embedding in rows:
                    found[piece_id] = (modality, np.frombuffer(embedding, dtype="<f2").astype(np.float32))
        return found

    def vectors(self, piece_ids: NDArray[np.int64], dimension: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Those of these pieces that are in the library, ascending, and their vectors, shape (n, dimension).

        ``piece_ids``: each once.
        """
        rows = self.kept_rows(_VECTORS, (json.dumps(piece_ids.tolist()),))
        if not rows:
            return np.empty(0, dtype=np.int64), np.empty((0, dimension), dtype=np.float32)
        rows.sort()
        numbers, embeddings = zip(*rows, strict=True)
        return np.array(numbers, dtype=np.int64), self.matrix(embeddings, dimension).astype(np.float32)

    def matrix(self, embeddings: Sequence[bytes], dimension: int) -> NDArray[np.float16]:
        """Stored embeddings, shape (len(embeddings), dimension). Raises DamagedCatalogError for another length."""
        joined = b"".join(embeddings)
        if len(joined) != len(embeddings) * dimension * 2:
            raise DamagedCatalogError(f"{self.path}: it holds embeddings of a wrong length; run `synesthete check`")
        return np.frombuffer(joined, dtype="<f2").reshape(-1, dimension)

    def melodies(self) -> list[PieceMelody]:
        """The melodies of all sounds that have one, in the order of their numbers."""
        return [PieceMelody(*row) for row in self.kept_rows(_MELODIES, ())]

    def melodies_of(self, piece_ids: Iterable[int]) -> list[PieceMelody]:
        """The melodies of these pieces, of those that have one, in the order of their numbers."""
        columns = "piece.id, source_id, coalesce(start, 0.0), melody"
        return [PieceMelody(*row) for row in self._pieces(columns, "piece.id", piece_ids) if row[3] is not None]


def are_facts_whole(facts: Mapping[str, object]) -> bool:
    """Whether there is the catalog's name and, if there is a model, its dimension."""
    has_dimension = "model_fingerprint" not in facts or str(facts.get("model_dimension")).isdecimal()
    return "identity" in facts and has_dimension


def _model(facts: Mapping[str, str]) -> tuple[str, int] | None:
    if "model_fingerprint" not in facts:
        return None
    return facts["model_fingerprint"], int(facts["model_dimension"])


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """``values`` in runs that one statement can take."""
    for start in range(0, len(values), _IDS_PER_STATEMENT):
        yield values[start : start + _IDS_PER_STATEMENT]


def _stored_source(row: Row[Any]) -> StoredSource:
    state = FileState(row.size, row.modified_ns)
    source = Source(row.path, row.kind, state, row.content_hash, row.duration, row.recorded_ns)
    return StoredSource(row.id, source)


def _count_by(connection: Connection, column: ColumnElement[Any]) -> dict[Modality, int]:
    return dict(connection.execute(select(column, func.count()).group_by(column).order_by(column)).all())
