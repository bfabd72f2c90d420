"""What a scan finds, passes over and complains of, on a real file system."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from indexer.errors import MissingPathError
from indexer.scan import printable, scan
from storage.records import FileState


def names(found: dict[str, object], root: Path) -> set[str]:
    return {os.path.relpath(path, root) for path in found}


def test_known_kinds_are_found_at_any_depth_and_others_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("x.txt", "a/y.JPG", "a/b/z.mp4", "a/program.exe", "README", "a/.hidden.txt"):
        (tmp_path / name).write_text("x")
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "w.txt").write_text("x")
    found = scan(tmp_path)
    assert names(found.files, tmp_path) == {"x.txt", "a/y.JPG", "a/b/z.mp4"} and not found.failures
    state = found.files[str(tmp_path / "x.txt")]
    assert (state.size, state.modified_ns) == (1, (tmp_path / "x.txt").stat().st_mtime_ns)


def test_symbolic_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "x.txt").write_text("x")
    (tmp_path / "real" / "loop").symlink_to(tmp_path)
    (tmp_path / "link.txt").symlink_to(tmp_path / "real" / "x.txt")
    (tmp_path / "broken.txt").symlink_to(tmp_path / "nowhere")
    assert names(scan(tmp_path).files, tmp_path) == {"real/x.txt"}


def test_what_is_no_file_is_named_without_opening_it(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").mkdir()
    (tmp_path / "x.mp4" / "inside.txt").write_text("x")
    os.mkfifo(tmp_path / "pipe.wav")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket.png"))
    found = scan(tmp_path)
    assert names(found.failures, tmp_path) == {"x.mp4", "pipe.wav", "socket.png"}
    assert names(found.files, tmp_path) == {"x.mp4/inside.txt"}
    assert "folder" in found.failures[str(tmp_path / "x.mp4")].reason


def test_a_folder_named_like_source_code_is_no_ones_mistake(tmp_path: Path) -> None:
    (tmp_path / "chart.js").mkdir()
    assert not scan(tmp_path).failures


def test_a_name_that_is_no_utf8_is_named(tmp_path: Path) -> None:
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt"))).write_text("x")
    found = scan(tmp_path)
    (failure,) = found.failures.values()
    assert failure.path.endswith(r"caf\xe9.txt") and "UTF-8" in failure.reason and not found.files
    assert printable("plain é") == "plain é"


def test_a_single_file_of_unknown_kind_is_named(tmp_path: Path) -> None:
    (tmp_path / "program.exe").write_text("x")
    (failure,) = scan(tmp_path / "program.exe").failures.values()
    assert ".exe" in failure.reason


def test_a_missing_path_raises(tmp_path: Path) -> None:
    with pytest.raises(MissingPathError, match=r"nowhere: no such file"):
        scan(tmp_path / "nowhere")


@pytest.mark.parametrize("mode", [0, 0o444])
def test_a_folder_that_may_not_be_read_is_named_and_its_files_do_not_count_as_gone(tmp_path: Path, mode: int) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    (closed / "x.txt").write_text("x")
    (tmp_path / "y.txt").write_text("y")
    closed.chmod(mode)
    try:
        # Root reads everything; without these capabilities it is bound by permissions like anyone else.
        confined = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all"]
        program = (
            "import sys, pathlib; from indexer.scan import scan\n"
            "found = scan(pathlib.Path(sys.argv[1]))\n"
            "(failure,) = found.failures.values()\n"
            "print(sorted(found.files), failure.reason, found.may_hold(sys.argv[2]))"
        )
        command = [sys.executable, "-c", program, str(tmp_path), str(closed / "x.txt")]
        said = subprocess.run(
            (confined if os.geteuid() == 0 else []) + command, capture_output=True, text=True, check=True
        ).stdout
    finally:
        closed.chmod(0o700)
    assert "y.txt" in said and "Permission denied" in said and said.rstrip().endswith("True")


def test_of_files_that_are_as_they_were_known_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "é").mkdir()
    for name in ("same.txt", "changed.txt", "new.txt", "é/same.txt"):
        (tmp_path / name).write_text(name)
    known = {str(tmp_path / name): FileState.of((tmp_path / name).stat()) for name in ("same.txt", "é/same.txt")}
    known |= {str(tmp_path / name): FileState(1, 2) for name in ("changed.txt", "gone.txt")}
    before = dict(known)
    found = scan(tmp_path, known=known)
    assert names(found.files, tmp_path) == {"changed.txt", "new.txt"}
    assert names(found.left, tmp_path) == {"gone.txt"} and known == before


def test_subtitles_beside_a_recording_are_no_text_of_their_own(tmp_path: Path) -> None:
    names = ("film.mp4", "film.srt", "film.pt-BR.forced.vtt", "film.2.notes.about.srt", "other.en.srt", "x.talk.wav")
    for name in (*names, "x.talk.en.ass"):
        (tmp_path / name).write_text("x")
    beside = {"film.srt", "film.pt-BR.forced.vtt", "x.talk.en.ass"}
    assert names_of(tmp_path) == {*names, "x.talk.en.ass"} - beside
    (tmp_path / "film.mp4").unlink()
    assert {"film.srt", "film.pt-BR.forced.vtt"} <= names_of(tmp_path)


def names_of(folder: Path) -> set[str]:
    return names(scan(folder).files, folder)
