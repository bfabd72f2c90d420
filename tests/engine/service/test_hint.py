import shutil
import socket
from pathlib import Path

import pytest

from engine.service.address import runtime_folder, socket_path
from engine.service.hint import service_hint
from tests.conftest import ROOT, Program


def test_the_first_search_without_a_service_tells_of_it_and_no_other(program: Program, tmp_path: Path) -> None:
    (tmp_path / "library").mkdir()
    shutil.copy(ROOT / "tests/samples/pictures/crow.png", tmp_path / "library")
    assert program.run("index", tmp_path / "library").returncode == 0
    assert program.run("search", "a bird", "--json").stderr == ""
    first, second = program.run("search", "a bird"), program.run("search", "a bird")
    assert "crow.png" in first.stdout and first.stdout == second.stdout
    assert first.stderr.count("\n") == 1 and "synesthete serve" in first.stderr
    assert second.stderr == ""


def test_it_is_not_told_while_a_service_runs_nor_where_nothing_can_be_noted(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("h")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    assert service_hint(folder / "missing") is None
    runtime_folder().mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as service:
        service.bind(str(socket_path(folder)))
        service.listen()
        assert service_hint(folder) is None
    assert service_hint(folder) is not None and service_hint(folder) is None
