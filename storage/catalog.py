"""The catalog: sources, their pieces and embeddings in one SQLite file. What is committed here is the library.

Writers hold ``storage.lock.WriterLock``; ``catalog_reader.py`` has what can be asked.
"""

import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, Table, delete, insert, literal, select
from sqlalchemy import update as update_rows
from sqlalchemy.dialects.sqlite import insert as upsert

from storage import tables, transcripts, words
from storage.catalog_reader import CatalogReader, chunks
from storage.checksums import piece_checksum, source_checksum
from storage.conditions import at_or_below
from storage.errors import ModelMismatchError
from storage.records import (
    Failure,
    FileState,
    Piece,
    Source,
    StoredSource,
)

_GIVEN = "SELECT seq FROM sqlite_sequence WHERE name = ?"
# Space is given back when more than this part of the file is free; less will be used by what comes.
_FREE_SHARE = 10
_PAGES_PER_STEP = 5_000
# The index of words is merged when its largest part holds less than this of it.
_MERGED = 0.8


class Catalog(CatalogReader):
    """The catalog in ``folder``, to read from and to change. Raises as ``CatalogReader`` does."""

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that may change the library: committed at the end, undone by any exception."""
        with self._engine.connect().execution_options(immediate=True) as connection, connection.begin():
            yield connection

    # --- the library as a whole

    def require_model(self, fingerprint: str, dimension: int) -> None:
        """Raise ModelMismatchError if the library holds embeddings of another model."""
        held = self.model()
        if held is not None and held != (fingerprint, dimension):
            raise ModelMismatchError(
                f"{self.path.parent}: this library was made with model {held[0][:12]}, the settings name model "
                f"{fingerprint[:12]}; name the former again, or run `synesthete rebuild` to embed everything anew"
            )

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
        with other.reading() as connection:
            given = connection.exec_driver_sql(_GIVEN, (tables.piece.name,)).scalar() or 0
        self.number_after(tables.piece, given)

    def number_after(self, table: Table, given: int) -> None:
        """Commit that no row of ``table`` gets a number up to ``given``."""
        with self.writing() as connection:
            own = connection.exec_driver_sql(_GIVEN, (table.name,)).scalar()
            if own is None:
                insertion = "INSERT INTO sqlite_sequence (seq, name) VALUES (?, ?)"
                connection.exec_driver_sql(insertion, (given, table.name))
            elif own < given:
                connection.exec_driver_sql("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", (given, table.name))

    # --- sources

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
            for ids in chunks([source.id for source in sources]):
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
        """Let go of removals that every snapshot has taken in, merge the index of words, and give the space of what was
        deleted back to the disk.

        Indexes in memory that have not taken them in yet are built from the snapshot again (``Library.refresh``).
        """
        removed = tables.removed_piece
        with self.writing() as connection:
            connection.execute(delete(removed).where(removed.c.sequence <= removals_through))
        with self._driver() as driver:
            _merge_words(driver)
            _return_free_pages(driver)

    # --- failures and roots

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
            for chunk in chunks(list(paths)):
                connection.execute(delete(tables.failure).where(tables.failure.c.path.in_(chunk)))

    def put_root(self, path: str, scanned_at: float | None = None) -> None:
        """Commit that the user asked for ``path``, and when it was scanned (by default now)."""
        row = {"path": path, "scanned_at": time.time() if scanned_at is None else scanned_at}
        with self.writing() as connection:
            connection.execute(upsert(tables.root).values(row).on_conflict_do_update(index_elements=["path"], set_=row))


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


def _merge_words(driver: sqlite3.Connection) -> None:
    """Make one of the parts that commits have left the index of words in, where much has come: a search looks each of
    its words up in every part. Waiting until then keeps small changes from writing all of it anew."""
    sizes = [size for (size,) in driver.execute("SELECT count(*) FROM words_idx GROUP BY segid")]
    if sizes and max(sizes) < _MERGED * sum(sizes):
        driver.execute("INSERT INTO words (words) VALUES ('optimize')")


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
