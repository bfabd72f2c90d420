"""A catalog of an earlier version is brought up to date, and keeps what it holds."""

import sqlite3
from pathlib import Path

import numpy as np

from storage.catalog import Catalog
from storage.migrations import MIGRATIONS
from storage.records import PieceFilter


def catalog_of_version(folder: Path, version: int) -> Path:
    """The file that the first ``version`` steps make."""
    path = folder / "catalog.sqlite"
    connection = sqlite3.connect(path)
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
