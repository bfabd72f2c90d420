"""The catalog: sources, their pieces and embeddings in one SQLite file. What is committed here is the library.

Writers hold ``storage.lock.WriterLock``; readers may come at any time and from any thread (write-ahead log).
"""

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    delete,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy import update as update_rows
from sqlalchemy.dialects.sqlite import insert as upsert

from storage import tables, transcripts, words
from storage.checksums import piece_checksum, source_checksum
from storage.conditions import at_or_below, clauses
from storage.errors import DamagedCatalogError, DataFolderError, ModelMismatchError
from storage.migrations import migrate
from storage.records import (
    MODALITIES,
    Failure,
    FileState,
    LibraryCounts,
    Modality,
    Owner,
    Piece,
    PieceFilter,
    PieceLocation,
    PieceMelody,
    Source,
    StoredSource,
)
from storage.sqlite_file import KeptConnections, damaged, driver_of, open_engine, raise_own_error, rows

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
# Space is given back when more than this part of the file is free; less will be used by what comes.
_FREE_SHARE = 10
_PAGES_PER_STEP = 5_000


class Catalog:
    """Open (and create or migrate) the catalog in ``folder``.

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
    def writing(self) -> Iterator[Connection]:
        """A transaction that may change the library: committed at the end, undone by any exception."""
        with self._engine.connect().execution_options(immediate=True) as connection, connection.begin():
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

    def require_model(self, fingerprint: str, dimension: int) -> None:
        """Raise ModelMismatchError if the library holds embeddings of another model."""
        held = self.model()
        if held is not None and held != (fingerprint, dimension):
            raise ModelMismatchError(
                f"{self.path.parent}: this library was made with model {held[0][:12]}, the settings name model "
                f"{fingerprint[:12]}; name the former again, or run `synesthete rebuild` to embed everything anew"
            )

    def model_name(self) -> str:
        """What the settings called the model when the library was last indexed, or nothing."""
        return self._facts().get("model_name", "")

    def bind_model(self, fingerprint: str, dimension: int, name: str = "") -> None:
        """Declare whose embeddings the library is about to hold, and under which name its model can be loaded again.

        Raises ModelMismatchError.
        """
        self.require_model(fingerprint, dimension)
        if self.model() is None or (name and name != self.model_name()):
            facts = {"model_fingerprint": fingerprint, "model_dimension": str(dimension), "model_name": name}
            with self.writing() as connection:
                for fact, value in facts.items():
                    row = {"name": fact, "value": value}
                    statement = upsert(tables.fact).values(row)
                    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=row))

    def number_pieces_after(self, other: "Catalog") -> None:
        """Commit that no piece gets a number ``other`` has given: earlier hits must not be taken for new pieces."""
        query = "SELECT seq FROM sqlite_sequence WHERE name = 'piece'"
        with other.reading() as connection:
            given = connection.exec_driver_sql(query).scalar() or 0
        with self.writing() as connection:
            own = connection.exec_driver_sql(query).scalar()
            if own is None:
                connection.exec_driver_sql("INSERT INTO sqlite_sequence (name, seq) VALUES ('piece', ?)", (given,))
            elif own < given:
                connection.exec_driver_sql("UPDATE sqlite_sequence SET seq = ? WHERE name = 'piece'", (given,))

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
            for chunk in _chunks(list(paths)):
                for row in connection.execute(select(tables.source).where(tables.source.c.path.in_(chunk))):
                    found[row.path] = _stored_source(row)
        return found

    def sources_with_content(self, content_hash: bytes) -> list[StoredSource]:
        """The sources whose bytes have this hash."""
        with self.reading() as connection:
            rows = connection.execute(select(tables.source).where(tables.source.c.content_hash == content_hash))
            return [_stored_source(row) for row in rows]

    def put_source(self, source: Source, pieces: Sequence[Piece]) -> None:
        """Commit a source with all its pieces, in place of what stood at its path (a failure, an older content)."""
        with self.writing() as connection:
            source_id = _replace_source(connection, source)
            if pieces:
                connection.execute(insert(tables.piece), [_piece_row(source_id, piece) for piece in pieces])
            words.add_source(connection, source_id, source.path)
            _seal(connection, source_id)

    def copy_source(self, original: StoredSource, source: Source) -> None:
        """Commit a source whose bytes are those of ``original``: it gets copies of its pieces, nothing is embedded."""
        columns = [column for column in tables.piece.columns if column.name not in ("id", "source_id")]
        with self.writing() as connection:
            source_id = _replace_source(connection, source)
            copies = select(literal(source_id), *columns).where(tables.piece.c.source_id == original.id)
            copies = copies.order_by(tables.piece.c.id)
            connection.execute(insert(tables.piece).from_select(["source_id", *(c.name for c in columns)], copies))
            transcripts.copy_rows(connection, original.id, source_id)
            words.add_source(connection, source_id, source.path)
            _seal(connection, source_id)

    def move_source(self, original: StoredSource, source: Source) -> None:
        """Commit that ``original`` now stands at ``source.path``: a renamed file keeps its pieces as they are."""
        with self.writing() as connection:
            _clear_path(connection, source.path)
            _update_source(connection, original.id, source)
            words.rename(connection, original.id, source.path)
            _seal(connection, original.id)

    def touch_source(self, original: StoredSource, state: FileState) -> None:
        """Commit that the file changed from outside (its time) while its bytes stayed the same."""
        with self.writing() as connection:
            connection.execute(
                update_rows(tables.source)
                .where(tables.source.c.id == original.id)
                .values(size=state.size, modified_ns=state.modified_ns)
            )
            _seal(connection, original.id)

    def remove_sources(self, sources: Iterable[StoredSource]) -> None:
        """Commit that these sources are gone, with their pieces."""
        with self.writing() as connection:
            for ids in _chunks([source.id for source in sources]):
                _delete_sources(connection, tables.source.c.id.in_(ids))

    def forget(self, path: str) -> int:
        """Commit that nothing at or below ``path`` belongs to the library; returns how many sources left it."""
        with self.writing() as connection:
            gone = _delete_sources(connection, at_or_below(tables.source.c.path, path))
            connection.execute(delete(tables.failure).where(at_or_below(tables.failure.c.path, path)))
            connection.execute(delete(tables.root).where(at_or_below(tables.root.c.path, path)))
            connection.execute(delete(tables.mount).where(at_or_below(tables.mount.c.path, path)))
            connection.execute(delete(tables.mount).where(at_or_below(tables.mount.c.root, path)))
            return gone

    def add_checksums(self) -> None:
        """Commit checksums of what was indexed by a version that had none."""
        source, piece = tables.source.c, tables.piece.c
        while True:
            with self.writing() as connection:
                ids = connection.execute(select(source.id).where(source.checksum.is_(None)).limit(100)).scalars().all()
                for row in connection.execute(select(tables.piece).where(piece.source_id.in_(ids))).all():
                    fields = (row.modality, row.start, row.end, row.page, row.text, row.embedding, row.melody)
                    value = piece_checksum(*fields)
                    connection.execute(update_rows(tables.piece).where(piece.id == row.id).values(checksum=value))
                for source_id in ids:
                    _seal(connection, source_id)
            if not ids:
                return

    def compact(self, removals_through: int) -> None:
        """Let go of removals that every snapshot has taken in, and give the space of what was deleted back to the disk.

        Indexes in memory that have not taken them in yet are built from the snapshot again (``Library.refresh``).
        """
        removed = tables.removed_piece
        with self.writing() as connection:
            connection.execute(delete(removed).where(removed.c.sequence <= removals_through))
        with self._driver() as driver:
            _return_free_pages(driver)

    # --- failures and roots

    def failures_under(self, path: str) -> dict[str, Failure]:
        """What could not be read at or below ``path``, by path."""
        with self.reading() as connection:
            rows = connection.execute(
                select(tables.failure).where(at_or_below(tables.failure.c.path, path)).order_by(tables.failure.c.path)
            )
            return {row.path: Failure(row.path, FileState(row.size, row.modified_ns), row.reason) for row in rows}

    def put_failure(self, failure: Failure) -> None:
        """Commit that a file cannot be read now; what was indexed of its earlier content leaves the library."""
        with self.writing() as connection:
            _clear_path(connection, failure.path)
            connection.execute(
                insert(tables.failure).values(
                    path=failure.path,
                    size=failure.state.size,
                    modified_ns=failure.state.modified_ns,
                    reason=failure.reason,
                    failed_at=time.time(),
                )
            )

    def remove_failures(self, paths: Iterable[str]) -> None:
        """Commit that these files no longer stand in anyone's way."""
        with self.writing() as connection:
            for chunk in _chunks(list(paths)):
                connection.execute(delete(tables.failure).where(tables.failure.c.path.in_(chunk)))

    def put_root(self, path: str, scanned_at: float | None = None) -> None:
        """Commit that the user asked for ``path``, and when it was scanned (by default now)."""
        row = {"path": path, "scanned_at": time.time() if scanned_at is None else scanned_at}
        with self.writing() as connection:
            connection.execute(upsert(tables.root).values(row).on_conflict_do_update(index_elements=["path"], set_=row))

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
            for ids in _chunks([int(piece_id) for piece_id in piece_ids]):
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

    def counts(self) -> LibraryCounts:
        """How many sources (by kind), pieces (by modality) and failures there are."""
        with self.reading() as connection:
            return LibraryCounts(
                sources=_count_by(connection, tables.source.c.kind),
                pieces=_count_by(connection, tables.piece.c.modality),
                failures=connection.execute(select(func.count()).select_from(tables.failure)).scalar_one(),
            )


def are_facts_whole(facts: Mapping[str, object]) -> bool:
    """Whether there is the catalog's name and, if there is a model, its dimension."""
    has_dimension = "model_fingerprint" not in facts or str(facts.get("model_dimension")).isdecimal()
    return "identity" in facts and has_dimension


def _model(facts: Mapping[str, str]) -> tuple[str, int] | None:
    if "model_fingerprint" not in facts:
        return None
    return facts["model_fingerprint"], int(facts["model_dimension"])


def _chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), _IDS_PER_STATEMENT):
        yield values[start : start + _IDS_PER_STATEMENT]


def _source_row(source: Source) -> dict[str, Any]:
    return {
        "path": source.path,
        "kind": source.kind,
        "size": source.state.size,
        "modified_ns": source.state.modified_ns,
        "content_hash": source.content_hash,
        "duration": source.duration,
        "indexed_at": time.time(),
        "recorded_ns": source.recorded_ns,
    }


def _delete_sources(connection: Connection, condition: ColumnElement[bool]) -> int:
    """Delete the sources that meet ``condition`` with all that is theirs; returns how many."""
    words.remove(connection, condition)
    return connection.execute(delete(tables.source).where(condition)).rowcount


def _clear_path(connection: Connection, path: str) -> None:
    _delete_sources(connection, tables.source.c.path == path)
    connection.execute(delete(tables.failure).where(tables.failure.c.path == path))


def _replace_source(connection: Connection, source: Source) -> int:
    """The number of the source now at its path, without pieces; a source that was there keeps its number."""
    connection.execute(delete(tables.failure).where(tables.failure.c.path == source.path))
    held = connection.execute(select(tables.source.c.id).where(tables.source.c.path == source.path)).scalar()
    if held is None:
        added = connection.execute(insert(tables.source).values(_source_row(source)))
        return int(added.inserted_primary_key[0])  # type: ignore[index]
    words.remove(connection, tables.source.c.id == held)
    transcripts.delete_rows(connection, held)
    connection.execute(delete(tables.piece).where(tables.piece.c.source_id == held))
    _update_source(connection, held, source)
    return int(held)


def _update_source(connection: Connection, source_id: int, source: Source) -> None:
    connection.execute(update_rows(tables.source).where(tables.source.c.id == source_id).values(_source_row(source)))


def _piece_row(source_id: int, piece: Piece) -> Mapping[str, Any]:
    embedding = np.ascontiguousarray(piece.embedding, dtype="<f2").tobytes()
    melody = piece.melody if piece.melody and any(piece.melody) else None
    fields = (piece.modality, piece.start, piece.end, piece.page, piece.text, embedding, melody)
    return {
        "source_id": source_id,
        "modality": piece.modality,
        "start": piece.start,
        "end": piece.end,
        "page": piece.page,
        "text": piece.text,
        "embedding": embedding,
        "melody": melody,
        "checksum": piece_checksum(*fields),
    }


def _seal(connection: Connection, source_id: int) -> None:
    """Give a source the checksum of its row and its pieces as they are now: the last step of changing either."""
    source, piece = tables.source, tables.piece.c
    row = connection.execute(select(source).where(source.c.id == source_id)).mappings().one()
    of_pieces = select(piece.checksum).where(piece.source_id == source_id).order_by(piece.id)
    checksums = connection.execute(of_pieces).scalars().all()
    if None not in checksums:  # pieces of an earlier version get theirs by add_checksums
        value = source_checksum({**row}, checksums)
        connection.execute(update_rows(source).where(source.c.id == source_id).values(checksum=value))


def _return_free_pages(driver: sqlite3.Connection) -> None:
    def number(pragma: str) -> int:
        return int(driver.execute(f"PRAGMA {pragma}").fetchone()[0])

    if number("freelist_count") > number("page_count") // _FREE_SHARE:
        driver.execute("INSERT INTO words (words) VALUES ('optimize')")  # it keeps what was deleted until it is merged
        if number("auto_vacuum") == 0:  # a file of an earlier version: after this it is like the others
            driver.execute("PRAGMA auto_vacuum = INCREMENTAL")
            driver.execute("VACUUM")
        while number("freelist_count"):  # each step a transaction of its own
            driver.executescript(f"PRAGMA incremental_vacuum({_PAGES_PER_STEP})")
    driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _stored_source(row: Row[Any]) -> StoredSource:
    state = FileState(row.size, row.modified_ns)
    source = Source(row.path, row.kind, state, row.content_hash, row.duration, row.recorded_ns)
    return StoredSource(row.id, source)


def _count_by(connection: Connection, column: ColumnElement[Any]) -> dict[Modality, int]:
    return dict(connection.execute(select(column, func.count()).group_by(column).order_by(column)).all())
