"""A catalog of an earlier version is brought up to date, and keeps what it holds."""

import itertools
import sqlite3
from pathlib import Path

import numpy as np

from storage.catalog import Catalog
from storage.migrations import MIGRATIONS, schema_faults
from storage.name_words import name_words
from storage.records import FileState, Piece, PieceFilter, Source
from storage.salvage import survey


def catalog_of_version(folder: Path, version: int) -> Path:
    """The file that the first ``version`` steps make."""
    path = folder / "catalog.sqlite"
    connection = sqlite3.connect(path)
    connection.create_function("name_words", 1, name_words)
    for statements in MIGRATIONS[:version]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.commit()
    connection.close()
    return path


def test_the_first_version_gains_the_time_of_recording(tmp_path: Path) -> None:
    path = catalog_of_version(tmp_path, 1)
    vector = np.array([1, 0, 0, 0], dtype="<f2")
    connection = sqlite3.connect(path)
    connection.execute(
        "INSERT INTO source (path, kind, size, modified_ns, content_hash, duration, indexed_at) VALUES (?,?,?,?,?,?,?)",
        ("/a.jpg", "image", 10, 5, b"hash", None, 1.0),
    )
    connection.execute("INSERT INTO piece (source_id, modality, embedding) VALUES (1, 'image', ?)", (vector.tobytes(),))
    connection.commit()
    connection.close()

    catalog = Catalog(tmp_path)
    held = catalog.sources_under("/")["/a.jpg"].source
    assert (held.kind, held.state.size, held.content_hash, held.recorded_ns) == ("image", 10, b"hash", None)
    # Without a time of recording it is dated by its modification.
    assert list(catalog.matching_pieces(PieceFilter(after_ns=5, before_ns=6))) == ["image"]
    assert catalog.matching_pieces(PieceFilter(after_ns=6)) == {}
    ((modality, found),) = catalog.embeddings([1]).values()
    assert modality == "image" and found.tolist() == vector.tolist()
    catalog.close()
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    connection.close()


def test_sounds_indexed_before_there_were_melodies_have_none_and_keep_their_checksums(tmp_path: Path) -> None:
    path = catalog_of_version(tmp_path, 7)
    vector = np.array([1, 0, 0, 0], dtype="<f2").tobytes()
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO fact VALUES ('model_fingerprint', 'model'), ('model_dimension', '4')")
    connection.execute(
        "INSERT INTO source (path, kind, size, modified_ns, content_hash, indexed_at, checksum) VALUES (?,?,?,?,?,?,?)",
        ("/a.wav", "audio", 10, 5, b"hash", 1.0, -1259364373),
    )
    connection.execute(
        "INSERT INTO piece (source_id, modality, start, end, embedding, checksum) VALUES (1, 'audio', 0, 5, ?, ?)",
        (vector, 1756397022),
    )
    connection.commit()
    connection.close()

    catalog = Catalog(tmp_path)
    catalog.put_source(
        Source("/b.wav", "audio", FileState(1, 1), b"other"),
        [Piece("audio", np.frombuffer(vector, "<f2"), start=0.0, end=5.0, melody=b"\1\2\3\4")],
    )
    assert [(melody.id, melody.source_id, melody.melody) for melody in catalog.melodies()] == [(2, 2, b"\1\2\3\4")]
    catalog.close()
    found = survey(path)
    assert (found.faults, found.hurt, found.whole) == ([], {}, {1, 2})


def test_every_step_changes_the_schema_so_that_a_damaged_number_is_told_from_a_newer_version(tmp_path: Path) -> None:
    schemas = []
    for version in range(1, len(MIGRATIONS) + 1):
        (folder := tmp_path / str(version)).mkdir()
        connection = sqlite3.connect(catalog_of_version(folder, version))
        schemas.append(connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall())
        assert schema_faults(connection) == []
        connection.close()
    assert all(before != after for before, after in itertools.pairwise(schemas))
