"""The catalog on a real SQLite file: what is committed together, found again, and refused."""

import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from storage import words
from storage.catalog import Catalog
from storage.errors import DamagedCatalogError, DataFolderError, ModelMismatchError, NewerCatalogError
from storage.records import Failure, FileState, Modality, Piece, PieceFilter, Source

DIMENSION = 8


def unit(seed: int) -> np.ndarray:
    vector = np.random.default_rng(seed).normal(size=DIMENSION)
    return (vector / np.linalg.norm(vector)).astype(np.float16)


def source(path: str, content: bytes = b"content", kind: Modality = "text", modified_ns: int = 1) -> Source:
    return Source(path, kind, FileState(10, modified_ns), content)


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    catalog = Catalog(tmp_path)
    catalog.bind_model("model", DIMENSION)
    return catalog


def texts(catalog: Catalog, condition: PieceFilter | None = None) -> list[str | None]:
    ids = np.concatenate([np.empty(0, np.int64), *catalog.matching_pieces(condition or PieceFilter()).values()])
    return sorted(location.text or "" for location in catalog.locate(ids).values())


def test_only_its_owner_can_read_it_even_in_a_folder_that_is_open_to_all(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o755)
    before = os.umask(0o022)
    try:
        for _ in range(2):
            catalog = Catalog(folder)
            catalog.bind_model("model", DIMENSION)
            files = list(folder.glob("catalog.sqlite*"))
            assert len(files) == 3 and {file.stat().st_mode & 0o777 for file in files} == {0o600}
            catalog.close()
            (folder / "catalog.sqlite").chmod(0o644)  # as an earlier version made it
    finally:
        os.umask(before)


def test_a_source_comes_back_with_its_pieces(catalog: Catalog) -> None:
    piece = Piece("document", unit(1), text="hello", page=3)
    catalog.put_source(source("/a/b.pdf", kind="document"), [piece])
    held = catalog.sources_under("/a")["/a/b.pdf"]
    assert held.source == source("/a/b.pdf", kind="document")
    (ids,) = catalog.matching_pieces(PieceFilter()).values()
    (location,) = catalog.locate(ids).values()
    assert (location.path, location.kind, location.modality) == ("/a/b.pdf", "document", "document")
    assert (location.text, location.page, location.start) == ("hello", 3, None)


def test_putting_a_source_again_replaces_its_pieces_and_keeps_its_number(catalog: Catalog) -> None:
    catalog.put_source(source("/a"), [Piece("text", unit(1), "old"), Piece("text", unit(2), "older")])
    before = catalog.sources_under("/a")["/a"].id
    catalog.put_source(source("/a", b"new"), [Piece("text", unit(3), "new")])
    assert texts(catalog) == ["new"]
    assert catalog.sources_under("/a")["/a"].id == before


def test_numbers_of_pieces_are_never_given_twice(catalog: Catalog) -> None:
    seen: set[int] = set()
    for round_number in range(3):
        catalog.put_source(source("/a"), [Piece("text", unit(round_number))])
        (ids,) = catalog.matching_pieces(PieceFilter()).values()
        assert not seen & set(ids.tolist())
        seen |= set(ids.tolist())
        catalog.forget("/")


def test_a_moved_source_keeps_its_pieces_and_a_copy_gets_its_own(catalog: Catalog) -> None:
    catalog.put_source(source("/a"), [Piece("text", unit(1), "x")])
    (before,) = catalog.matching_pieces(PieceFilter()).values()
    catalog.move_source(catalog.sources_under("/a")["/a"], source("/b", modified_ns=5))
    assert list(catalog.sources_under("/")) == ["/b"]
    (after,) = catalog.matching_pieces(PieceFilter()).values()
    assert after.tolist() == before.tolist()
    catalog.copy_source(catalog.sources_under("/b")["/b"], source("/c"))
    assert texts(catalog) == ["x", "x"]
    assert set(catalog.sources_under("/")) == {"/b", "/c"}


def test_melodies_come_in_the_order_of_their_numbers_and_those_of_copies_too(catalog: Catalog) -> None:
    heard = [
        Piece("audio", unit(1), start=0.0, end=5.0, melody=b"\x07\0\0\0"),
        Piece("audio", unit(2), start=2.5, end=7.5, melody=b"\0" * 160),
        Piece("audio", unit(3), start=5.0, end=9.0, melody=b"\0\x09\0\0"),
        Piece("audio", unit(4), start=7.5, end=9.5),
    ]
    catalog.put_source(source("/text"), [Piece("text", unit(0), "x")])
    catalog.put_source(source("/a", kind="audio"), heard)
    first = [(2, 2, 0.0, b"\x07\0\0\0"), (4, 2, 5.0, b"\0\x09\0\0")]
    assert catalog.melodies() == first
    with catalog.reading() as connection:  # what is all silence takes no room
        assert connection.exec_driver_sql("SELECT count(*) FROM piece WHERE melody IS NULL").scalar() == 3
    catalog.copy_source(catalog.sources_under("/a")["/a"], source("/b", kind="audio"))
    assert [(start, melody) for _, owner, start, melody in catalog.melodies() if owner == 3] == [
        (start, melody) for _, _, start, melody in first
    ]
    catalog.move_source(catalog.sources_under("/a")["/a"], source("/c", kind="audio"))
    assert catalog.melodies()[:2] == first
    catalog.remove_sources(catalog.sources_under("/c").values())
    assert {owner for _, owner, _, _ in catalog.melodies()} == {3}


def test_moving_onto_another_source_takes_its_place(catalog: Catalog) -> None:
    catalog.put_source(source("/a", b"1"), [Piece("text", unit(1), "one")])
    catalog.put_source(source("/b", b"2"), [Piece("text", unit(2), "two")])
    catalog.move_source(catalog.sources_under("/a")["/a"], source("/b", b"1"))
    assert texts(catalog) == ["one"]


def test_a_failure_takes_the_place_of_what_was_indexed_and_gives_way_to_what_will_be(catalog: Catalog) -> None:
    catalog.put_source(source("/a"), [Piece("text", unit(1), "x")])
    failure = Failure("/a", FileState(1, 2), "truncated")
    catalog.put_failure(failure)
    assert catalog.sources_under("/") == {} and catalog.failures_under("/") == {"/a": failure}
    catalog.put_source(source("/a"), [Piece("text", unit(1), "x")])
    assert catalog.failures_under("/") == {}


@pytest.mark.parametrize("name", ["/lib", "/lib%", "/lib_", "/libé"])
def test_under_means_the_folder_itself_and_below_and_nothing_else(catalog: Catalog, name: str) -> None:
    inside = [f"{name}/x", f"{name}/sub/y"]
    outside = ["/lib0/x", "/libx", "/library/x", "/other/lib/x", f"{name}0", f"{name}-2/x"]
    for path in inside + outside:
        catalog.put_source(source(path), [Piece("text", unit(1), path)])
    assert sorted(catalog.sources_under(name)) == sorted(inside)
    assert texts(catalog, PieceFilter(under=name)) == sorted(inside)
    assert catalog.forget(name) == 2
    assert sorted(catalog.sources_under("/")) == sorted(outside)


def test_filters_combine(catalog: Catalog) -> None:
    for number, kind in enumerate(("text", "image", "video")):
        catalog.put_source(source(f"/{kind}", kind=kind, modified_ns=number), [Piece(kind, unit(number), kind)])
    assert texts(catalog, PieceFilter(kinds=frozenset({"text", "video"}))) == ["text", "video"]
    assert texts(catalog, PieceFilter(after_ns=1)) == ["image", "video"]
    assert texts(catalog, PieceFilter(after_ns=1, before_ns=2)) == ["image"]
    assert texts(catalog, PieceFilter(kinds=frozenset({"text"}), after_ns=1)) == []


def test_counts_and_roots(catalog: Catalog) -> None:
    catalog.put_source(source("/v", kind="video"), [Piece("video", unit(1)), Piece("audio", unit(2))])
    catalog.put_failure(Failure("/x", FileState(0, 0), "empty"))
    catalog.put_root("/")
    counts = catalog.counts()
    assert (counts.sources, counts.pieces, counts.failures) == ({"video": 1}, {"video": 1, "audio": 1}, 1)
    assert list(catalog.roots()) == ["/"]
    catalog.forget("/")
    assert (catalog.counts().sources, catalog.roots()) == ({}, {})


def test_another_model_is_refused(catalog: Catalog) -> None:
    catalog.bind_model("model", DIMENSION)
    for fingerprint, dimension in (("other", DIMENSION), ("model", 4)):
        with pytest.raises(ModelMismatchError, match="rebuild"):
            catalog.bind_model(fingerprint, dimension)


def test_vectors_are_read_from_any_thread_while_another_writes_and_after_closing(catalog: Catalog) -> None:
    catalog.put_source(source("/a"), [Piece("text", unit(number)) for number in range(50)])
    numbers = np.arange(60, 0, -1)

    def read(_: int) -> list[list[float]]:
        ids, vectors = catalog.vectors(numbers, DIMENSION)
        assert ids.tolist() == list(range(1, 51))
        return [list(map(float, row)) for row in vectors]

    expected = [list(map(float, unit(number))) for number in range(50)]
    with ThreadPoolExecutor(4) as threads:
        reads = threads.map(read, range(40))
        catalog.put_source(source("/b"), [])
        assert all(found == expected for found in reads)
    catalog.forget("/a")
    assert catalog.vectors(numbers, DIMENSION)[1].shape == (0, DIMENSION)
    catalog.close()
    assert catalog.vectors(numbers, DIMENSION)[0].tolist() == []


def test_a_reader_sees_one_state_and_the_next_one_the_latest(catalog: Catalog) -> None:
    count = "SELECT count(*) FROM source"
    for number in range(3):  # over a connection that has been used before
        with catalog.reading() as connection:
            assert connection.exec_driver_sql(count).scalar() == number
            catalog.put_source(source(f"/{number}"), [])
            assert connection.exec_driver_sql(count).scalar() == number
            with catalog.reading() as other:
                assert other.exec_driver_sql(count).scalar() == number + 1
    with pytest.raises(ZeroDivisionError), catalog.reading() as connection:
        assert connection.exec_driver_sql(count).scalar() == 3
        raise ZeroDivisionError
    with catalog.looking() as connection:
        assert connection.exec_driver_sql(count).scalar() == 3  # begins a transaction, which must not stay open
    catalog.put_source(source("/3"), [])
    assert catalog.kept_rows(count) == [(4,)]


def test_a_failed_transaction_leaves_everything_as_it_was(catalog: Catalog) -> None:
    catalog.put_source(source("/a"), [Piece("text", unit(1), "old")])
    with pytest.raises(AttributeError):
        catalog.put_source(source("/a", b"new"), [Piece("text", unit(2), "new"), None])  # type: ignore[list-item]
    assert texts(catalog) == ["old"]


def test_a_catalog_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    Catalog(tmp_path).close()
    with sqlite3.connect(tmp_path / "catalog.sqlite") as connection:
        connection.execute("CREATE TABLE of_tomorrow (number INTEGER)")
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(NewerCatalogError, match="newer version"):
        Catalog(tmp_path)


def test_a_file_that_is_no_catalog_is_named(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite").write_bytes(b"not a database, but long enough to look at" * 50)
    with pytest.raises(DamagedCatalogError, match=r"catalog\.sqlite"):
        Catalog(tmp_path)


def test_a_data_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataFolderError, match="file"):
        Catalog(tmp_path / "file" / "data")


def test_tables_and_migrations_agree(tmp_path: Path) -> None:
    """What the migrations build has the columns that the table definitions name."""
    from storage import tables

    Catalog(tmp_path).close()
    connection = sqlite3.connect(tmp_path / "catalog.sqlite")
    for table in tables.metadata.sorted_tables:
        columns = {row[1]: bool(row[3]) for row in connection.execute(f"PRAGMA table_info({table.name})")}
        assert columns == {column.name: not column.nullable for column in table.columns}
    connection.close()


def test_the_index_of_words_is_merged_when_much_has_come_and_not_for_every_file(catalog: Catalog) -> None:
    random = np.random.default_rng(0)

    def put(numbers: range) -> None:
        for number in numbers:
            text = " ".join(f"word{each}" for each in random.integers(0, 5_000, 60))
            pieces = [Piece("text", unit(number), text=f"{text} number{number}")]
            catalog.put_source(source(f"/{number}.txt", str(number).encode()), pieces)

    def parts() -> int:
        with catalog.reading() as connection:
            return int(connection.exec_driver_sql("SELECT count(DISTINCT segid) FROM words_idx").scalar_one())

    put(range(300))
    assert parts() > 1
    catalog.compact(0)
    assert parts() == 1
    put(range(300, 303))
    before = parts()
    catalog.compact(0)
    assert parts() == before > 1
    with catalog.reading() as connection:
        for number in (0, 150, 299, 302):
            (found,) = words.find(connection, words.all_of([f"number{number}"]), PieceFilter())
            assert found.path == f"/{number}.txt"
