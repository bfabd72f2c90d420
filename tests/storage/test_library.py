"""The vector index as a cache of the catalog: up to date after any change, however the snapshot fared."""

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.check import check
from storage.errors import LibraryBusyError
from storage.library import Library
from storage.records import FileState, Piece, PieceFilter, Source

DIMENSION = 8


def unit(seed: int) -> np.ndarray:
    vector = np.random.default_rng(seed).normal(size=DIMENSION)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def put(library: Library, path: str, *seeds: int) -> None:
    pieces = [Piece("text", unit(seed).astype(np.float16), text=str(seed)) for seed in seeds]
    library.catalog.put_source(Source(path, "text", FileState(1, 1), path.encode()), pieces)


def found(library: Library, seed: int, limit: int = 3) -> list[str | None]:
    ids, _ = library.search("text", unit(seed), limit)
    locations = library.catalog.locate(ids)
    return [locations[piece_id].text for piece_id in ids.tolist()]


@pytest.fixture
def library(tmp_path: Path) -> Library:
    library = Library(tmp_path)
    library.catalog.bind_model("model", DIMENSION)
    return library


def test_search_follows_the_catalog(library: Library) -> None:
    put(library, "/a", 1, 2)
    library.refresh()
    assert found(library, 2, 1) == ["2"]
    put(library, "/a", 3)
    put(library, "/b", 4)
    library.refresh()
    assert sorted(found(library, 2)) == ["3", "4"]
    library.catalog.forget("/")
    library.refresh()
    assert found(library, 3) == []


def test_scores_are_exact_cosines_of_the_stored_vectors(library: Library) -> None:
    put(library, "/a", *range(50))
    library.refresh()
    stored = np.stack([unit(seed) for seed in range(50)]).astype(np.float16).astype(np.float32)
    ids, scores = library.search("text", unit(99), 50)
    assert np.allclose(np.sort(stored @ unit(99))[::-1], scores, atol=1e-5)
    assert len(set(ids.tolist())) == 50


def test_a_search_among_some_pieces_sees_only_them(library: Library) -> None:
    for number in range(30):
        put(library, f"/{number % 3}/{number}", number)
    library.refresh()
    among = library.matching_pieces(PieceFilter(under="/1"))
    assert among is not None
    ids, _ = library.search("text", unit(0), 100, among["text"])
    assert sorted(ids.tolist()) == among["text"].tolist() and len(ids) == 10


def test_reopening_uses_the_snapshot_and_catches_up(library: Library, tmp_path: Path) -> None:
    put(library, "/a", 1)
    put(library, "/gone", 2)
    library.refresh()
    library.save_snapshot()
    put(library, "/b", 3)
    library.catalog.forget("/gone")
    library.close()
    reopened = Library(tmp_path)
    reopened.refresh()
    assert sorted(found(reopened, 1)) == ["1", "3"]


def snapshot_files(folder: Path) -> list[Path]:
    return sorted((folder / "vectors").iterdir())


@pytest.mark.parametrize("damage", ["flip", "truncate", "delete"])
@pytest.mark.parametrize("part", [0, 1])
def test_a_damaged_snapshot_is_noticed_built_anew_and_said_once(
    library: Library, tmp_path: Path, damage: str, part: int, caplog: pytest.LogCaptureFixture
) -> None:
    put(library, "/a", 1, 2)
    library.refresh()
    library.save_snapshot()
    library.close()
    victim = snapshot_files(tmp_path)[part]
    data = bytearray(victim.read_bytes())
    if damage == "flip":
        data[len(data) // 2] ^= 0xFF
        victim.write_bytes(data)
    elif damage == "truncate":
        victim.write_bytes(data[: len(data) // 2])
    else:
        victim.unlink()
    reopened = Library(tmp_path)
    reopened.refresh()
    assert sorted(found(reopened, 1)) == ["1", "2"]
    assert caplog.text.count("built anew") == 1
    reopened.close()
    again = Library(tmp_path)
    again.refresh()
    assert sorted(found(again, 1)) == ["1", "2"]
    assert caplog.text.count("built anew") == 1


def test_an_index_in_memory_outlives_the_log_of_removals(library: Library, tmp_path: Path) -> None:
    """Another process compacts the catalog: what left meanwhile must leave this index, too."""
    for number in range(10):
        put(library, f"/{number}", number)
    library.refresh()
    library.save_snapshot()
    other = Library(tmp_path)
    for number in range(5):
        other.catalog.forget(f"/{number}")
    other.refresh()
    other.save_snapshot()
    with other.catalog.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM removed_piece").scalar() == 0
    library.refresh()
    assert sorted(text or "" for text in found(library, 0, 100)) == ["5", "6", "7", "8", "9"]
    assert library.indexed_ids()["text"].tolist() == [6, 7, 8, 9, 10]


@pytest.mark.parametrize("earlier_version", [False, True])
def test_the_space_of_what_is_deleted_is_given_back(tmp_path: Path, earlier_version: bool) -> None:
    if earlier_version:  # its file was made without the possibility
        connection = sqlite3.connect(tmp_path / "catalog.sqlite")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("VACUUM")
        connection.close()
    library = Library(tmp_path)
    library.catalog.bind_model("model", DIMENSION)
    for number in range(20):
        pieces = [Piece("text", unit(number).astype(np.float16), text="word " * 400)] * 30
        library.catalog.put_source(Source(f"/{number}", "text", FileState(1, 1), b"%d" % number), pieces)
    library.refresh()
    library.save_snapshot()
    before = (tmp_path / "catalog.sqlite").stat().st_size
    for number in range(18):
        library.catalog.forget(f"/{number}")
    library.refresh()
    library.save_snapshot()
    assert (tmp_path / "catalog.sqlite").stat().st_size < before / 4
    assert check(library) == [] and len(library.indexed_ids()["text"]) == 60


def test_a_snapshot_of_another_catalog_is_not_trusted(library: Library, tmp_path: Path) -> None:
    put(library, "/a", 1)
    library.refresh()
    library.save_snapshot()
    library.close()
    for name in tmp_path.glob("catalog.sqlite*"):
        name.unlink()
    fresh = Library(tmp_path)
    fresh.catalog.bind_model("model", DIMENSION)
    put(fresh, "/b", 2)
    fresh.refresh()
    assert found(fresh, 1) == ["2"]


def test_a_snapshot_newer_than_a_restored_catalog_is_not_trusted(library: Library, tmp_path: Path) -> None:
    put(library, "/a", 1)
    library.close()
    backup = tmp_path.parent / f"{tmp_path.name}-backup"
    shutil.copytree(tmp_path, backup)
    later = Library(tmp_path)
    put(later, "/b", 2)
    later.refresh()
    later.save_snapshot()
    later.close()
    for path in tmp_path.glob("catalog.sqlite*"):
        path.unlink()
    for path in backup.glob("catalog.sqlite*"):
        shutil.copy(path, tmp_path)
    restored = Library(tmp_path)
    put(restored, "/c", 3)
    restored.refresh()
    assert sorted(found(restored, 1)) == ["1", "3"]


def test_the_snapshot_is_written_only_when_something_has_changed(library: Library, tmp_path: Path) -> None:
    put(library, "/a", 1)
    library.refresh()
    library.save_snapshot()
    before = [path.stat().st_mtime_ns for path in snapshot_files(tmp_path)]
    library.refresh()
    library.save_snapshot()
    assert [path.stat().st_mtime_ns for path in snapshot_files(tmp_path)] == before
    manifest = json.loads((tmp_path / "vectors" / "manifest.json").read_text())
    assert manifest["dimension"] == DIMENSION


def test_a_second_writer_is_told_who_holds_the_lock(library: Library, tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, pathlib; from storage.lock import WriterLock\n"
            "with WriterLock(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()",
            str(tmp_path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdin and holder.stdout and holder.stdout.readline() == b"held\n"
    with pytest.raises(LibraryBusyError, match=str(holder.pid)), library.writer_lock():
        pass
    holder.kill()
    holder.wait()
    with library.writer_lock():
        pass


ACTIONS = st.one_of(
    st.tuples(st.just("put"), st.integers(0, 5), st.lists(st.integers(0, 40), min_size=1, max_size=4)),
    st.tuples(st.just("move"), st.integers(0, 5), st.integers(0, 5)),
    st.tuples(st.just("forget"), st.integers(0, 5), st.none()),
    st.tuples(st.just("refresh"), st.none(), st.none()),
    st.tuples(st.just("save"), st.none(), st.none()),
    st.tuples(st.just("reopen"), st.none(), st.none()),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=st.lists(ACTIONS, max_size=20))
def test_any_sequence_of_changes_leaves_what_a_plain_dictionary_would_hold(
    actions: list[tuple[str, int | None, object]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("library")
    library = Library(folder)
    library.catalog.bind_model("model", DIMENSION)
    model: dict[str, list[int]] = {}
    for action, number, argument in actions:
        path = f"/{number}"
        if action == "put" and isinstance(argument, list):
            put(library, path, *argument)
            model[path] = argument
        elif action == "move" and path in model and f"/{argument}" != path:
            held = library.catalog.sources_under(path)[path]
            library.catalog.move_source(held, Source(f"/{argument}", "text", FileState(1, 1), b""))
            model[f"/{argument}"] = model.pop(path)
        elif action == "forget":
            library.catalog.forget(path)
            model.pop(path, None)
        elif action == "refresh":
            library.refresh()
        elif action == "save":
            library.refresh()
            library.save_snapshot()
        elif action == "reopen":
            library.close()
            library = Library(folder)
    library.refresh()
    expected = sorted(str(seed) for seeds in model.values() for seed in seeds)
    assert sorted(text or "" for text in found(library, 0, 1000)) == expected
    library.close()
