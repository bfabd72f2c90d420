"""A model that cannot hear, completed by the bundled one: how its two orders are shown on the page and the desktop."""

import ast
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser import Page, browser
from tests.conftest import ROOT
from tests.engine.model.tiny_hub import save_qwen3_vl
from tests.forked import run_forked
from tests.service_process import ServiceProcess, environment, running
from tests.session_bus import GNOME, KDE, NAME, call, session_bus

SOUND = "harbour.ogg"
SEEN = {"crow.png", "bicycle.png", "sea.txt"}


@dataclass(frozen=True)
class Served:
    service: ServiceProcess
    folder: Path
    files: Path


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("a")  # the names of sockets must be short
    files, config = folder / "files", folder / "home" / "synesthete"
    files.mkdir()
    config.mkdir(parents=True)
    for name in ("pictures/crow.png", "pictures/bicycle.png", f"speech/{SOUND}"):
        shutil.copy(ROOT / "tests" / "samples" / name, files)
    (files / "sea.txt").write_text("the red sea")
    model = save_qwen3_vl(folder / "model")
    (config / "settings.toml").write_text(f"[model]\nname = '{model}'\n[search]\ncutoff = 0.0\n")
    for command in (["index", str(files)], ["install-service", "--desktop"]):
        run_forked(["--data", str(folder / "data"), *command], environment(folder)).check_returncode()
    with running(folder / "data", folder) as service:
        yield Served(service, folder, files)


def test_the_page_shows_them_one_below_the_other(served: Served) -> None:
    shots = ROOT / "build" / "page-apart"
    shots.mkdir(parents=True, exist_ok=True)
    with browser(served.folder / "profile", served.files / SOUND) as driver:
        page = Page(driver, served.service.link, shots)
        page.open()
        assert not page.get("#apart").is_displayed()
        hits = page.search("a voice")
        assert {Path(hit["path"]).name for hit in hits} == SEEN
        assert page.text("#said") == "3 answers, and 1 answer by another model"
        assert page.get("#apart").is_displayed() and page.text("#apart-by").lower() == "sounds, by the bundled model"
        assert "not to be compared" in page.text("#apart > p")
        assert page.text("#apart-hits .open") == SOUND
        below = "return arguments[0].getBoundingClientRect().bottom <= arguments[1].getBoundingClientRect().top"
        assert page.script(below, page.get("#hits"), page.get("#apart-by"))
        assert page.complaints() == []
        page.shoot("apart")

        page.get("#words").send_keys(Keys.ARROW_DOWN)  # keys lead from one into the other
        for _ in SEEN:
            page.driver.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
        assert page.script("return document.activeElement.hit.path") == str(served.files / SOUND)
        assert page.asking(lambda: page.driver.switch_to.active_element.send_keys("m")) == []
        assert page.text("#parts .name") == f"like {SOUND}", "a sound finds sounds alone, and none is left here"
        assert not page.get("#apart").is_displayed()


def test_the_desktop_lists_them_after_the_others_with_the_name_of_their_model(served: Served) -> None:
    pytest.importorskip("dbus_fast", reason="the extra `desktop` is not installed")
    if missing := [name for name in ("dbus-daemon", "gdbus") if shutil.which(name) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    with session_bus(served.service.environment) as session:

        def said(method: str, *arguments: str) -> str:
            done = call(session, method, *arguments)
            assert done.returncode == 0, done.stderr
            return done.stdout

        (found,) = ast.literal_eval(said(f"{GNOME}.GetInitialResultSet", "['a', 'voice']"))
        assert {Path(each).name for each in found[:-1]} == SEEN
        assert re.fullmatch(rf"{(served.files / SOUND).as_uri()}#t=[\d.,]+", found[-1])
        metas = said(f"{GNOME}.GetResultMetas", str(found))
        assert metas.count(", by the bundled model'") == 1 and len(re.findall("'name'", metas)) == len(SEEN) + 1

        matches = re.findall(
            r"\('file:[^']*/([^'/#]*)[^']*', '[^']*', '[^']*', (\d+), ", said(f"{KDE}.Match", "a voice")
        )
        assert {name: int(weight) for name, weight in matches} == {**dict.fromkeys(SEEN, 50), SOUND: 10}
        assert "'category': <'synesthete, by the bundled model'>" in said(f"{KDE}.Match", "a voice")

        hits = said(f"{NAME}.Search", "a voice", "{}")
        assert hits.count("'apart': <'bundled'>") == 1 and hits.index("'apart'") > hits.index(SOUND)
        assert hits.count("'path'") == len(SEEN) + 1
