"""Which files are passed over, on a real file system; git itself is the judge of patterns."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.ignore import IgnoreOptions, IgnoreRules, compiled
from indexer.scan import scan

TAG = "Signature: 8a477f597d28d172789f06886806bc55\n"


def write(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")


def found(root: Path, *patterns: str, **options: bool) -> set[str]:
    """What a scan finds; each path is judged alone, too, and must fare alike."""
    choice = IgnoreOptions(patterns, **options)
    files = scan(root, choice).files
    every = [path for path in root.rglob("*.txt") if path.is_file()]
    assert {str(path) for path in every if not IgnoreRules(str(root), choice).is_ignored(str(path))} == set(files)
    return {os.path.relpath(path, root) for path in files}


def test_hidden_files_and_caches_are_left_out_unless_they_are_wanted(tmp_path: Path) -> None:
    write(
        tmp_path,
        "a.txt",
        ".b.txt",
        ".git/c.txt",
        "node_modules/d.txt",
        "x/__pycache__/e.txt",
        "cache/f.txt",
        "no/g.txt",
    )
    (tmp_path / "cache" / "CACHEDIR.TAG").write_text(TAG)
    (tmp_path / "no" / "CACHEDIR.TAG").write_text("not that")
    assert found(tmp_path) == {"a.txt", "no/g.txt"}
    assert found(tmp_path, hidden=True) == {"a.txt", "no/g.txt", ".b.txt", ".git/c.txt"}
    assert found(tmp_path, caches=True) == {
        "a.txt",
        "no/g.txt",
        "node_modules/d.txt",
        "x/__pycache__/e.txt",
        "cache/f.txt",
    }


@pytest.mark.parametrize("marker", [".nomedia", ".trackerignore"])
def test_a_marked_folder_is_left_out_with_all_below_it_unless_it_is_named(tmp_path: Path, marker: str) -> None:
    write(tmp_path, "a.txt", "x/b.txt", "x/y/c.txt")
    (tmp_path / "x" / marker).touch()
    assert found(tmp_path) == {"a.txt"}
    assert found(tmp_path / "x") == {"b.txt", "y/c.txt"}


def test_rules_further_down_win_and_a_folder_that_is_out_stays_out(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", "keep.txt", "x/a.txt", "x/b.txt", "out/keep.txt", "x/out/c.txt")
    (tmp_path / ".synesthete-ignore").write_text("*.txt\n!keep.txt\n/out/\n")
    (tmp_path / "x" / ".synesthete-ignore").write_text("!b.txt\n")
    assert found(tmp_path) == {"keep.txt", "x/b.txt"}
    assert found(tmp_path / "x") == {"a.txt", "b.txt", "out/c.txt"}  # rules above what is named do not count


def test_the_settings_speak_as_though_from_the_top(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", "x/a.txt", "x/y/b.txt", "z/b.txt")
    assert found(tmp_path, "a.txt") == {"x/y/b.txt", "z/b.txt"}
    assert found(tmp_path, f"{tmp_path}/x/") == {"a.txt", "z/b.txt"}
    (tmp_path / ".synesthete-ignore").write_text("!/a.txt\n")
    assert found(tmp_path, "a.txt") == {"a.txt", "x/y/b.txt", "z/b.txt"}


def test_what_is_no_pattern_and_what_is_no_file_is_said_and_holds_nothing_up(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", "b.txt", "x/c.txt")
    (tmp_path / ".synesthete-ignore").write_text("[z-a]\na.txt\n")
    os.mkfifo(tmp_path / "x" / ".synesthete-ignore")
    (tmp_path / "x" / "CACHEDIR.TAG").symlink_to("/dev/zero")
    assert found(tmp_path) == {"b.txt", "x/c.txt"}
    failures = {os.path.relpath(path, tmp_path): each.reason for path, each in scan(tmp_path).failures.items()}
    assert failures == {
        ".synesthete-ignore": "line 1 is no pattern; it is passed over",
        "x/.synesthete-ignore": "its rules cannot be read: not a regular file",
    }
    assert compiled(["*.a", "[z-a]"])[1] == [2]


def test_folders_with_the_names_of_rules_hide_nothing_and_leave_nothing_open(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", "x/b.txt")
    (tmp_path / ".synesthete-ignore").mkdir()
    (tmp_path / "x" / "CACHEDIR.TAG").mkdir()
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert found(tmp_path) == {"a.txt", "x/b.txt"}
    (failure,) = scan(tmp_path).failures.values()
    assert failure.path == f"{tmp_path}/.synesthete-ignore"
    assert failure.reason == "its rules cannot be read: not a regular file"
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_files_above_the_limit_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x" * 2_000_000)
    write(tmp_path, "b.txt")
    for root in (tmp_path, tmp_path / "a.txt"):
        (failure,) = scan(root, largest_megabytes=1).failures.values()
        assert failure.reason == "too large: 2.0 MB, the limit is 1 MB (file_megabytes in the settings)"


NAMES = st.sampled_from(["a", "b", "ab", "a.txt", "b.txt"])
PATTERNS = st.lists(
    st.sampled_from(
        ["a", "/a", "a/", "!a", "*.txt", "!b.txt", "a/b", "**/b", "a/**", "!a/b.txt", "#a", "\\!a", "?", "[!a]"]
    ),
    max_size=4,
)


@given(st.sets(st.lists(NAMES, min_size=1, max_size=3).map("/".join), max_size=6), PATTERNS, PATTERNS)
@settings(max_examples=15, deadline=None)
def test_git_agrees(
    tmp_path_factory: pytest.TempPathFactory, names: set[str], top: list[str], inner: list[str]
) -> None:
    root = tmp_path_factory.mktemp("git")
    for name in sorted(f"{name}.txt" if not name.endswith(".txt") else name for name in names):
        path = root / name
        if not any(parent.is_file() for parent in path.parents) and not path.is_dir():
            write(root, name)
    (root / "a").mkdir(exist_ok=True)
    for folder, lines in ((root, top), (root / "a", inner)):
        for name in (".synesthete-ignore", ".gitignore"):
            if folder.is_dir():
                (folder / name).write_text("\n".join(lines))
    listing = ["git", "-c", "core.excludesFile=", "ls-files", "--others", "--exclude-standard"]
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    shown = subprocess.run(listing, cwd=root, capture_output=True, text=True, check=True).stdout.split()
    assert found(root) == {name for name in shown if name.endswith(".txt")}
