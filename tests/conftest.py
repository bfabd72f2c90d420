"""What many tests share: the sample library, built and indexed once by the program itself."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.forked import run_forked
from tests.sample_library import build, build_queries

ROOT = Path(__file__).parents[1]


# One thread a process: the tests run in several at once, and threads that wait for each other's cores are slow.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what tests have recorded under the name "printed": tables that are to be seen, not only judged."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, text in getattr(report, "user_properties", ()):
                if name == "printed" and report.when == "call":
                    terminalreporter.write_line(f"\n{text}")


@dataclass(frozen=True)
class Program:
    """The command line, run as a user runs it, on a library of its own."""

    data: Path
    home: Path

    def run(
        self, *arguments: str | Path, cwd: Path | None = None, cold: bool = False
    ) -> "subprocess.CompletedProcess[str]":
        """``cold``: in a new process that imports everything itself."""
        told = ["--data", str(self.data), *map(str, arguments)]
        if not cold:
            return run_forked(told, self.environment, cwd)
        command = [sys.executable, "-m", "engine.cli", *told]
        return subprocess.run(command, capture_output=True, text=True, env=self.environment, cwd=cwd, timeout=300)

    @property
    def environment(self) -> dict[str, str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SYNESTHETE_")}
        # A home of its own: the settings of whoever runs the tests must not change them.
        environment |= {"XDG_CONFIG_HOME": str(self.home), "XDG_DATA_HOME": str(self.home), "PYTHONPATH": str(ROOT)}
        environment |= {"SYNESTHETE_INDEX__PRIORITY": "normal"}  # what waits for all else may wait for long
        return environment

    def json(self, *arguments: str | Path) -> Any:
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@dataclass(frozen=True)
class Samples:
    """The sample library, the files that ask, the program that has indexed it, and what it said to that."""

    library: Path
    queries: Path
    program: Program
    summary: dict[str, Any]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path / "data", tmp_path / "home")


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    """Built once for all processes of pytest-xdist; the index of it is each process's own."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "samples"
    folder.mkdir(exist_ok=True)
    summary = folder / "summary.json"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not summary.exists():
            build(folder / "library")
            build_queries(folder / "queries")
            first = Program(folder / "data", folder / "home")
            summary.write_text(json.dumps(first.json("index", folder / "library")))
    program = Program(own / "samples-data", own / "samples-home")
    shutil.copytree(folder / "data", program.data)
    return Samples(folder / "library", folder / "queries", program, json.loads(summary.read_text()))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The nearer to the top a file lies, the more of the program it tries: long ones first, short ones fill the end."""
    items.sort(key=lambda item: len(item.path.parts))
