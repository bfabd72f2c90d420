"""Real damage, and the finding that names it."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from storage.check import check
from storage.library import Library
from storage.records import FileState, Piece, Source

VECTOR = np.array([0.6, 0.8, 0, 0], dtype=np.float16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    library = Library(tmp_path)
    library.catalog.bind_model("model", 4)
    for name in ("a", "b"):
        library.catalog.put_source(
            Source(f"/{name}.txt", "text", FileState(1, 1), b""), [Piece("text", VECTOR, "word " * 400)] * 20
        )
    library.refresh()
    library.save_snapshot()
    library.close()
    return tmp_path


def change(folder: Path, statement: str, *values: object) -> None:
    connection = sqlite3.connect(folder / "catalog.sqlite")
    connection.execute(statement, values)
    connection.commit()
    connection.close()


def findings(folder: Path) -> list[str]:
    library = Library(folder)
    try:
        return [finding.what for finding in check(library)]
    finally:
        library.close()


def test_a_sound_library_has_no_findings(folder: Path) -> None:
    assert findings(folder) == []


def test_an_empty_library_has_no_findings(tmp_path: Path) -> None:
    assert findings(tmp_path) == []


@pytest.mark.parametrize("embedding", [b"", b"\0" * 8, np.full(4, np.nan, np.float16).tobytes(), b"\0" * 10])
def test_a_bad_embedding_is_named_with_its_file(folder: Path, embedding: bytes) -> None:
    change(folder, "UPDATE piece SET embedding = ? WHERE id = 3", embedding)
    (finding,) = findings(folder)
    assert "/a.txt" in finding and "piece 3" in finding


def test_a_source_without_pieces_is_named(folder: Path) -> None:
    change(folder, "DELETE FROM piece WHERE source_id = 2")
    (finding,) = findings(folder)
    assert "/b.txt" in finding


def test_pieces_without_a_source_are_counted(folder: Path) -> None:
    change(folder, "DELETE FROM source WHERE id = 1")
    assert findings(folder) == [f"{folder}/catalog.sqlite: 20 pieces belong to no source"]


def test_a_damaged_page_of_the_database_is_found(folder: Path) -> None:
    path = folder / "catalog.sqlite"
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 200] = b"\xff" * 200
    path.write_bytes(data)
    assert findings(folder)
