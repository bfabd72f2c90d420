"""Read what can be read of a catalog, damaged or not, and hold every row against its checksum.

Rows are asked for in the order of their numbers; where SQLite refuses, one number after the other is tried, so that a
damaged page costs the rows on it and no others.
"""

import sqlite3
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Table, insert

from storage import tables, words
from storage.catalog import Catalog
from storage.catalog_reader import FACTS_ALTERED, are_facts_whole
from storage.checksums import piece_checksum, source_checksum
from storage.migrations import schema_faults
from storage.records import MODALITIES, Failure, FileState
from storage.sqlite_file import open_reader

_ROWS_PER_READ = 500
# A damaged schema may be quoted in the text of an error, which is then no text; a damaged length may be of gigabytes.
_ERRORS = (sqlite3.Error, UnicodeDecodeError, MemoryError)
_NO_LAST = 100_000
# Where it cannot be read which numbers have been given, so many are passed over; a damaged one may be of any size.
_SPARE, _MOST_GIVEN = 1_000_000, 2**53
# Unit vectors rounded to float16 stay well within this of length 1.
_LENGTH_TOLERANCE = 0.01
_REASON = "what the library held of it was damaged; the next `index` reads it again"


@dataclass
class Survey:
    """What a catalog file holds. ``faults``: what SQLite finds wrong with the file; ``whole``: the numbers of sources
    that are as they were written; ``hurt``: the paths of the others, with what is wrong; ``orphans``: pieces whose
    source is not there."""

    faults: list[str] = field(default_factory=list)
    whole: set[int] = field(default_factory=set)
    hurt: dict[str, str] = field(default_factory=dict)
    orphans: int = 0


def survey(path: Path) -> Survey:
    """Look at everything in the catalog at ``path``; nothing is changed."""
    found = Survey()
    with closing(open_reader(path)) as connection:
        found.faults += _faults(connection, path)
        facts = _facts(connection)
        if not found.faults and not are_facts_whole(facts):
            found.faults.append(FACTS_ALTERED)
        dimension = _dimension(facts)
        rows = {row["id"]: row for row in _rows(connection, tables.source)}
        of_source: dict[int, list[int]] = {}
        wrong: dict[int, str] = {}
        sealed = {number for number, row in rows.items() if row["checksum"] is not None}
        for piece in _rows(connection, tables.piece):
            if piece["source_id"] not in rows:
                found.orphans += 1
                continue
            fault = _fault(piece, dimension)
            if fault:
                wrong.setdefault(piece["source_id"], fault)
            of_source.setdefault(piece["source_id"], []).append(piece["checksum"] or 0)
        for number, row in rows.items():
            fault = wrong.get(number)
            if not _is_complete(tables.source, row):
                fault = "its entry has been altered"
            if not fault and number not in of_source:
                fault = "it has no pieces"
            if not fault and number in sealed and row["checksum"] != _seal(row, of_source[number]):
                fault = "its entry has been altered, or pieces of it are missing"
            if fault:
                found.hurt[str(row["path"])] = fault
            else:
                found.whole.add(number)
        known = {row["path"] for row in rows.values()}
        found.hurt |= {path: "its entry cannot be read" for path in _indexed_paths(connection) if path not in known}
    return found


def salvage(path: Path, whole: set[int], hurt: Sequence[str], home: Path) -> None:
    """Make a new catalog in ``home`` of the sources in ``whole``, the roots and the failures, and mark ``hurt`` paths.

    The catalog at ``path`` is only read. Raises DataFolderError when the new one cannot be written.
    """
    catalog = Catalog(home)
    try:
        with closing(open_reader(path)) as connection:
            facts = _facts(connection)
            if _dimension(facts):
                name = facts.get("model_name", "")
                catalog.bind_model(facts["model_fingerprint"], int(facts["model_dimension"]), name)
            for table in (tables.root, tables.mount, tables.failure):
                _copy(catalog, table, (row for row in _rows(connection, table) if _is_complete(table, row)))
            _copy(catalog, tables.source, (row for row in _rows(connection, tables.source) if row["id"] in whole))
            _copy(catalog, tables.piece, (row for row in _rows(connection, tables.piece) if row["source_id"] in whole))
            # Words carry no checksums: all of them or none, so that none are missing where a note says they were found.
            if all(_is_readable(connection, table) for table in (tables.segment, tables.transcript)):
                for table in (tables.segment, tables.transcript):
                    rows = _rows(connection, table)
                    _copy(catalog, table, (row for row in rows if row["source_id"] in whole))
            for table in (tables.source, tables.piece, tables.removed_piece):
                catalog.number_after(table, _last_given(connection, table))
        with catalog.writing() as writing:
            words.rebuild(writing)
        mark(catalog, hurt)
    finally:
        catalog.close()


def mark(catalog: Catalog, hurt: Sequence[str]) -> None:
    """Commit that what is held of these paths cannot be trusted: it leaves, and the next ``index`` reads them again."""
    for path in hurt:
        catalog.put_failure(Failure(path, FileState(0, 0), _REASON))


def _is_readable(connection: sqlite3.Connection, table: Table) -> bool:
    """Whether every row of a table can be read and put into another."""
    try:
        for _ in connection.execute(f"SELECT * FROM {table.name}"):
            pass
    except _ERRORS:
        return False
    return all(_is_complete(table, row) for row in _rows(connection, table))


def _is_complete(table: Table, row: dict[str, Any]) -> bool:
    """Whether a row has a value of the right type in every column that must have one."""
    kinds: dict[type, tuple[type, ...]] = {str: (str,), int: (int,), float: (int, float), bytes: (bytes,)}
    return all(
        isinstance(row[column.name], kinds[column.type.python_type]) for column in table.columns if not column.nullable
    )


def _copy(catalog: Catalog, table: Table, rows: Iterator[dict[str, Any]]) -> None:
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append({column.name: row[column.name] for column in table.columns})
        if len(batch) == _ROWS_PER_READ:
            _put(catalog, table, batch)
            batch = []
    _put(catalog, table, batch)


def _put(catalog: Catalog, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        with catalog.writing() as connection:
            connection.execute(insert(table), rows)


def _faults(connection: sqlite3.Connection, path: Path) -> list[str]:
    try:
        lines = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(10)")]
        if not list(connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'source'")):
            lines.append("there is nothing in it")
        else:
            lines += schema_faults(connection)
    except _ERRORS as error:
        return [str(error)]
    with path.open("rb") as file:
        if file.read(19)[18:] > b"\2":
            lines.append("its header claims a format that is only to be read")
    return [" ".join(line.split()) for line in lines if line != "ok"]


def _facts(connection: sqlite3.Connection) -> dict[str, Any]:
    return {row["name"]: row["value"] for row in _rows(connection, tables.fact)}


def _dimension(facts: dict[str, Any]) -> int:
    """The dimension of the embeddings, 0 if it cannot be known."""
    if "model_fingerprint" not in facts:
        return 0
    try:
        return int(facts["model_dimension"])
    except (KeyError, TypeError, ValueError):
        return 0


def _fault(piece: dict[str, Any], dimension: int) -> str | None:
    modality, embedding = piece["modality"], piece["embedding"]
    if modality not in MODALITIES or not isinstance(embedding, bytes) or not dimension:
        return f"piece {piece['id']} has no embedding of the library's model"
    if len(embedding) != 2 * dimension:
        return f"piece {piece['id']} has no embedding of the library's model"
    length = float(np.linalg.norm(np.frombuffer(embedding, dtype="<f2").astype(np.float32)))
    if not abs(length - 1) <= _LENGTH_TOLERANCE:
        return f"the embedding of piece {piece['id']} is not a unit vector"
    if piece["checksum"] is not None:
        fields = (modality, *(piece[name] for name in ("start", "end", "page", "text", "embedding", "melody")))
        try:
            if piece_checksum(*fields) == piece["checksum"]:
                return None
        except (TypeError, ValueError):  # a field that is not even of its type
            pass
        return f"piece {piece['id']} has been altered (its checksum differs)"
    return None


def _seal(row: dict[str, Any], checksums: Sequence[int]) -> int | None:
    try:
        return source_checksum(row, checksums)
    except (TypeError, ValueError, zlib.error):
        return None


def _indexed_paths(connection: sqlite3.Connection) -> list[str]:
    """The paths of sources as the index of paths has them, which lies on other pages than the sources themselves."""
    try:
        return [str(row[0]) for row in connection.execute("SELECT path FROM source ORDER BY path")]
    except _ERRORS:
        return []


def _rows(connection: sqlite3.Connection, table: Table) -> Iterator[dict[str, Any]]:
    """Every row that can be read, in the order of row numbers; a column the file does not have yet is None."""
    names = [column.name for column in table.columns]
    try:
        present = {str(row[1]) for row in connection.execute(f"PRAGMA table_info({table.name})")}
    except _ERRORS:
        return
    chosen = ", ".join(f'"{name}"' if name in present else "NULL" for name in names)
    query = f"SELECT rowid, {chosen} FROM {table.name} WHERE rowid"
    position, last = 0, None
    while present:
        try:
            rows = connection.execute(f"{query} > ? ORDER BY rowid LIMIT {_ROWS_PER_READ}", (position,)).fetchall()
            numbers = Counter(row[0] for row in rows)
            if any(count > 1 or number <= position for number, count in numbers.items()):
                raise sqlite3.DatabaseError("rows out of order")
            if not rows:
                return
            position = max(numbers)
        except _ERRORS:
            last = _last(connection, table) if last is None else last
            if position >= last:
                return
            rows = []
            for number in range(position + 1, position + _ROWS_PER_READ + 1):
                rows += _one(connection, f"{query} = ?", number)
            position += _ROWS_PER_READ
        for row in rows:
            yield dict(zip(names, row[1:], strict=True))


def _one(connection: sqlite3.Connection, query: str, number: int) -> list[Any]:
    try:
        return [row for row in connection.execute(query, (number,)).fetchall() if row[0] == number]
    except _ERRORS:
        return []


def _last(connection: sqlite3.Connection, table: Table) -> int:
    """The highest row number there may be."""
    given, highest = _given(connection, table), _highest(connection, table)
    return next((number for number in (given, highest) if number is not None), _NO_LAST)


def _last_given(connection: sqlite3.Connection, table: Table) -> int:
    """The highest number that a row may ever have had: earlier hits must not be taken for new pieces."""
    given, highest = _given(connection, table), _highest(connection, table) or 0
    if given is None or not highest <= given < _MOST_GIVEN:
        return min(highest + _SPARE, _MOST_GIVEN)
    return given


def _given(connection: sqlite3.Connection, table: Table) -> int | None:
    return _number(connection, f"SELECT seq FROM sqlite_sequence WHERE name = '{table.name}'")


def _highest(connection: sqlite3.Connection, table: Table) -> int | None:
    return _number(connection, f"SELECT max(rowid) FROM {table.name}")


def _number(connection: sqlite3.Connection, query: str) -> int | None:
    try:
        row = connection.execute(query).fetchone()
    except _ERRORS:
        return None
    return row[0] if row and isinstance(row[0], int) else None
