"""docs/embedding.md, held against the program: its examples run, and what it promises of threads is so."""

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine import SearchEngine
from engine.settings import Settings
from storage.errors import LibraryBusyError
from tests.conftest import ROOT
from tests.forked import run_forked
from tests.service_process import ServiceProcess, environment, running

PAGE = (ROOT / "docs" / "embedding.md").read_text()
PICTURES = ROOT / "tests" / "samples" / "pictures"
WAIT_SECONDS = 120.0


def examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@dataclass(frozen=True)
class Served:
    service: ServiceProcess
    library: Path


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service of the library that a user has when nothing else is said."""
    folder = tmp_path_factory.mktemp("e")
    library, data = folder / "library", folder / "home" / "synesthete"
    library.mkdir()
    for name in ("crow", "bicycle", "lighthouse-red"):
        shutil.copy(PICTURES / f"{name}.png", library)
    run_forked(["index", str(library)], environment(folder)).check_returncode()
    with running(data, folder) as service:
        yield Served(service, library)


def first_line(done: "subprocess.CompletedProcess[str]") -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[0]


def test_the_daemon_keeps_up_and_answers(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("e")
    pictures, address = folder / "pictures", folder / "socket"
    pictures.mkdir()
    shutil.copy(PICTURES / "bicycle.png", pictures)
    daemon, _ = examples("python")
    assert len([line for line in daemon.splitlines() if line]) <= 22
    process = subprocess.Popen(
        [sys.executable, "-c", daemon, str(folder / "data"), str(pictures), str(address)],
        stderr=subprocess.PIPE, env=environment(folder),
    )  # fmt: skip
    assert process.stderr is not None

    def answer() -> list[str]:
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(60)
            asking.connect(str(address))
            asking.sendall(b"a black bird\n")
            paths: list[str] = json.loads(asking.makefile().readline())
            return paths

    def wait_for(name: str) -> None:
        until = time.monotonic() + WAIT_SECONDS
        while not address.exists() or name not in str(answer()):
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.2)

    try:
        wait_for("bicycle.png")
        shutil.copy(PICTURES / "crow.png", pictures)
        wait_for("crow.png")
        assert answer()[0].endswith("crow.png")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, process.stderr.read()
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_the_client_in_python_asks_the_service(served: Served) -> None:
    _, client = examples("python")
    done = subprocess.run(
        [sys.executable, "-c", client], env=dict(served.service.environment), capture_output=True, text=True
    )
    assert first_line(done).endswith(str(served.library / "crow.png"))


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_the_client_in_javascript_asks_the_service(served: Served, tmp_path: Path) -> None:
    (client,) = examples("javascript")
    (tmp_path / "client.mjs").write_text(client)
    command = ["node", str(tmp_path / "client.mjs"), str(served.service.data), "a black bird"]
    done = subprocess.run(command, env=dict(served.service.environment), capture_output=True, text=True)
    assert re.fullmatch(rf"\d\.\d\d {served.library}/crow\.png", first_line(done))


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_client_in_a_shell_asks_the_service(served: Served) -> None:
    (client,) = examples("bash")
    done = subprocess.run(["bash", "-c", client], env=dict(served.service.environment), capture_output=True, text=True)
    assert json.loads(first_line(done))["hits"][0]["path"] == str(served.library / "crow.png")


def test_many_threads_may_search_while_one_changes_the_library(tmp_path: Path) -> None:
    library, later = tmp_path / "library", tmp_path / "later"
    names = ("bicycle", "crow", "lighthouse-red", "wine-glass")
    for folder in (library, later):
        folder.mkdir()
        for name in names:
            shutil.copy(PICTURES / f"{name}.png", folder / f"{folder.name}-{name}.png")
    with SearchEngine.open(tmp_path / "data", Settings()) as engine:
        engine.index(library)
        over = threading.Event()

        def answer(name: str) -> list[tuple[str, float]]:
            """Which files, in which order; relevance counts from the whole library, and changes with it."""
            return [(hit.path, round(hit.score, 4)) for hit in engine.search(name, under=library).hits]

        alone = {name: answer(name) for name in names}

        def ask(name: str) -> int:
            asked = 0
            while not over.is_set() or not asked:
                assert answer(name) == alone[name]
                assert engine.status().counts.sources["image"] in range(len(names), 2 * len(names) + 1)
                asked += 1
            return asked

        with ThreadPoolExecutor(len(names)) as threads:
            asking = [threads.submit(ask, name) for name in names]
            try:
                engine.index(later)
                engine.forget(later)
                engine.index(later)
            finally:
                over.set()
            assert all(each.result() for each in asking)
        assert engine.search("a black bird", limit=2).hits[0].path.endswith("crow.png")
        assert engine.status().counts.sources == {"image": 2 * len(names)}
        assert not engine.check()


def test_a_model_is_loaded_once_whoever_asks_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.model.embedder import ModelEmbedder

    loaded = []
    load = ModelEmbedder.load
    monkeypatch.setattr(ModelEmbedder, "load", lambda *args, **named: loaded.append(1) or load(*args, **named))
    with SearchEngine.open(tmp_path / "data", Settings()) as engine, ThreadPoolExecutor(4) as threads:
        assert [list(each.hits) for each in threads.map(engine.search, ["a", "b", "c", "d"])] == [[]] * 4
    assert loaded == [1]


def test_two_changes_at_once_are_refused_and_lose_nothing(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        shutil.copy(PICTURES / "crow.png", tmp_path / name)
    with SearchEngine.open(tmp_path / "data", Settings()) as engine:
        refused = []

        def meanwhile(progress: object) -> None:
            try:
                engine.index(tmp_path / "two")
            except LibraryBusyError as error:
                refused.append(error)

        engine.index(tmp_path / "one", on_progress=meanwhile)
        assert refused
        engine.index(tmp_path / "two")
        assert engine.status().counts.sources == {"image": 2}
