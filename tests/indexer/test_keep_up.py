"""A library kept up with real folders by a real watcher."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from indexer.control import Control
from indexer.errors import MissingPathError
from indexer.ignore import IgnoreOptions
from indexer.keep_up import KeepUp, WatchEvent, WatchOptions
from indexer.options import IndexSummary, PipelineOptions, Progress
from indexer.pause import Pause, pause, resume
from indexer.pipeline import index, index_parts, index_words
from indexer.plan import Scope
from indexer.transcripts import TranscriptSummary
from storage.check import check
from storage.library import Library
from storage.records import PieceFilter
from tests.indexer.simple_embedder import SimpleEmbedder
from tests.indexer.test_pipeline import pieces, write_picture
from tests.indexer.test_transcripts import words

ROOT = Path(__file__).parents[2]
SETTLE = 0.15
IGNORE = IgnoreOptions(("*.bak",))
CONFINED = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all"]
UNPRIVILEGED = [] if os.geteuid() else CONFINED
"""Root reads everything; without these capabilities it is bound by permissions like anyone else."""


@dataclass(frozen=True)
class Indexing:
    library: Library
    options: PipelineOptions = field(default_factory=lambda: PipelineOptions(workers=1, ignore=IGNORE))
    embedder: SimpleEmbedder = field(default_factory=SimpleEmbedder)

    def roots(self) -> Collection[str]:
        return self.library.catalog.roots()

    def everything(self, roots: list[Path], on_progress: Callable[[Progress], None], control: Control) -> IndexSummary:
        return index(self.library, self.embedder, roots, self.options, on_progress, control)

    def parts(self, parts: list[Scope], on_progress: Callable[[Progress], None], control: Control) -> IndexSummary:
        return index_parts(self.library, self.embedder, parts, self.options, on_progress, control)

    def words(self, roots: list[Path], on_progress: Callable[[Progress], None], control: Control) -> TranscriptSummary:
        return index_words(self.library, self.embedder, roots, self.options, on_progress, control)


class Watching:
    """A library that is kept up in a thread."""

    def __init__(self, library: Library, *roots: Path, **options: float) -> None:
        self.library, self.events, self._stop = library, list[WatchEvent](), threading.Event()
        watch_options = WatchOptions(**{"settle_seconds": SETTLE, **options})
        paused = Pause(library.folder, 0).reason
        keep_up = KeepUp(roots, Indexing(library), watch_options, paused, self.events.append)
        self._thread = threading.Thread(target=keep_up.run, args=(self._stop,))

    def __enter__(self) -> "Watching":
        self._thread.start()
        self.until(lambda: self.said("ready"))
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive() and self.said("stopped")

    def until(self, condition: Callable[[], object]) -> None:
        """Wait for what is bound to come; how long it takes is nobody's business here."""
        end = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < end and self._thread.is_alive(), self.events
            time.sleep(0.02)

    def said(self, what: str) -> list[WatchEvent]:
        return [event for event in self.events if event.what == what]

    def names(self) -> set[str]:
        return {Path(path).name for path in self.library.catalog.sources_under("/")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    (folder / "sub").mkdir(parents=True)
    for number in range(3):
        (folder / "sub" / f"note{number}.txt").write_text(f"Note number {number}.")
    write_picture(folder / "picture.png", 10)
    for path in folder.rglob("*.*"):
        os.utime(path, (1e9, 1e9))  # nobody is writing to it
    return folder


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    library = Library(tmp_path / "data")
    yield library
    assert check(library) == []


def test_files_that_come_change_and_go(library: Library, folder: Path) -> None:
    with Watching(library, folder) as watching:
        assert len(watching.names()) == 4
        (folder / "new.txt").write_text("Something new.")
        (folder / "passed over.bak").write_text("x")
        (folder / ".hidden.txt").write_text("x")
        watching.until(lambda: "new.txt" in watching.names())
        before = pieces(library)[str(folder / "new.txt")]
        (folder / "new.txt").write_text("Something else altogether.")
        watching.until(lambda: pieces(library)[str(folder / "new.txt")] != before)
        (folder / "new.txt").unlink()
        watching.until(lambda: "new.txt" not in watching.names())
        assert [Path(event.path or "").name for event in watching.said("removed")] == ["new.txt"]
    assert len(pieces(library)) == 4


def test_a_file_replaced_by_rename_as_editors_save(library: Library, folder: Path) -> None:
    note = folder / "sub" / "note1.txt"
    with Watching(library, folder) as watching:
        before = pieces(library)[str(note)]
        draft = note.with_name("note1.txt~")
        draft.write_text("A new version.")
        draft.replace(note)
        watching.until(lambda: pieces(library).get(str(note), before) != before)
        assert watching.names() == {"note0.txt", "note1.txt", "note2.txt", "picture.png"}


def test_files_and_folders_that_move_keep_their_embeddings(library: Library, folder: Path) -> None:
    with Watching(library, folder) as watching:
        before = library.catalog.matching_pieces(PieceFilter())
        (folder / "picture.png").rename(folder / "sub" / "holiday.png")
        watching.until(lambda: "holiday.png" in watching.names())
        (folder / "sub").rename(folder / "elsewhere")
        watching.until(lambda: str(folder / "elsewhere" / "note2.txt") in pieces(library))
        watching.until(lambda: str(folder / "sub" / "note2.txt") not in pieces(library))
        after = library.catalog.matching_pieces(PieceFilter())
        assert {modality: ids.tolist() for modality, ids in after.items()} == {
            modality: ids.tolist() for modality, ids in before.items()
        }
        (folder / "elsewhere" / "later.txt").write_text("In a folder that was renamed while it was watched.")
        watching.until(lambda: "later.txt" in watching.names())


def test_a_file_that_is_gone_waits_for_those_that_settle(library: Library, folder: Path) -> None:
    """Its new name may still be settling: were it let go of first, it would have to be embedded anew."""
    indexing = Indexing(library)
    indexing.everything([folder], lambda progress: None, Control())
    before = library.catalog.matching_pieces(PieceFilter())
    (folder / "sub").rename(folder / "elsewhere")
    settling = Control(is_still=lambda path, state: False, is_quiet=lambda: False)
    whole = [Scope(str(folder), str(folder))]
    summary = indexing.parts(whole, lambda progress: None, settling)
    assert summary.stopped and summary.removed == 0
    assert str(folder / "sub" / "note1.txt") in pieces(library)
    summary = indexing.parts(whole, lambda progress: None, Control())
    assert not summary.stopped and summary.moved == 3
    after = library.catalog.matching_pieces(PieceFilter())
    assert {modality: ids.tolist() for modality, ids in after.items()} == {
        modality: ids.tolist() for modality, ids in before.items()
    }


def test_a_folder_copied_in_and_removed_again(library: Library, folder: Path, tmp_path: Path) -> None:
    with Watching(library, folder) as watching:
        for number in range(30):
            deep = tmp_path / "many" / f"{number % 3}" / f"{number % 5}"
            deep.mkdir(parents=True, exist_ok=True)
            (deep / f"{number}.txt").write_text(f"Number {number}.")
        shutil.copytree(tmp_path / "many", folder / "many")
        watching.until(lambda: len(watching.names()) == 34)
        shutil.rmtree(folder / "many")
        watching.until(lambda: len(watching.names()) == 4)


def test_a_folder_moved_out_and_back_in_is_followed_on_without_a_warning(
    library: Library, folder: Path, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    with Watching(library, folder) as watching:
        shutil.move(folder / "sub", tmp_path / "elsewhere")
        watching.until(lambda: watching.names() == {"picture.png"})
        shutil.move(tmp_path / "elsewhere", folder / "sub")
        watching.until(lambda: len(watching.names()) == 4)
        (folder / "sub" / "new.txt").write_text("Something new.")
        watching.until(lambda: "new.txt" in watching.names())
    assert [str(each.message) for each in recwarn] == []


def test_a_file_still_being_written_is_waited_for(library: Library, folder: Path) -> None:
    with Watching(library, folder, settle_seconds=1.0) as watching:
        with (folder / "long.txt").open("w") as file:
            for number in range(15):
                print(f"Line {number}.", file=file, flush=True)
                time.sleep(0.1)
        watching.until(lambda: "long.txt" in watching.names())
        assert [event.what for event in watching.events if event.path == str(folder / "long.txt")] == ["indexed"]
        assert (
            library.catalog.sources_under("/")[str(folder / "long.txt")].source.state.size
            == (folder / "long.txt").stat().st_size
        )


def test_links_to_names_that_cannot_be_do_not_end_the_watching(library: Library, folder: Path) -> None:
    with Watching(library, folder) as watching:
        (folder / "link.txt").symlink_to("a" * 300)  # longer than any name may be
        (folder / "loop.txt").symlink_to("loop.txt")
        (folder / "new.txt").write_text("Something new.")
        watching.until(lambda: "new.txt" in watching.names())


def test_names_that_are_no_utf8_are_named_and_do_not_end_the_watching(library: Library, folder: Path) -> None:
    with Watching(library, folder) as watching:
        odd = Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9"))
        odd.with_name(odd.name + ".txt").write_text("x")
        odd.mkdir()
        (odd / "inside.txt").write_text("x")
        watching.until(lambda: len(library.catalog.failures_under("/")) == 2)
        assert all(r"caf\xe9" in path for path in library.catalog.failures_under("/"))
        (folder / "new.txt").write_text("Something new.")
        watching.until(lambda: "new.txt" in watching.names())
        shutil.rmtree(odd)
        watching.until(lambda: len(library.catalog.failures_under("/")) == 1)


def test_a_root_whose_name_is_no_utf8_is_refused(library: Library, folder: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9"))
    with pytest.raises(MissingPathError, match=r"caf\\xe9: its name is not valid UTF-8"):
        KeepUp([odd], Indexing(library), WatchOptions(), lambda: None, print)


def test_rules_that_change(library: Library, folder: Path) -> None:
    with Watching(library, folder) as watching:
        (folder / ".synesthete-ignore").write_text("*.txt\n")
        watching.until(lambda: watching.names() == {"picture.png"})
        (folder / ".synesthete-ignore").unlink()
        watching.until(lambda: len(watching.names()) == 4)
        (folder / "sub" / ".nomedia").touch()
        watching.until(lambda: watching.names() == {"picture.png"})


def test_subtitles_that_come_and_go_renew_the_words_of_their_recording(library: Library, folder: Path) -> None:
    shutil.copy(ROOT / "tests" / "samples" / "sounds" / "misc_burp.flac", folder / "talk.flac")
    with Watching(library, folder) as watching:
        line = "1\n00:00:00,000 --> 00:00:01,000\n{}\n"
        (folder / "talk.en.srt").write_text(line.format("a first saying"))
        watching.until(lambda: "a first saying" in str(words(library)))
        (folder / "talk.en.srt").write_text(line.format("another one"))
        watching.until(lambda: "another one" in str(words(library)))
        assert "talk.en.srt" not in watching.names()
        (folder / "talk.flac").unlink()
        watching.until(lambda: "talk.en.srt" in watching.names() and "talk.flac" not in watching.names())


def test_a_root_that_vanishes_is_kept_and_marked_offline(library: Library, folder: Path) -> None:
    with Watching(library, folder) as watching:
        folder.rename(folder.with_name("unplugged"))
        watching.until(lambda: watching.said("offline"))
        time.sleep(3 * SETTLE)
        assert len(watching.names()) == 4
        folder.with_name("unplugged").rename(folder)
        (folder / "later.txt").write_text("After it came back.")
        watching.until(lambda: watching.said("online") and "later.txt" in watching.names())
        (folder / "again.txt").write_text("It is watched again.")
        watching.until(lambda: "again.txt" in watching.names())


def test_a_root_that_is_forgotten_does_not_come_back(library: Library, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with Watching(library, folder, other, rescan_minutes=0.05) as watching:
        with library.writer_lock():
            library.catalog.forget(str(folder))
            (folder / "new.txt").write_text("Something new.")
        watching.until(lambda: watching.said("offline"))
        (folder / "newer.txt").write_text("Something newer.")
        (other / "kept.txt").write_text("Of a root that is kept.")
        watching.until(lambda: watching.names())
        time.sleep(4)  # all has been looked through again
        assert watching.names() == {"kept.txt"} and list(library.catalog.roots()) == [str(other)]
    parts = [Scope(str(folder), str(folder / "new.txt")), Scope(str(folder), str(folder))]
    assert Indexing(library).parts(parts, lambda progress: None, Control()).indexed == 0
    assert watching.names() == {"kept.txt"} and list(library.catalog.roots()) == [str(other)]


def test_pause_and_resume(library: Library, folder: Path) -> None:
    with Watching(library, folder) as watching:
        pause(library.folder)
        watching.until(lambda: watching.said("paused"))
        (folder / "meanwhile.txt").write_text("While it was paused.")
        time.sleep(4 * SETTLE)
        assert "meanwhile.txt" not in watching.names()
        with library.writer_lock():  # free for others meanwhile
            pass
        resume(library.folder)
        watching.until(lambda: "meanwhile.txt" in watching.names())
        assert watching.said("resumed")


def test_while_another_process_writes_it_waits_and_says_who_does(library: Library, folder: Path) -> None:
    with Watching(library, folder) as watching:
        with library.writer_lock():
            (folder / "meanwhile.txt").write_text("While the library was busy.")
            watching.until(lambda: watching.said("busy"))
            assert f"process {os.getpid()}" in str(watching.said("busy")[0].reason)
        watching.until(lambda: "meanwhile.txt" in watching.names())


UNWATCHED = """
import sys
from pathlib import Path
from storage.library import Library
from tests.indexer.test_keep_up import Watching
files, data = map(Path, sys.argv[1:3])
with Watching(Library(data), files, poll_seconds=0.5) as watching:
    assert "max_user_watches" in watching.said("polling")[0].reason
    for number in range(5):
        (files / f"folder{number}" / "new.txt").write_text(f"New {number}.")
    watching.until(lambda: len(watching.library.catalog.sources_under("/")) == 9)
print("as it should be")
"""


def can_unshare() -> bool:
    return subprocess.run(["unshare", "-Urm", "true"], capture_output=True).returncode == 0


@pytest.mark.skipif(not can_unshare(), reason="needs namespaces of its own")
def test_where_no_more_folders_can_be_watched_it_looks_itself(tmp_path: Path, folder: Path) -> None:
    for number in range(5):
        (folder / f"folder{number}").mkdir()
    limited = ["unshare", "-Ur", "sh", "-c", 'echo 3 > /proc/sys/user/max_inotify_watches; exec "$@"', "sh"]
    command = [*limited, sys.executable, "-c", UNWATCHED, str(folder), str(tmp_path / "data")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout == "as it should be\n", done.stderr


MOUNTED = """
import os, subprocess, sys
from pathlib import Path
from storage.library import Library
from storage.roots import states
from tests.indexer.test_keep_up import Watching
files, data = map(Path, sys.argv[1:3])
disk = files / "disk"
disk.mkdir()
odd = Path(os.fsdecode(os.fsencode(files) + b"/caf\\xe9"))
odd.mkdir()
subprocess.run(["mount", "-t", "tmpfs", "odd", odd], check=True)
def mount():
    subprocess.run(["mount", "-t", "tmpfs", "disk", str(disk)], check=True)
    (disk / "on disk.txt").write_text("On a disk of its own.")
library = Library(data)
mount()
with Watching(library, files) as inner:
    inner.until(lambda: len(inner.names()) == 5)  # one has just been written
    subprocess.run(["umount", str(disk)], check=True)
    inner.until(lambda: library.catalog.failures_under(str(disk)))
    assert "not mounted" in library.catalog.failures_under(str(disk))[str(disk)].reason
    assert "on disk.txt" in inner.names()
    mount()
    inner.until(lambda: not library.catalog.failures_under(str(disk)))
    assert "on disk.txt" in inner.names()
with Watching(library, disk) as root:
    subprocess.run(["umount", str(disk)], check=True)
    def offline():
        with library.catalog.reading() as connection:
            return [state.offline for state in states(connection) if state.path == str(disk)][0]
    root.until(offline)
    assert "not mounted" in offline() and "on disk.txt" in root.names()
print("as it should be")
"""


@pytest.mark.skipif(not can_unshare(), reason="needs namespaces of its own")
def test_a_disk_that_is_unmounted_is_offline_and_not_empty(tmp_path: Path, folder: Path) -> None:
    command = ["unshare", "-Urm", sys.executable, "-c", MOUNTED, str(folder), str(tmp_path / "data")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout == "as it should be\n", done.stderr


CLOSED = """
import sys
from pathlib import Path
from storage.library import Library
from tests.indexer.test_keep_up import Watching
files, data, closed = map(Path, sys.argv[1:])
with Watching(Library(data), files) as watching:
    (files / "link.txt").symlink_to(closed / "note.txt")
    (files / "new.txt").write_text("Something new.")
    watching.until(lambda: "new.txt" in watching.names())
"""


def test_a_link_into_a_folder_that_is_closed_stops_nothing(tmp_path: Path, folder: Path) -> None:
    (closed := tmp_path / "closed").mkdir(mode=0)
    command = [*UNPRIVILEGED, sys.executable, "-c", CLOSED, str(folder), str(tmp_path / "data"), str(closed)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_a_library_kept_up_is_the_one_a_run_would_make(library: Library, folder: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    with Watching(library, folder) as watching:
        for number in range(60):
            files = sorted(path for path in folder.rglob("*.txt"))
            path = files[rng.integers(len(files))]
            match rng.integers(4):
                case 0:
                    path.write_text(f"Version {number}.")
                case 1:
                    path.rename(path.with_name(f"moved{number}.txt"))
                case 2 if len(files) > 2:
                    path.unlink()
                case _:
                    (folder / f"d{number % 7}").mkdir(exist_ok=True)
                    (folder / f"d{number % 7}" / f"new{number}.txt").write_text(f"New {number}.")
            time.sleep(float(rng.uniform(0, 0.05)))
        afresh = Library(tmp_path / "afresh")
        index(afresh, SimpleEmbedder(), [folder], PipelineOptions(workers=1))
        watching.until(lambda: pieces(library) == pieces(afresh))
