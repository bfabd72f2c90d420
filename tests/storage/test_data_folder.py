"""A full disk, a folder that cannot be written to, and two that write at once: one line each, and nothing is lost."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from storage.check import check
from storage.library import Library
from tests.conftest import Program

ROOT = Path(__file__).parents[2]

# Indexes until there is no room, makes room, and indexes again. {limit} and {lift} differ by how room is made scarce.
FULL_DISK = """
import resource, subprocess, sys
from pathlib import Path
from indexer.pipeline import PipelineOptions, index
from storage.check import check
from storage.errors import DataFolderError
from storage.library import Library
from tests.indexer.simple_embedder import SimpleEmbedder

files, data = map(Path, sys.argv[1:])
run = lambda: index(Library(data), SimpleEmbedder(2048), [files], PipelineOptions(workers=1, batch=2))
{limit}
try:
    run()
    sys.exit("it was not full")
except DataFolderError as error:
    print(error)
held = sum(Library(data).catalog.counts().sources.values())
{lift}
assert check(Library(data)) == []
summary = run()
assert summary.indexed + summary.unchanged == 48 and summary.unchanged >= held, (summary, held)
assert check(Library(data)) == []
print("went on from", held)
"""


@pytest.fixture
def many(tmp_path: Path) -> Path:
    files = tmp_path / "many"
    files.mkdir()
    for number in range(48):
        (files / f"{number}.txt").write_text(f"Note {number}. " + "Some words of this one. " * 40)
    return files


def run(command: list[str]) -> list[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout.splitlines()


def test_where_files_may_not_grow_what_was_done_stays_and_the_next_run_goes_on(many: Path, tmp_path: Path) -> None:
    program = FULL_DISK.format(
        limit="resource.setrlimit(resource.RLIMIT_FSIZE, (260_000, resource.RLIM_INFINITY))",
        lift="resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))",
    )
    said, went_on = run([sys.executable, "-c", program, str(many), str(tmp_path / "data")])
    assert str(tmp_path / "data") in said and "space" in said
    assert went_on.startswith("went on from")


def test_a_full_disk_is_one_line_and_the_next_run_goes_on(many: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=600k tmpfs "$0" && exec "$@"', str(disk)]
    if shutil.which("unshare") is None or subprocess.run([*mount, "true"], capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here; the limit on the size of files stands in for it")
    program = FULL_DISK.format(
        limit="",
        lift=f"subprocess.run(['mount', '-o', 'remount,size=64m', {str(disk)!r}], check=True)",
    )
    said, went_on = run([*mount, sys.executable, "-c", program, str(many), str(disk / "data")])
    assert str(disk / "data") in said and "space" in said
    assert went_on.startswith("went on from")


def without_privileges() -> list[str]:
    """Root writes everywhere; without these capabilities it is bound by permissions like anyone else."""
    return [] if os.geteuid() else ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all"]


@pytest.mark.parametrize("killed", [False, True], ids=["closed", "with what a killed writer left"])
def test_a_folder_that_cannot_be_written_to_can_be_read(many: Path, tmp_path: Path, killed: bool) -> None:
    data = tmp_path / "data"
    write = (
        "import os, sys; from pathlib import Path\n"
        "from indexer.pipeline import PipelineOptions, index\n"
        "from storage.library import Library\n"
        "from tests.indexer.simple_embedder import SimpleEmbedder\n"
        "library = Library(Path(sys.argv[2]))\n"
        "index(library, SimpleEmbedder(), [Path(sys.argv[1])], PipelineOptions(workers=1))\n"
        "library.catalog.forget(sys.argv[1] + '/0.txt')\n"
    ) + ("os._exit(0)" if killed else "library.close()")
    run([sys.executable, "-c", write, str(many), str(data)])
    read = (
        "import sys; from pathlib import Path\n"
        "from storage.check import check\n"
        "from storage.library import Library\n"
        "library = Library(Path(sys.argv[1])); library.refresh()\n"
        "assert check(library) == []\n"
        "print(sum(library.catalog.counts().sources.values()), len(library.indexed_ids()['text']))\n"
    )
    places = [data, *data.rglob("*")]
    for place in places:
        place.chmod(0o500 if place.is_dir() else 0o400)
    try:
        assert run([*without_privileges(), sys.executable, "-c", read, str(data)]) == ["47 94"]
        program = [sys.executable, "-m", "engine.cli", "--data", str(data), "forget", str(many)]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        command = [*without_privileges(), *program]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
        assert done.returncode == 10 and done.stderr.count("\n") == 1 and str(data) in done.stderr
    finally:
        for place in places:
            place.chmod(0o700)
    library = Library(data)
    assert check(library) == [] and sum(library.catalog.counts().sources.values()) == 47


def test_a_catalog_from_a_newer_version_is_refused_in_one_line(program: Program) -> None:
    assert program.run("status").returncode == 0
    library = Library(program.data)
    with library.catalog.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE of_tomorrow (number INTEGER)")
        connection.exec_driver_sql("PRAGMA user_version = 999")
    library.close()
    for command in (["status"], ["check", "--repair"]):
        done = program.run(*command)
        assert done.returncode == 12 and done.stderr.count("\n") == 1 and "newer" in done.stderr, command
