"""Bring a catalog file up to this version, one step a transaction. Steps are appended, never edited.

SQLite's ``user_version`` counts the steps done and is set in the same transaction as the step itself, so a crash leaves
either both or neither. Every step changes the schema, so that a damaged number can be told from a newer version's.
Steps may call ``name_words``, which every connection to a catalog knows.
"""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from storage.errors import NewerCatalogError
from storage.name_words import name_words
from storage.sqlite_file import damaged

_NO_VERSION = "its version is not that of what it holds"

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE fact (name VARCHAR NOT NULL PRIMARY KEY, value VARCHAR NOT NULL)",
        "INSERT INTO fact (name, value) VALUES ('identity', lower(hex(randomblob(16))))",
        "CREATE TABLE root (path VARCHAR NOT NULL PRIMARY KEY, scanned_at FLOAT NOT NULL)",
        """CREATE TABLE source (
            id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
            path VARCHAR NOT NULL UNIQUE,
            kind VARCHAR NOT NULL,
            size BIGINT NOT NULL,
            modified_ns BIGINT NOT NULL,
            content_hash BLOB NOT NULL,
            duration FLOAT,
            indexed_at FLOAT NOT NULL
        )""",
        "CREATE INDEX source_by_content ON source (content_hash)",
        """CREATE TABLE piece (
            id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
            source_id INTEGER NOT NULL REFERENCES source (id) ON DELETE CASCADE,
            modality VARCHAR NOT NULL,
            start FLOAT,
            "end" FLOAT,
            page INTEGER,
            text VARCHAR,
            embedding BLOB NOT NULL
        )""",
        "CREATE INDEX piece_by_source ON piece (source_id)",
        """CREATE TABLE removed_piece (
            sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
            piece_id INTEGER NOT NULL
        )""",
        """CREATE TRIGGER note_removed_piece AFTER DELETE ON piece
            BEGIN INSERT INTO removed_piece (piece_id) VALUES (old.id); END""",
        """CREATE TABLE failure (
            path VARCHAR NOT NULL PRIMARY KEY,
            size BIGINT NOT NULL,
            modified_ns BIGINT NOT NULL,
            reason VARCHAR NOT NULL,
            failed_at FLOAT NOT NULL
        )""",
    ),
    # When a file was recorded. What was indexed before has none, and is dated by its modification as it was until then.
    ("ALTER TABLE source ADD COLUMN recorded_ns BIGINT",),
    # Checksums; what was indexed before gets them in the next run.
    ("ALTER TABLE piece ADD COLUMN checksum INTEGER", "ALTER TABLE source ADD COLUMN checksum INTEGER"),
    # The vector index reads one modality at a time.
    ("CREATE INDEX piece_by_modality ON piece (modality)",),
    # Subtitles, writing in pictures and speech: their words, and what they were found in, so that it can be seen when
    # they have to be found again.
    (
        """CREATE TABLE segment (
            id INTEGER NOT NULL PRIMARY KEY,
            source_id INTEGER NOT NULL REFERENCES source (id) ON DELETE CASCADE,
            origin VARCHAR NOT NULL,
            text VARCHAR NOT NULL,
            start FLOAT,
            "end" FLOAT,
            page INTEGER
        )""",
        "CREATE INDEX segment_by_source ON segment (source_id)",
        """CREATE TABLE transcript (
            source_id INTEGER NOT NULL REFERENCES source (id) ON DELETE CASCADE,
            origin VARCHAR NOT NULL,
            made_from VARCHAR NOT NULL,
            problem VARCHAR,
            PRIMARY KEY (source_id, origin)
        )""",
    ),
    # How far each folder is, and the mounts by which one that went offline is told from one that was emptied.
    (
        "ALTER TABLE root ADD COLUMN waiting INTEGER",
        "ALTER TABLE root ADD COLUMN offline VARCHAR",
        "ALTER TABLE root ADD COLUMN files_per_second FLOAT",
        "CREATE TABLE mount (root VARCHAR NOT NULL, path VARCHAR NOT NULL, PRIMARY KEY (root, path))",
    ),
    # An index of words over the names of files and all texts; it reads them where they stand.
    (
        "INSERT INTO segment (source_id, origin, text) SELECT id, 'name', name_words(path) FROM source ORDER BY id",
        """CREATE VIEW words_text AS
            SELECT 2 * id AS id, source_id, CASE modality WHEN 'document' THEN 'page' ELSE 'passage' END AS origin, text
            FROM piece WHERE text <> ''
            UNION ALL SELECT 2 * id + 1, source_id, origin, text FROM segment""",
        """CREATE VIRTUAL TABLE words USING fts5 (
            text, content='words_text', content_rowid='id', tokenize='unicode61 remove_diacritics 2'
        )""",
        "INSERT INTO words (words) VALUES ('rebuild')",
    ),
    # What can be hummed of a sound. What was indexed before has none, and is not found by a hummed tune.
    ("ALTER TABLE piece ADD COLUMN melody BLOB",),
)


def migrate(engine: Engine, path: Path) -> None:
    """Apply the steps that the catalog at ``path`` has not had yet. Raises NewerCatalogError, DamagedCatalogError."""
    with engine.connect() as connection:
        done = _steps_done(connection)
        is_ours = done > len(MIGRATIONS) and _schema(connection.exec_driver_sql(_SCHEMA)) == _schema_after(
            len(MIGRATIONS)
        )
    if done < 0 or is_ours:
        raise damaged(path, _NO_VERSION)
    if done > len(MIGRATIONS):
        raise NewerCatalogError(f"{path}: written by a newer version of synesthete; update the program to open it")
    for number, statements in enumerate(MIGRATIONS[done:], start=done + 1):
        with engine.connect().execution_options(immediate=True) as connection, connection.begin():
            if _steps_done(connection) >= number:  # another process was faster
                continue
            try:
                for statement in statements:
                    connection.exec_driver_sql(statement)
            except OperationalError as error:  # what the step makes is there already
                raise damaged(path, _NO_VERSION) from error
            connection.exec_driver_sql(f"PRAGMA user_version = {number}")


def schema_faults(connection: sqlite3.Connection) -> list[str]:
    """What the catalog's definitions of tables, indexes and triggers have that those of its version have not, and what
    they lack. Raises sqlite3.Error."""
    (done,) = connection.execute("PRAGMA user_version").fetchone()
    if not 0 < done <= len(MIGRATIONS):
        return [_NO_VERSION]
    expected, held = _schema_after(done), _schema(connection.execute(_SCHEMA))
    names = {name for name in expected.keys() | held.keys() if expected.get(name) != held.get(name)}
    return [f"the definition of {name} has been altered" for name in sorted(names)]


# Tables that an extension of SQLite keeps for its own use are its affair; statistics may be gathered by anybody.
_SCHEMA = """SELECT name, type, tbl_name, sql FROM sqlite_master
    WHERE name NOT LIKE 'sqlite_stat%' AND name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow')"""


def _schema(rows: Iterable[Iterable[object]]) -> dict[str, tuple[str, ...]]:
    """Definitions by name, spaces made alike."""
    return {str(name): tuple(" ".join(str(part).split()) for part in rest) for name, *rest in rows}


@cache
def _schema_after(steps: int) -> dict[str, tuple[str, ...]]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.create_function("name_words", 1, name_words)
        for statements in MIGRATIONS[:steps]:
            for statement in statements:
                connection.execute(statement)
        return _schema(connection.execute(_SCHEMA))


def _steps_done(connection: Connection) -> int:
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
