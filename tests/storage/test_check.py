"""Real damage, and the finding that names it."""

import itertools
import shutil
import sqlite3
import struct
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage import generations, transcripts
from storage.check import check, check_folder, repair
from storage.errors import DamagedCatalogError, NewerCatalogError
from storage.library import Library
from storage.migrations import MIGRATIONS
from storage.records import Failure, FileState, Piece, Source, TextSegment, Transcript

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
    return [finding.what for finding in check_folder(folder)]


def test_a_sound_library_has_no_findings(folder: Path) -> None:
    assert findings(folder) == []


def test_a_library_that_is_written_to_meanwhile_has_no_findings(folder: Path) -> None:
    library, stop = Library(folder), threading.Event()

    def write() -> None:
        for number in itertools.count():
            if stop.is_set():
                return
            source = Source(f"/new{number % 20}.txt", "text", FileState(1, number), b"%d" % number)
            library.catalog.put_source(source, [Piece("text", VECTOR, f"word {number}")] * 5)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        found = [findings(folder) for _ in range(8)]
    finally:
        stop.set()
        writer.join()
        library.close()
    assert found == [[]] * 8


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


def overwrite(path: Path, offset: int, content: bytes) -> None:
    data = bytearray(path.read_bytes())
    data[offset : offset + len(content)] = content
    path.write_bytes(data)


def test_a_damaged_page_of_the_database_is_found(folder: Path) -> None:
    path = folder / "catalog.sqlite"
    overwrite(path, path.stat().st_size // 2 // 4096 * 4096, b"\xff" * 200)
    assert findings(folder)


def held(folder: Path) -> dict[str, int]:
    library = Library(folder)
    try:
        assert check(library) == []
        with library.catalog.reading() as connection:
            query = "SELECT path, count(*) FROM source JOIN piece ON source.id = source_id GROUP BY path"
            return {row[0]: row[1] for row in connection.exec_driver_sql(query)}
    finally:
        library.close()


def failures(folder: Path) -> list[str]:
    library = Library(folder)
    try:
        return list(library.catalog.failures_under("/"))
    finally:
        library.close()


def test_a_flipped_bit_in_an_embedding_is_noticed_and_its_file_marked_to_be_read_again(folder: Path) -> None:
    path = folder / "catalog.sqlite"
    # The least bit of a component: no unit of length would show it.
    position = path.read_bytes().index(VECTOR.tobytes())
    overwrite(path, position, bytes([VECTOR.tobytes()[0] ^ 1]))
    (finding,) = findings(folder)
    assert "checksum" in finding
    hurt = finding.split(":")[0]
    said = repair(folder)
    assert any(line.startswith(f"{hurt}: ") for line in said)
    assert held(folder) == dict.fromkeys({"/a.txt", "/b.txt"} - {hurt}, 20)
    assert failures(folder) == [hurt]
    assert not (folder / "catalog.sqlite.damaged").exists()


def add_song(folder: Path) -> None:
    library = Library(folder)
    song = Source("/song.wav", "audio", FileState(1, 1), b"song")
    library.catalog.put_source(song, [Piece("audio", VECTOR, start=0.0, end=5.0, melody=b"\x07\x09\0\0" * 40)])
    library.close()


@pytest.mark.parametrize("melody", [b"\x07\x09\0\1" * 40, b"", None, "text", 5])
def test_a_melody_that_was_altered_is_noticed_and_its_file_marked_to_be_read_again(
    folder: Path, melody: object
) -> None:
    add_song(folder)
    change(folder, "UPDATE piece SET melody = ? WHERE modality = 'audio'", melody)
    (finding,) = findings(folder)
    assert "/song.wav" in finding and "checksum" in finding
    assert repair(folder) and failures(folder) == ["/song.wav"]


def test_melodies_are_saved_from_a_damaged_catalog(folder: Path) -> None:
    add_song(folder)
    library = Library(folder)
    melodies = library.catalog.melodies()
    library.close()
    change(folder, "PRAGMA wal_checkpoint(TRUNCATE)")
    overwrite(folder / "catalog.sqlite", 60, b"\1")  # the version
    assert repair(folder) and (folder / "catalog.sqlite.damaged").exists()
    library = Library(folder)
    assert len(melodies) == 1 and library.catalog.melodies() == melodies
    library.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE source SET duration = 9 WHERE id = 1",
        "UPDATE piece SET text = 'other' WHERE id = 3",
        "UPDATE piece SET source_id = 2 WHERE id = 20",
        "DELETE FROM piece WHERE id = 20",
        "UPDATE piece SET start = 'x' WHERE id = 3",
        "DELETE FROM source WHERE id = 1",
    ],
)
def test_rows_that_were_altered_are_noticed_and_mended(folder: Path, statement: str) -> None:
    change(folder, statement)
    assert findings(folder)
    assert repair(folder)
    assert set(held(folder).values()) <= {20}


def test_what_can_be_read_of_a_damaged_catalog_is_saved_and_the_old_one_kept(folder: Path) -> None:
    library = Library(folder)
    for number in range(60):
        pieces = [Piece("text", VECTOR, f"{number} " * 300)] * 4
        library.catalog.put_source(Source(f"/many/{number}", "text", FileState(1, 1), b"%d" % number), pieces)
    library.catalog.put_root("/many")
    library.close()
    path = folder / "catalog.sqlite"
    pages = path.stat().st_size // 4096
    for page in (pages // 3, pages // 2, pages * 3 // 4):
        overwrite(path, page * 4096, b"\xff" * 4096)
    damaged = path.read_bytes()
    named = {finding.split(": ")[0] for finding in findings(folder)}
    said = repair(folder)
    assert (folder / "catalog.sqlite.damaged").read_bytes() == damaged
    kept, lost = held(folder), failures(folder)
    assert 40 < len(kept) < 62 and set(kept.values()) <= {4, 20}
    assert set(lost) | set(kept) == {"/a.txt", "/b.txt", *(f"/many/{number}" for number in range(60))}
    assert set(lost) <= named and all(any(line.startswith(path) for line in said) for path in lost)
    assert repair(folder) == []


@pytest.mark.parametrize("is_known", [True, False])
def test_a_repair_gives_no_number_twice(folder: Path, is_known: bool) -> None:
    change(folder, "UPDATE piece SET text = 'other' WHERE id = 40")  # the last one: its file is read again
    change(folder, "DROP INDEX source_by_content")
    if not is_known:
        change(folder, "DELETE FROM sqlite_sequence")
    assert repair(folder) and list(held(folder)) == ["/a.txt"]
    library = Library(folder)
    library.catalog.put_source(Source("/c.txt", "text", FileState(1, 1), b"c"), [Piece("text", VECTOR, "new")])
    (new,) = library.catalog.sources_under("/c.txt").values()
    assert library.catalog.locate(range(1, 41)).keys() == set(range(1, 21)) and new.id > 2
    library.close()


def test_a_second_repair_keeps_the_first_damaged_catalog(folder: Path) -> None:
    kept = []
    for number in ("", "-2", "-3"):
        path = generations.current(folder) / "catalog.sqlite"
        connection = sqlite3.connect(path)
        connection.execute("DROP INDEX source_by_content")
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        kept.append(path.read_bytes())
        assert any(line.endswith(f"catalog.sqlite.damaged{number}") for line in repair(folder))
        names = [f"catalog.sqlite.damaged{each}" for each in ("", "-2", "-3")[: len(kept)]]
        assert [(folder / name).read_bytes() for name in names] == kept


def test_words_that_were_recognised_are_saved_too(folder: Path) -> None:
    library = Library(folder)
    words = Transcript("speech", "recogniser 1", (TextSegment("a choir sings", "speech", 1.0, 2.0),))
    with library.catalog.writing() as connection:
        transcripts.put(connection, 2, words)
    library.close()
    path = folder / "catalog.sqlite"
    library = Library(folder)
    with library.catalog.reading() as connection:
        piece = connection.exec_driver_sql("SELECT pageno FROM dbstat WHERE name = 'piece' AND pagetype = 'leaf'")
        page = int(piece.scalars().first() or 0)
    library.close()
    overwrite(path, (page - 1) * 4096, b"\xff" * 4096)
    assert repair(folder) and failures(folder) == ["/a.txt"]
    library = Library(folder)
    with library.catalog.reading() as connection:
        assert transcripts.of_source(connection, 2, "speech") == words
    library.close()


@pytest.mark.parametrize(
    "damage",
    ["header", "lower version", "negative version", "higher version", "version and text", "text", "empty", "truncated"],
)
def test_a_catalog_that_cannot_be_opened_is_set_aside(folder: Path, damage: str) -> None:
    path = folder / "catalog.sqlite"
    content = path.read_bytes()
    if damage == "header":
        overwrite(path, 0, b"\0" * 4096)
    elif damage.endswith(" version"):
        numbers = {"lower": 1, "negative": -5, "higher": len(MIGRATIONS) + 2}
        overwrite(path, 60, struct.pack(">i", numbers[damage.split()[0]]))
    elif damage == "text":  # of the schema, which SQLite quotes in its message
        overwrite(path, content.index(b"CREATE TABLE piece"), b"\xff" * 40)
    elif damage == "version and text":
        overwrite(path, 61, b"\1")
        overwrite(path, content.index(b"AFTER DELETE ON piece") + 24, b"\x8c")
    else:
        path.write_bytes(b"" if damage == "empty" else content[: len(content) // 2])
    damaged = path.read_bytes()
    assert check_folder(folder)
    assert repair(folder)
    assert (folder / "catalog.sqlite.damaged").read_bytes() == damaged
    assert check_folder(folder) == []


@pytest.mark.parametrize("part", ["indexed_at FLOAT NOT", "embedding BLOB", "AFTER DELETE ON", "source_by_content"])
def test_altered_definitions_are_noticed_and_made_anew(folder: Path, part: str) -> None:
    path = folder / "catalog.sqlite"
    overwrite(path, path.read_bytes().rindex(part.encode()), b"Z")
    assert check_folder(folder)
    assert repair(folder)
    assert set(held(folder)) | set(failures(folder)) == {"/a.txt", "/b.txt"}
    assert bool(failures(folder)) == ("NOT" in part or "BLOB" in part)  # a column; the others hold nothing


def test_a_header_that_forbids_writing_is_damage(folder: Path) -> None:
    overwrite(folder / "catalog.sqlite", 18, b"\x84")
    (finding,) = findings(folder)
    assert "header" in finding
    assert repair(folder)
    assert held(folder) == {"/a.txt": 20, "/b.txt": 20}


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM fact WHERE name = 'identity'",
        "DELETE FROM fact WHERE name = 'model_dimension'",
        "UPDATE fact SET value = 'x' WHERE name = 'model_dimension'",
    ],
)
def test_altered_facts_about_the_library_are_damage(folder: Path, statement: str) -> None:
    change(folder, statement)
    library = Library(folder)
    with pytest.raises(DamagedCatalogError, match="--repair"):
        library.refresh()
    library.close()
    assert f"{folder}/catalog.sqlite: its facts have been altered" in findings(folder)
    assert repair(folder)
    assert (folder / "catalog.sqlite.damaged").exists()
    assert set(held(folder)) | set(failures(folder)) == {"/a.txt", "/b.txt"}
    assert bool(failures(folder)) == ("dimension" in statement)  # whose length no vector can be held against


def test_rows_that_would_not_fit_a_new_catalog_do_not_stop_the_repair(folder: Path) -> None:
    library = Library(folder)
    library.catalog.put_root("/good", 5.0)
    library.catalog.put_root("/bad", 5.0)
    library.catalog.put_failure(Failure("/c.txt", FileState(1, 1), "no"))
    library.close()
    change(folder, "UPDATE root SET scanned_at = 'then' WHERE path = '/bad'")
    change(folder, "UPDATE failure SET size = 'much'")
    change(folder, "UPDATE source SET indexed_at = 'then' WHERE id = 2")
    change(folder, "UPDATE source SET duration = 5 WHERE id = 1")
    overwrite(folder / "catalog.sqlite", 18, b"\x84")
    assert repair(folder)
    assert held(folder) == {} and failures(folder) == ["/a.txt", "/b.txt"]
    library = Library(folder)
    assert library.catalog.roots() == {"/good": 5.0}
    library.close()


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_flipped_bytes_are_passed_over_and_all_can_be_mended(folder: Path, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name) / "data"
        shutil.copytree(folder, copy)
        path = copy / "catalog.sqlite"
        for _ in range(data.draw(st.integers(1, 3))):
            overwrite(
                path,
                data.draw(st.integers(0, path.stat().st_size - 40)),
                data.draw(st.binary(min_size=1, max_size=40)),
            )
        try:
            found = check_folder(copy)
        except NewerCatalogError:
            return
        done = repair(copy)
        assert bool(done) >= bool(found)
        assert check_folder(copy) == []
        library = Library(copy)
        held_now = library.catalog.embeddings(range(1, 100))
        # Whatever is still there is as it was put there.
        assert all(np.array_equal(vector, VECTOR.astype(np.float32)) for _, vector in held_now.values())
        if not found:
            assert len(held_now) == 40
        library.close()
