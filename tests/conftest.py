"""What many tests share: the sample library, built and indexed once by the program itself."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

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

    def run(self, *arguments: str | Path, **options: Any) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "engine.cli", "--data", str(self.data), *map(str, arguments)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SYNESTHETE_")}
        # A home of its own: the settings of whoever runs the tests must not change them.
        environment |= {"XDG_CONFIG_HOME": str(self.home), "XDG_DATA_HOME": str(self.home), "PYTHONPATH": str(ROOT)}
        environment |= {"SYNESTHETE_INDEX__PRIORITY": "normal"}  # what waits for all else may wait for long
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, **options)

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
    folder = tmp_path_factory.mktemp("samples")
    build(folder / "library")
    build_queries(folder / "queries")
    program = Program(folder / "data", folder / "home")
    return Samples(folder / "library", folder / "queries", program, program.json("index", folder / "library"))
