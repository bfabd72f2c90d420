"""What a run takes for gone, and what it keeps because it may only be away."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from indexer.pipeline import IndexSummary, PipelineOptions, Progress, index
from storage.check import check
from storage.library import Library
from storage.roots import states
from tests.indexer.simple_embedder import SimpleEmbedder
from tests.indexer.test_keep_up import UNPRIVILEGED, can_unshare
from tests.indexer.test_pipeline import ROOT, folder, library, pieces, run  # noqa: F401

OTHER_SPACE = ["unshare", "-Urm"]


def run_program(program: str, *arguments: Path, within: list[str]) -> None:
    command = [*within, sys.executable, "-c", program, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def run_while(library: Library, happens: Callable[[], object], *roots: Path) -> IndexSummary:  # noqa: F811
    """A run during which something happens once, when the first file is done."""

    def look(progress: Progress) -> None:
        if progress.done == 1:
            happens()

    summary = index(library, SimpleEmbedder(), roots, PipelineOptions(workers=1, batch=1), look)
    assert check(library) == []
    return summary


def offline(library: Library) -> dict[str, str]:  # noqa: F811
    """Why roots are offline, by name."""
    with library.catalog.reading() as connection:
        return {Path(state.path).name: state.offline for state in states(connection) if state.offline}


def test_a_root_that_goes_away_during_a_run_keeps_its_entries(library: Library, folder: Path) -> None:  # noqa: F811
    run(library, folder)
    away = folder.with_name("away")
    for number in range(3):
        (folder / f"new{number}.txt").write_text(f"New note {number}.")
    summary = run_while(library, lambda: folder.rename(away), folder)
    assert summary.removed == 0 and len(pieces(library)) >= 8
    assert "went away" in offline(library)["files"]
    (failure,) = [failure for failure in summary.failed if failure.path == str(folder)]
    assert "are kept" in failure.reason
    away.rename(folder)
    assert run(library, folder).failed == () and len(pieces(library)) == 11 and offline(library) == {}


def test_a_named_file_that_is_removed_during_a_run_leaves(library: Library, folder: Path) -> None:  # noqa: F811
    note, other = folder / "sub" / "note1.txt", folder / "sub" / "note2.txt"
    run(library, note)
    run_while(library, note.unlink, note, other)
    assert set(library.catalog.roots()) == {str(other)} and set(pieces(library)) == {str(other)}


def test_a_file_that_goes_away_during_a_run_is_read_when_it_is_back(library: Library, folder: Path) -> None:  # noqa: F811
    away = folder.with_name("away")
    summary = run_while(library, lambda: (folder / "sub").rename(away), folder)
    assert summary.failed == () and len(pieces(library)) < 8
    away.rename(folder / "sub")
    assert run(library, folder).failed == () and len(pieces(library)) == 8


UNREADABLE = """
import sys
from pathlib import Path
from storage.library import Library
from tests.indexer.test_pipeline import run
files, data = map(Path, sys.argv[1:])
library, note = Library(data), files / "sub" / "note1.txt"
note.chmod(0)
first = run(library, files)
assert first.indexed == 7 and "Permission denied" in first.failed[0].reason, first
note.chmod(0o644)
again = run(library, files)
assert again.indexed == 1 and again.failed == (), again
"""


def test_what_the_system_would_not_let_it_read_is_tried_again_in_every_run(folder: Path, tmp_path: Path) -> None:  # noqa: F811
    run_program(UNREADABLE, folder, tmp_path / "data", within=UNPRIVILEGED)


def test_what_was_copied_from_a_disk_that_is_away_is_a_copy(library: Library, folder: Path) -> None:  # noqa: F811
    card, local = folder / "sub", folder.with_name("local")
    run(library, card)
    shutil.copytree(card, local)
    card.rename(folder / "away")
    assert run(library, local).moved == 4
    assert {Path(path).parent for path in pieces(library)} == {card, local} and len(pieces(library)) == 8


def test_a_root_that_is_away_keeps_its_entries_when_one_above_is_indexed(library: Library, folder: Path) -> None:  # noqa: F811
    disk = folder / "sub"
    run(library, disk)
    disk.rename(folder.with_name("away"))
    assert run(library, disk, folder).removed == 0
    assert run(library, folder).removed == 0 and len(pieces(library)) == 8


UNPLUGGED = """
import shutil, subprocess, sys
from pathlib import Path
from indexer.control import Control
from indexer.pipeline import PipelineOptions, index
from storage.library import Library
from tests.indexer.simple_embedder import SimpleEmbedder
from tests.indexer.test_pipeline import pieces, run
files, data = map(Path, sys.argv[1:])
library, disk = Library(data), files / "disk"
disk.mkdir()

def plug():
    subprocess.run(["mount", "-t", "tmpfs", "disk", disk], check=True)
    (disk / "film.txt").write_text("On a disk of its own.")

def unplug(*anything):
    return subprocess.run(["umount", disk]).returncode in (0, 32)  # not mounted any more

def kept():
    return str(disk / "film.txt") in pieces(library)

plug()
run(library, disk / "film.txt")
shutil.copy(disk / "film.txt", files / "copy.txt")
unplug()
summary = run(library, disk / "film.txt")
assert summary.removed == 0 and "it is kept" in summary.failed[0].reason and kept(), summary
assert run(library, files / "copy.txt").moved == 1 and kept()
library.catalog.forget("/")

plug()
run(library, files)
(first := files.with_name("first")).mkdir()
(first / "new.txt").write_text("Looked at before the disk goes.")
control = Control(is_still=unplug)
summary = index(library, SimpleEmbedder(), [first, files], PipelineOptions(), control=control)
assert summary.removed == 0 and "not mounted" in summary.failed[0].reason and kept(), summary
"""


@pytest.mark.skipif(not can_unshare(), reason="needs namespaces of its own")
def test_what_is_on_a_disk_that_is_not_mounted_is_kept(folder: Path, tmp_path: Path) -> None:  # noqa: F811
    run_program(UNPLUGGED, folder, tmp_path / "data", within=OTHER_SPACE)


CLOSED = """
import shutil, sys
from pathlib import Path
from indexer.control import FREE
from indexer.pipeline import PipelineOptions, index_parts
from indexer.plan import Scope
from storage.library import Library
from tests.indexer.simple_embedder import SimpleEmbedder
from tests.indexer.test_pipeline import pieces, run
files, data = map(Path, sys.argv[1:])
library, root, note = Library(data), files / "sub", files / "sub" / "note1.txt"

def run_part():
    parts = [Scope(str(files), str(note)), Scope(str(root), str(note))]
    return index_parts(library, SimpleEmbedder(), parts, PipelineOptions(), lambda progress: None, FREE)

run(library, root, files)
shutil.copy(note, files / "copy.txt")
root.chmod(0)
try:
    summary = run(library, files)
    assert (summary.moved, summary.removed, len(pieces(library))) == (1, 0, 9), summary
    assert run_part().removed == 0 and len(pieces(library)) == 9
    files.chmod(0)
    assert run_part().removed == 0 and len(pieces(library)) == 9
finally:
    files.chmod(0o700)
    root.chmod(0o700)
"""


def test_what_is_in_a_folder_that_is_closed_now_is_kept(folder: Path, tmp_path: Path) -> None:  # noqa: F811
    run_program(CLOSED, folder, tmp_path / "data", within=UNPRIVILEGED)
