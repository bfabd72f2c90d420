"""The watcher inside the service, as `synesthete serve --watch` runs it."""

import json
import signal
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.browser import Page, browser
from tests.conftest import ROOT
from tests.service_process import ServiceProcess, running


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 120) -> Any:
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"{what}: not within {seconds:g} s"
        time.sleep(0.1)
    return found


@pytest.fixture
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServiceProcess, Path]]:
    folder = tmp_path_factory.mktemp("w")  # the names of sockets must be short
    notes = folder / "notes"
    notes.mkdir()
    (notes / "harbour.txt").write_text("The ferry leaves the harbour at noon.")
    quick = {"SYNESTHETE_WATCH__SETTLE_SECONDS": "0.2"}
    with running(folder / "data", folder, "--watch", str(notes), **quick) as service:
        yield service, notes


def test_the_library_is_kept_up_paused_and_let_go(served: tuple[ServiceProcess, Path]) -> None:
    service, notes = served

    def watch() -> dict[str, Any]:
        found: dict[str, Any] = service.get("/v1/status").json["watch"]
        return found

    def finds(words: str, name: str) -> bool:
        hits = service.post("/v1/search", {"words": [{"text": words}], "exact": True}).json["hits"]
        return [Path(hit["path"]).name for hit in hits] == [name]

    wait_for(lambda: watch()["ready"], "the first look through all")
    assert watch() == {
        "running": True, "folders": [str(notes)], "ready": True, "done": 1, "notice": None, "problem": None
    }  # fmt: skip
    assert finds("ferry", "harbour.txt")

    (notes / "garden.txt").write_text("Rhubarb and gooseberries grow behind the shed.")
    wait_for(lambda: finds("gooseberries", "garden.txt"), "a new file")
    assert watch()["done"] == 2

    connection = HTTPConnection("127.0.0.1", service.port, timeout=60)
    connection.request("GET", "/v1/progress")
    stream = connection.getresponse()

    def told(event: str) -> dict[str, Any]:
        """What the stream says next of ``event``."""
        while stream.readline().decode().strip() != f"event: {event}":
            pass
        state: dict[str, Any] = json.loads(stream.readline().decode().removeprefix("data: "))
        return state

    assert told("watch")["folders"] == [str(notes)]
    assert service.run("--data", service.data, "pause").returncode == 0
    assert "paused" in told("watch")["notice"]
    assert "paused" in service.get("/v1/status").json["paused"]
    (notes / "attic.txt").write_text("A trunk full of marionettes.")
    time.sleep(1.5)  # as long as it would have taken
    assert not finds("marionettes", "attic.txt")
    assert service.run("--data", service.data, "resume").returncode == 0
    assert told("watch")["notice"] is None
    wait_for(lambda: finds("marionettes", "attic.txt"), "what was left while paused")
    (notes / "garden.txt").unlink()
    wait_for(lambda: not finds("gooseberries", "garden.txt"), "a file that is gone")
    connection.close()

    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(20) == 0


def test_the_page_says_what_the_watcher_is_at(served: tuple[ServiceProcess, Path], tmp_path: Path) -> None:
    """Its bottom line: from the first look through all to a pause, and the files that come and go meanwhile."""
    service, notes = served
    with browser(tmp_path / "profile", ROOT / "tests/samples/speech/harbour.ogg") as driver:
        page = Page(driver, service.link, tmp_path)
        page.open()
        page.wait(lambda: page.text("#watching") == "Watching 1 folder: up to date")
        assert page.get("#watching").get_attribute("title") == str(notes)
        assert not page.get("#refresh").is_displayed(), "it would find nothing that the watcher does not"
        page.wait(lambda: page.text("#library") == "1 file")

        (notes / "garden.txt").write_text("Rhubarb and gooseberries grow behind the shed.")
        page.wait(lambda: page.text("#library") == "2 files")
        assert service.run("--data", service.data, "pause").returncode == 0
        page.wait(lambda: page.text("#watching").startswith("Watching 1 folder: paused"))
        assert service.run("--data", service.data, "resume").returncode == 0
        page.wait(lambda: page.text("#watching") == "Watching 1 folder: up to date")
        (notes / "garden.txt").unlink()
        page.wait(lambda: page.text("#library") == "1 file")
        with page.on_a_phone(390):
            assert page.get("#watching").is_displayed()
            assert page.script("return document.documentElement.scrollWidth") <= 390
        assert page.complaints() == [] and not page.get("#empty").is_displayed()
        (notes / "harbour.txt").unlink()
        page.wait(lambda: page.text("#library") == "The library is empty.")
        assert "synesthete index" in page.text("#empty") and page.complaints() == []  # what to do then
        page.driver.save_screenshot(str(page.shots / "empty.png"))


def test_paths_without_the_option_are_wrong_usage(tmp_path: Path) -> None:
    from tests.conftest import Program

    done = Program(tmp_path / "data", tmp_path / "home").run("serve", tmp_path)
    assert done.returncode == 2 and "--watch" in done.stderr
