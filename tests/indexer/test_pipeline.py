"""Runs of the pipeline over real files: what a library holds after files came, changed, moved, went or were bad."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.extract.melody import FRAMES_A_SECOND, LOWEST, STEPS, VOICES
from indexer.pipeline import IndexSummary, PipelineOptions, Progress, index
from storage.check import check
from storage.errors import LibraryBusyError, ModelMismatchError
from storage.library import Library
from storage.records import PieceFilter
from tests.indexer.extract.making import write_sound
from tests.indexer.simple_embedder import SimpleEmbedder

ROOT = Path(__file__).parents[2]


def write_picture(path: Path, shade: int) -> None:
    rng = np.random.default_rng(shade)
    Image.fromarray(rng.integers(shade, shade + 40, (48, 64, 3), dtype=np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    (folder / "sub").mkdir(parents=True)
    for number in range(4):
        write_picture(folder / f"picture{number}.png", 40 * number)
        (folder / "sub" / f"note{number}.txt").write_text(f"Note number {number}.\n\n" + "word " * 300 * number)
    return folder


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "data")


def run(library: Library, *roots: Path, **options: int) -> IndexSummary:
    summary = index(library, SimpleEmbedder(), roots, PipelineOptions(**{"workers": 2, "batch": 5, **options}))
    assert check(library) == []
    return summary


def pieces(library: Library) -> dict[str, list[bytes]]:
    """The embeddings of each source, by path."""
    held: dict[str, list[bytes]] = {}
    with library.catalog.reading() as connection:
        query = "SELECT path, embedding FROM source JOIN piece ON source.id = source_id ORDER BY piece.id"
        for path, embedding in connection.exec_driver_sql(query):
            held.setdefault(path, []).append(embedding)
    return held


def test_first_run_then_nothing_to_do(library: Library, folder: Path) -> None:
    seen: list[Progress] = []
    options = PipelineOptions(workers=2, batch=3)
    first = index(library, SimpleEmbedder(), [folder], options, seen.append)
    assert (first.indexed, first.unchanged, first.failed) == (8, 0, ())
    assert first.pieces["image"] == 4 and first.pieces["text"] > 4
    assert [progress.done for progress in seen] == list(range(1, 9)) and {p.total for p in seen} == {8}
    before = pieces(library)
    again = run(library, folder)
    assert (again.indexed, again.unchanged, again.removed, again.pieces) == (0, 8, 0, {})
    assert pieces(library) == before


def test_the_melody_of_a_sound_is_kept(library: Library, tmp_path: Path) -> None:
    notes = [60, 64, 67, 72]
    time = np.arange(4 * 24_000) / 24_000
    hertz = np.repeat([440 * 2 ** ((note - 69) / 12) for note in notes], 24_000)
    sound = (0.4 * np.sin(2 * np.pi * hertz * time) * 32767).astype(np.int16)[np.newaxis]
    (folder := tmp_path / "sounds").mkdir()
    write_sound(folder / "tune.wav", sound, "pcm_s16le", rate=24_000)
    write_sound(folder / "silence.wav", 0 * sound, "pcm_s16le", rate=24_000)
    summary = run(library, folder)
    assert summary.pieces == {"audio": 2}
    (found,) = library.catalog.melodies()
    held = library.catalog.locate([found.id])[found.id]
    assert (held.path, found.source_id, found.start) == (str(folder / "tune.wav"), held.source_id, 0.0)
    line = np.frombuffer(found.melody, np.uint8).reshape(-1, VOICES)[:, 0]
    for number, note in enumerate(notes):
        of_note = line[number * FRAMES_A_SECOND + 1 : (number + 1) * FRAMES_A_SECOND - 1].astype(int)
        assert np.abs(of_note - (1 + (note - LOWEST) * STEPS)).max() <= 1


def test_the_result_does_not_depend_on_workers_or_batches(tmp_path: Path, folder: Path) -> None:
    held = []
    for number, (workers, batch) in enumerate([(1, 1), (3, 4), (2, 100)]):
        library = Library(tmp_path / str(number))
        run(library, folder, workers=workers, batch=batch)
        held.append(pieces(library))
    assert held[0] == held[1] == held[2]


def test_a_changed_file_replaces_its_pieces(library: Library, folder: Path) -> None:
    run(library, folder)
    before = pieces(library)
    write_picture(folder / "picture1.png", 200)
    summary = run(library, folder)
    assert (summary.indexed, summary.unchanged, summary.pieces) == (1, 7, {"image": 1})
    after = pieces(library)
    changed = str(folder / "picture1.png")
    assert after[changed] != before[changed] and len(after[changed]) == 1
    assert {**after, changed: None} == {**before, changed: None}


def test_a_touched_file_is_not_embedded_again(library: Library, folder: Path) -> None:
    run(library, folder)
    os.utime(folder / "picture1.png")
    summary = run(library, folder)
    assert (summary.indexed, summary.unchanged, summary.pieces) == (0, 8, {})


def test_a_time_that_the_catalog_cannot_hold_stops_nothing(library: Library, folder: Path) -> None:
    os.utime(folder / "sub" / "note1.txt", (13e9, 13e9))  # the year 2381
    (folder / "folder.png").mkdir()  # which is a failure with a time
    os.utime(folder / "folder.png", (13e9, 13e9))
    assert (folder / "folder.png").stat().st_mtime > 10e9, "a file system that keeps no such times"
    first = run(library, folder)
    assert first.indexed == 8 and len(first.failed) == 1
    again = run(library, folder)
    assert (again.indexed, again.unchanged) == (0, 8)


def test_half_a_character_in_a_text_stops_nothing(library: Library, folder: Path) -> None:
    head = b"From: a@b.c\nSubject: x\nContent-Type: text/plain; charset=utf-7\n\n"
    (folder / "mail.eml").write_bytes(head + b"hello +2AA- world\n")
    summary = run(library, folder)
    assert summary.indexed == 9 and not summary.failed
    (mail,) = library.catalog.sources_under(str(folder / "mail.eml")).values()
    (piece,) = library.catalog.pieces_of([mail.id])
    assert piece.text is not None and piece.text.endswith("hello ? world")


def test_a_deleted_file_disappears(library: Library, folder: Path) -> None:
    run(library, folder)
    (folder / "picture1.png").unlink()
    shutil.rmtree(folder / "sub")
    summary = run(library, folder)
    assert (summary.indexed, summary.unchanged, summary.removed) == (0, 3, 5)
    assert {Path(path).name for path in pieces(library)} == {"picture0.png", "picture2.png", "picture3.png"}


def test_a_renamed_file_keeps_its_embeddings(library: Library, folder: Path) -> None:
    run(library, folder)
    before = library.catalog.matching_pieces(PieceFilter())
    (folder / "picture1.png").rename(folder / "sub" / "holiday.png")
    summary = run(library, folder)
    assert (summary.indexed, summary.moved, summary.unchanged, summary.removed) == (1, 1, 7, 0)
    assert summary.pieces == {}
    after = library.catalog.matching_pieces(PieceFilter())
    assert all(np.array_equal(before[modality], after[modality]) for modality in before)
    assert str(folder / "sub" / "holiday.png") in pieces(library)


def test_a_copy_is_found_beside_the_original_without_embedding_it(library: Library, folder: Path) -> None:
    run(library, folder)
    shutil.copy(folder / "picture1.png", folder / "copy.png")
    summary = run(library, folder)
    assert (summary.indexed, summary.moved, summary.pieces) == (1, 1, {})
    held = pieces(library)
    assert held[str(folder / "copy.png")] == held[str(folder / "picture1.png")]


def test_files_that_swap_names_swap_embeddings(library: Library, folder: Path) -> None:
    run(library, folder)
    before = pieces(library)
    one, two = folder / "picture1.png", folder / "picture2.png"
    one.rename(folder / "aside")
    two.rename(one)
    (folder / "aside").rename(two)
    run(library, folder)
    after = pieces(library)
    assert (after[str(one)], after[str(two)]) == (before[str(two)], before[str(one)])


def test_the_same_bytes_under_a_name_that_is_read_differently_are_read_again(library: Library, folder: Path) -> None:
    rows = "name,colour\n" + "".join(f"thing {number},green\n" for number in range(50))
    (folder / "table.txt").write_text(rows)
    run(library, folder)
    (folder / "table.csv").write_text(rows)
    summary = run(library, folder)
    assert summary.moved == 0 and summary.pieces["text"] >= 1


def test_a_bad_file_is_recorded_and_tried_again_when_it_changes(library: Library, folder: Path) -> None:
    bad = folder / "bad.png"
    bad.write_bytes((folder / "picture1.png").read_bytes()[:400])
    first = run(library, folder)
    assert first.indexed == 8
    (failure,) = first.failed
    assert failure.path == str(bad) and "\n" not in failure.reason
    again = run(library, folder)
    assert (again.indexed, again.unchanged, again.failed) == (0, 8, first.failed)
    write_picture(bad, 100)
    mended = run(library, folder)
    assert (mended.indexed, mended.failed) == (1, ())


def test_a_file_that_turns_bad_leaves_the_library(library: Library, folder: Path) -> None:
    run(library, folder)
    (folder / "picture1.png").write_bytes(b"")
    summary = run(library, folder)
    assert [Path(failure.path).name for failure in summary.failed] == ["picture1.png"]
    assert str(folder / "picture1.png") not in pieces(library)


def test_a_failure_is_forgotten_when_its_file_is_gone(library: Library, folder: Path) -> None:
    (folder / "bad.png").write_bytes(b"")
    run(library, folder)
    (folder / "bad.png").unlink()
    assert run(library, folder).failed == ()


def test_a_missing_path_is_reported_and_the_rest_indexed(library: Library, folder: Path) -> None:
    summary = run(library, folder / "nowhere", folder)
    assert summary.indexed == 8
    (failure,) = summary.failed
    assert failure.path == str(folder / "nowhere") and "no such file" in failure.reason


def test_a_path_that_is_no_utf8_is_reported_and_the_rest_indexed(library: Library, folder: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(folder.parent) + b"/caf\xe9"))
    odd.mkdir()
    (odd / "a.txt").write_text("x")
    summary = run(library, odd, folder)
    assert summary.indexed == 8 and list(library.catalog.roots()) == [str(folder)]
    assert [(Path(each.path).name, each.reason) for each in summary.failed] == [
        (r"caf\xe9", "its name is not valid UTF-8; rename it")
    ]


def test_a_vanished_folder_keeps_its_entries(library: Library, folder: Path) -> None:
    run(library, folder)
    folder.rename(folder.with_name("elsewhere"))
    summary = run(library, folder)
    assert summary.removed == 0 and "8 files" in summary.failed[0].reason
    assert len(pieces(library)) == 8


def test_a_single_file_can_be_indexed_and_leaves_when_it_is_gone(library: Library, folder: Path) -> None:
    file = folder / "picture1.png"
    assert run(library, file).indexed == 1
    file.unlink()
    assert run(library, file).removed == 1
    assert pieces(library) == {} and library.catalog.roots() == {}


def test_overlapping_paths_count_each_file_once(library: Library, folder: Path) -> None:
    summary = run(library, folder, folder / "sub", folder / "sub" / "note1.txt")
    assert (summary.indexed, summary.unchanged) == (8, 0)


def test_a_moved_tree_keeps_its_embeddings(library: Library, folder: Path) -> None:
    run(library, folder)
    (folder / "sub").rename(folder / "renamed")
    summary = run(library, folder)
    assert (summary.moved, summary.removed, summary.pieces) == (4, 0, {})


def test_another_model_is_refused_before_anything_changes(library: Library, folder: Path) -> None:
    run(library, folder)
    before = pieces(library)
    with pytest.raises(ModelMismatchError):
        index(library, SimpleEmbedder(name="other"), [folder], PipelineOptions())
    assert pieces(library) == before


def test_two_runs_at_once_are_refused(library: Library, folder: Path) -> None:
    with library.writer_lock(), pytest.raises(LibraryBusyError):
        run(library, folder)


KILLED_RUN = """
import sys
from pathlib import Path
from indexer.pipeline import PipelineOptions, index
from storage.library import Library
from tests.indexer.simple_embedder import SimpleEmbedder
index(Library(Path(sys.argv[2])), SimpleEmbedder(), [Path(sys.argv[1])], PipelineOptions(workers=2, batch=4),
      lambda progress: print(progress.done, flush=True))
"""


def test_killed_anywhere_the_next_run_ends_as_if_nothing_had_happened(tmp_path: Path, folder: Path) -> None:
    for number in range(4, 40):
        write_picture(folder / f"picture{number}.png", number)
    undisturbed = Library(tmp_path / "undisturbed")
    run(undisturbed, folder)
    library_folder = tmp_path / "killed"
    for kill_after in (0, 1, 5, 9, 30):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED_RUN, str(folder), str(library_folder)], cwd=ROOT, stdout=subprocess.PIPE
        )
        assert process.stdout
        for _ in range(kill_after):
            process.stdout.readline()
        process.kill()
        process.wait()
        process.stdout.close()
        library = Library(library_folder)
        assert check(library) == []
        library.close()
    library = Library(library_folder)
    summary = run(library, folder)
    assert summary.indexed + summary.unchanged == 44
    assert pieces(library) == pieces(undisturbed)


def test_an_interrupted_run_keeps_what_was_done_and_leaves_no_process(library: Library, folder: Path) -> None:
    class Interrupt(Exception):
        pass

    def stop(progress: Progress) -> None:
        if progress.done == 3:
            raise Interrupt

    def decoders() -> set[str]:
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        return {pid for pid in children if b"indexer.extract.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()}

    before = decoders()  # of an engine that is open in this process
    started = time.monotonic()
    with pytest.raises(Interrupt):
        index(library, SimpleEmbedder(), [folder], PipelineOptions(workers=2, batch=1), stop)
    assert time.monotonic() - started < 30
    assert len(pieces(library)) == 3
    assert decoders() <= before
    assert run(library, folder).indexed == 5


def test_a_file_that_comes_to_be_ignored_leaves_unless_it_was_named_itself(library: Library, folder: Path) -> None:
    assert run(library, folder, folder / "sub" / "note1.txt").indexed == 8
    (folder / ".synesthete-ignore").write_text("sub/\n")
    summary = run(library, folder)
    assert (summary.removed, summary.unchanged) == (3, 4)
    assert str(folder / "sub" / "note1.txt") in pieces(library)
    (folder / ".synesthete-ignore").unlink()
    assert run(library, folder).indexed == 3
    (folder / "sub" / "note1.txt").unlink()
    assert run(library, folder).removed == 1


def test_the_library_itself_is_not_looked_at(folder: Path, tmp_path: Path) -> None:
    """Its folder may lie below what is indexed, under another name too, and holds files of kinds that are read."""
    (tmp_path / "link").symlink_to(folder)
    library = Library(tmp_path / "link" / "library")
    (folder / "library" / "vectors").mkdir()
    (folder / "library" / "vectors" / "notes.json").write_text('{"not": "of the user"}')
    assert run(library, folder).indexed == 8
    assert library.catalog.sources_under(str(folder / "library")) == {}
