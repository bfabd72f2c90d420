"""The vector index as a cache of the catalog: up to date after any change, however the snapshot fared."""

import json
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from storage.accelerator import Block, DeviceSearch
from storage.check import check, repair
from storage.errors import LibraryBusyError
from storage.library import Library
from storage.records import FileState, Piece, PieceFilter, Source
from storage.vectors import IndexPolicy

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
    among = library.catalog.matching_pieces(PieceFilter(under="/1"))
    assert list(among) == ["text"]
    ids, _ = library.search("text", unit(0), 100, among["text"])
    assert sorted(ids.tolist()) == among["text"].tolist() and len(ids) == 10


def snapshot_files(folder: Path) -> list[Path]:
    return sorted((folder / "vectors").iterdir())


APPROXIMATE = IndexPolicy(exact_up_to=0)
MANY = range(100)


@pytest.fixture
def approximate(tmp_path: Path) -> Library:
    """A library with a hundred pieces and a snapshot of them."""
    library = Library(tmp_path, policy=APPROXIMATE)
    library.catalog.bind_model("model", DIMENSION)
    put(library, "/many", *MANY)
    library.refresh()
    library.save_snapshot()
    return library


def everything(library: Library) -> list[int]:
    return sorted(int(text or -1) for text in found(library, 1, 10_000))


def test_reopening_uses_the_snapshot_and_catches_up(approximate: Library, tmp_path: Path) -> None:
    put(approximate, "/gone", 200)
    approximate.refresh()
    put(approximate, "/b", 300)
    approximate.catalog.forget("/gone")
    approximate.close()
    reopened = Library(tmp_path, policy=APPROXIMATE)
    reopened.refresh()
    assert reopened._index is not None and reopened._index.parts["text"].target.kind == "approximate"
    assert everything(reopened) == [*MANY, 300]


def test_an_exact_index_has_no_file_of_its_own(library: Library, tmp_path: Path) -> None:
    put(library, "/a", 1)
    library.refresh()
    library.save_snapshot()
    assert [path.name for path in snapshot_files(tmp_path)] == ["manifest.json"]
    assert library.index_sizes()["text"].kind == "exact"


@pytest.mark.parametrize("kind", ["exact", "approximate"])
def test_the_memory_told_from_the_manifest_is_that_of_the_index(kind: str, tmp_path: Path) -> None:
    library = Library(tmp_path, policy=APPROXIMATE if kind == "approximate" else None)
    library.catalog.bind_model("model", DIMENSION)
    put(library, "/many", *range(2000))
    library.refresh()
    library.save_snapshot()
    assert library._index is not None
    part, size = library._index.parts["text"].target, library.index_sizes()["text"]
    assert part.kind == size.kind == kind
    assert part.memory_bytes == size.memory_bytes
    if kind == "approximate":  # it is read as it lies on the disk; the numbers are held a second time
        assert size.memory_bytes == pytest.approx(size.disk_bytes + 8 * 2000, rel=0.1)


def test_a_library_of_another_name_has_its_index_built_anew_and_says_so_once(
    approximate: Library, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with approximate.catalog.writing() as connection:
        connection.exec_driver_sql("UPDATE fact SET value = 'altered' WHERE name = 'identity'")
    approximate.close()
    for _ in range(2):
        reopened = Library(tmp_path, policy=APPROXIMATE)
        reopened.refresh()
        assert everything(reopened) == list(MANY)
        reopened.close()
    assert caplog.text.count("built anew") == 1 and "belongs to another catalog" in caplog.text


def test_check_finds_vectors_in_the_index_that_are_not_the_catalogs(approximate: Library, tmp_path: Path) -> None:
    put(approximate, "/later", *range(200, 220))
    approximate.refresh()
    approximate.save_snapshot()
    assert check(approximate) == []
    for piece_id, seed in ((17, 1000), (50, 1001), (103, 1002)):
        embedding = unit(seed).astype("<f2").tobytes()
        with approximate.catalog.writing() as connection:
            update = "UPDATE piece SET embedding = ?, checksum = NULL WHERE id = ?"
            connection.exec_driver_sql(update, (embedding, piece_id))
            connection.exec_driver_sql("UPDATE source SET checksum = NULL")
    approximate.catalog.add_checksums()
    (finding,) = check(approximate)
    assert finding.what == "the vector index of text pieces holds 3 vectors that are not the catalog's"
    approximate.close()
    assert repair(tmp_path) == ["the vector index has been built anew from the catalog"]
    assert check(Library(tmp_path)) == []


@pytest.mark.parametrize("every", [1, 3, 40])
def test_a_modality_is_read_whole_however_rare_it_is(every: int, library: Library) -> None:
    kinds = ["image" if number % every == 0 else "text" for number in range(80)]
    for number, kind in enumerate(kinds):
        piece = Piece(kind, unit(number).astype(np.float16))
        library.catalog.put_source(Source(f"/{number}", kind, FileState(1, 1), bytes([number])), [piece])
    library.refresh()
    expected = [number + 1 for number, kind in enumerate(kinds) if kind == "image"]
    assert library.indexed_ids()["image"].tolist() == expected
    assert library.search("image", unit(0), 1)[0].tolist() == [1]


@pytest.mark.parametrize("damage", ["flip", "truncate", "delete"])
@pytest.mark.parametrize("part", [0, 1])
def test_a_damaged_snapshot_is_noticed_built_anew_and_said_once(
    approximate: Library, tmp_path: Path, damage: str, part: int, caplog: pytest.LogCaptureFixture
) -> None:
    approximate.close()
    victim = snapshot_files(tmp_path)[part]
    data = bytearray(victim.read_bytes())
    if damage == "flip":
        data[len(data) // 2] ^= 0xFF
        victim.write_bytes(data)
    elif damage == "truncate":
        victim.write_bytes(data[: len(data) // 2])
    else:
        victim.unlink()
    reopened = Library(tmp_path, policy=APPROXIMATE)
    reopened.refresh()
    assert everything(reopened) == list(MANY)
    assert caplog.text.count("built anew") == 1
    reopened.close()
    again = Library(tmp_path, policy=APPROXIMATE)
    again.refresh()
    assert everything(again) == list(MANY)
    assert caplog.text.count("built anew") == 1
    again.save_snapshot()
    assert again.index_sizes()["text"].kind == "approximate" and everything(again) == list(MANY)


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


def test_a_damaged_manifest_of_a_library_that_needs_none_is_said_once(
    library: Library, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(library, "/a", 1)
    (tmp_path / "vectors").mkdir()
    (tmp_path / "vectors" / "manifest.json").write_text("{")
    library.refresh()
    library.save_snapshot()
    library.refresh()
    Library(tmp_path).refresh()
    assert found(library, 1) == ["1"] and caplog.text.count("built anew") == 1


def test_a_snapshot_of_another_catalog_is_not_trusted(approximate: Library, tmp_path: Path) -> None:
    approximate.close()
    for name in tmp_path.glob("catalog.sqlite*"):
        name.unlink()
    fresh = Library(tmp_path, policy=APPROXIMATE)
    fresh.catalog.bind_model("model", DIMENSION)
    put(fresh, "/b", 2)
    fresh.refresh()
    assert found(fresh, 1) == ["2"]


def test_a_snapshot_newer_than_a_restored_catalog_is_not_trusted(tmp_path: Path) -> None:
    library = Library(tmp_path, policy=APPROXIMATE)
    library.catalog.bind_model("model", DIMENSION)
    put(library, "/a", 1)
    library.close()
    backup = tmp_path.parent / f"{tmp_path.name}-backup"
    shutil.copytree(tmp_path, backup)
    later = Library(tmp_path, policy=APPROXIMATE)
    put(later, "/b", *MANY)
    later.refresh()
    later.save_snapshot()
    later.close()
    for path in tmp_path.glob("catalog.sqlite*"):
        path.unlink()
    for path in backup.glob("catalog.sqlite*"):
        shutil.copy(path, tmp_path)
    restored = Library(tmp_path, policy=APPROXIMATE)
    put(restored, "/c", 3)
    restored.refresh()
    assert sorted(found(restored, 1)) == ["1", "3"]


def test_the_snapshot_is_written_only_when_much_has_changed(approximate: Library, tmp_path: Path) -> None:
    def times() -> list[int]:
        return [path.stat().st_mtime_ns for path in snapshot_files(tmp_path)]

    before = times()
    put(approximate, "/one more", 100)
    approximate.refresh()
    approximate.save_snapshot()
    assert times() == before
    assert found(approximate, 100, 1) == ["100"]
    reopened = Library(tmp_path, policy=APPROXIMATE)
    reopened.refresh()
    assert found(reopened, 100, 1) == ["100"]
    put(approximate, "/many more", *range(101, 120))
    approximate.refresh()
    approximate.save_snapshot()
    assert times() != before and len(times()) == 2
    assert json.loads((tmp_path / "vectors" / "manifest.json").read_text())["dimension"] == DIMENSION


def test_a_part_is_trained_again_when_it_is_outgrown_and_exact_again_when_it_has_shrunk(approximate: Library) -> None:
    def trained_on() -> int | None:
        assert approximate._index is not None
        return getattr(approximate._index.parts["text"].target, "trained_on", None)

    put(approximate, "/b", *range(100, 390))
    approximate.refresh()
    approximate.save_snapshot()
    assert trained_on() == 100
    put(approximate, "/c", *range(390, 420))
    approximate.refresh()
    approximate.save_snapshot()
    assert trained_on() == 420 and everything(approximate) == list(range(420))
    approximate.catalog.forget("/b")
    approximate.catalog.forget("/many")
    approximate.refresh()
    approximate.save_snapshot()
    assert trained_on() is None and everything(approximate) == list(range(390, 420))
    assert approximate.index_sizes()["text"].kind == "exact"


def test_a_reader_takes_over_what_a_writer_has_trained(tmp_path: Path) -> None:
    reader, writer = Library(tmp_path, policy=APPROXIMATE), Library(tmp_path, policy=APPROXIMATE)
    writer.catalog.bind_model("model", DIMENSION)
    put(writer, "/many", *MANY)
    reader.refresh()
    assert everything(reader) == list(MANY)
    writer.refresh()
    writer.save_snapshot()
    put(writer, "/b", 200)
    writer.catalog.forget("/many")
    put(writer, "/c", *range(300, 380))
    reader.refresh()
    assert reader._index is not None and reader._index.parts["text"].target.kind == "approximate"
    assert everything(reader) == [200, *range(300, 380)]


def test_searches_go_on_while_the_kind_is_changed(tmp_path: Path) -> None:
    library = Library(tmp_path, policy=IndexPolicy(exact_up_to=400))
    library.catalog.bind_model("model", DIMENSION)
    put(library, "/a", *range(390))
    library.refresh()
    done, answers, faults = threading.Event(), [0], list[object]()

    def ask() -> None:
        try:
            while not done.is_set():
                number = answers[0] % 390
                if found(library, number, 1) != [str(number)]:
                    faults.append(number)
                answers[0] += 1
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for step in range(4):
        if step % 2 == 0:
            put(library, "/b", *range(1000, 1600))
        else:
            library.catalog.forget("/b")
            library.policy = IndexPolicy(exact_up_to=400 + 400 * step)
        library.refresh()
        before = answers[0]
        library.save_snapshot()
        assert library.index_sizes()["text"].kind == ("exact" if step % 2 else "approximate")
        while answers[0] < before + 20 and not faults:
            time.sleep(0.01)
    done.set()
    for thread in threads:
        thread.join()
    assert not faults


def test_searches_from_several_threads_are_right_while_pieces_come_and_go(library: Library) -> None:
    """Two pieces stay. Whatever else is found has the cosine of the vector it was committed with."""
    put(library, "/stays", 1, 2)
    library.refresh()
    done, answers, faults = threading.Event(), [0], list[object]()

    def ask(seed: int) -> None:
        query = unit(seed)
        try:
            while not done.is_set():
                library.refresh()
                ids, scores = library.search("text", query, 50)
                if sorted(scores.tolist(), reverse=True) != scores.tolist() or not {1, 2} <= set(ids.tolist()):
                    faults.append((ids, scores))
                again = dict(zip(*(each.tolist() for each in library.scores("text", query, np.sort(ids))), strict=True))
                for number, score in zip(ids.tolist(), scores.tolist(), strict=True):
                    if number in again and abs(again[number] - score) > 1e-5:
                        faults.append((number, score, again[number]))
                texts = {number: place.text for number, place in library.catalog.locate(ids.tolist()).items()}
                for number, score in zip(ids.tolist(), scores.tolist(), strict=True):
                    if number in texts and abs(float(unit(int(texts[number] or 0)) @ query) - score) > 5e-3:
                        faults.append((number, texts[number], score))
                if len(library.samples(8)["text"][1]) < 2:
                    faults.append("sample")
                answers[0] += 1
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in (5, 6, 7)]
    for thread in threads:
        thread.start()
    for step in range(20):
        put(library, f"/{step % 3}", *range(10 * step + 10, 10 * step + 10 + step % 7))
        if step % 5 == 4:
            library.catalog.forget(f"/{step % 3}")
        library.refresh()
        if step % 5 == 4:
            library.save_snapshot()
            before = answers[0]
            while answers[0] < before + 3 and not faults:
                time.sleep(0.001)
    done.set()
    for thread in threads:
        thread.join()
    assert not faults and answers[0] >= 12
    library.refresh()
    held = {number for row in library.indexed_ids().values() for number in row.tolist()}
    assert held == {piece.id for piece in library.catalog.pieces_of(range(1, 100))}


class _Copy:
    """What a device does, on the processor, in the plainest way."""

    name = "a plain copy"
    most: int | None = None

    def __init__(self) -> None:
        self.held: dict[int, np.ndarray] = {}
        self.fails = False

    @property
    def ids(self) -> np.ndarray:
        return np.array(list(self.held), dtype=np.int64)

    def add(self, ids: np.ndarray, vectors: np.ndarray) -> None:
        assert not self.held or min(ids) > max(self.held)
        self.held.update(zip(ids.tolist(), vectors.astype(np.float32), strict=True))

    def remove(self, ids: np.ndarray) -> None:
        for number in ids.tolist():
            self.held.pop(number, None)

    def search(self, queries: np.ndarray, limit: int) -> tuple[np.ndarray, np.ndarray]:
        if self.fails or (self.most is not None and limit > self.most):
            raise RuntimeError("CUDA error:\nout of memory")
        scores = np.array([vector @ queries[0] for vector in self.held.values()], dtype=np.float32)
        best = np.argsort(-scores)[:limit]
        return np.array([list(self.held)])[:, best], scores[None, best]


class _Device:
    def __init__(self) -> None:
        self.copy = _Copy()

    def build(self, dimension: int, count: int, blocks: Iterable[Block]) -> DeviceSearch:
        for ids, vectors in blocks:
            self.copy.add(ids, vectors)
        return self.copy


def test_a_device_follows_the_catalog_and_its_failure_is_said_in_a_line(
    approximate: Library, caplog: pytest.LogCaptureFixture
) -> None:
    device = _Device()
    put(approximate, "/before", 500)
    assert approximate.accelerate(device, 101) == ["text: a plain copy"]
    assert approximate.accelerate(device, 101) == []
    put(approximate, "/after", 501)
    approximate.catalog.forget("/before")
    put(approximate, "/many", *range(50), *range(600, 900))
    approximate.refresh()
    expected = [*range(50), 501, *range(600, 900)]
    assert len(device.copy.held) == len(expected) and everything(approximate) == expected
    approximate.save_snapshot()
    put(approximate, "/last", 901)
    approximate.refresh()
    assert everything(approximate) == [*expected, 901]
    device.copy.fails = True
    assert everything(approximate) == [*expected, 901]
    assert everything(approximate) == [*expected, 901]
    assert caplog.text.count("searched on the processor from now on: CUDA error: out of memory") == 1


def test_more_than_a_device_can_give_is_given_by_the_processor_and_the_device_goes_on(
    approximate: Library, caplog: pytest.LogCaptureFixture
) -> None:
    device = _Device()
    put(approximate, "/many", *range(300))
    approximate.accelerate(device, 101)
    device.copy.most = 10
    assert everything(approximate) == [*range(300)]
    assert caplog.text == "" and not approximate.may_accelerate(101)


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


def test_owners_in_memory_follow_the_catalog_and_are_those_of_the_catalog(library: Library) -> None:
    put(library, "/a", 1, 2)
    asked = np.arange(10)
    in_memory = Library(library.folder, keeps_owners=True)
    in_memory.refresh()
    put(library, "/b", 3)
    put(library, "/a", 4)
    for each in (library, in_memory):
        each.refresh()
        assert set(each.owners(asked)[0][np.array([3, 4])]) == {1, 2}
        assert each.owners(np.array([3]))[0] != each.owners(np.array([4]))[0]
    in_memory.close()
