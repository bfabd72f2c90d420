"""Chromium, driven as a person would use it: keys, pointer, files dropped, and pictures taken of what is seen."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import axe_core_python
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

_ARGUMENTS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage", "--lang=en-GB",
    "--window-size=1280,900", "--autoplay-policy=no-user-gesture-required", "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
)  # fmt: skip
_AXE = """
const done = arguments[0], only = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"];
axe.run(document, { runOnly: only }).then((result) => done(result.violations.map(
  (each) => [each.id, each.nodes.map((node) => node.html.slice(0, 160) + " " + node.failureSummary)])));
"""
# How much of the page has moved by itself since it was opened: https://web.dev/articles/cls
_SHIFTS = """
const done = arguments[0];
new PerformanceObserver((list) => done(list.getEntries().filter((each) => !each.hadRecentInput)
  .map((each) => [each.value, each.sources.map((source) => source.node?.outerHTML?.slice(0, 80))])))
  .observe({ type: "layout-shift", buffered: true });
setTimeout(() => done([]), 300);
"""


@dataclass(frozen=True)
class Page:
    """The page at ``link``; pictures of it go into ``shots``."""

    driver: webdriver.Chrome
    link: str
    shots: Path

    def open(self) -> None:
        self.driver.get(self.link)
        self.wait(lambda: self.text("#library"))

    def get(self, selector: str) -> Any:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[Any]:
        return list(self.driver.find_elements(By.CSS_SELECTOR, selector))

    def text(self, selector: str) -> str:
        return str(self.get(selector).text)

    def click(self, selector: str) -> None:
        self.get(selector).click()

    def script(self, code: str, *arguments: object) -> Any:
        return self.driver.execute_script(code, *arguments)

    def wait(self, condition: Callable[[], Any], seconds: float = 60) -> Any:
        try:
            return WebDriverWait(self.driver, seconds, 0.05).until(lambda _: condition())
        except Exception:
            self.driver.save_screenshot(str(self.shots / "failed.png"))
            raise

    def asking(self, act: Callable[[], object]) -> list[dict[str, Any]]:
        """Do something that asks, and return the hits that are shown when the answer is there."""
        self.script("document.querySelector('#said').textContent = 'not asked'")
        act()
        self.wait(lambda: "answer" in self.text("#said") or "Nothing" in self.text("#said"))
        hits: list[dict[str, Any]] = self.script(
            "return [...document.querySelectorAll('#hits > li')].map((each) => each.hit)"
        )
        return hits

    def search(self, words: str) -> list[dict[str, Any]]:
        return self.asking(lambda: self.get("#words").send_keys(Keys.CONTROL, "a", Keys.NULL, words, Keys.ENTER))

    def drop(self, file: Path) -> None:
        """Drag ``file`` from the desktop onto the middle of the page and let it go there."""
        for kind in ("dragEnter", "dragOver", "drop"):
            at = {"x": 600, "y": 500, "data": {"items": [], "files": [str(file)], "dragOperationsMask": 1}}
            self.driver.execute_cdp_cmd("Input.dispatchDragEvent", {"type": kind, **at})
            if kind == "dragOver":
                assert self.get("#drop").is_displayed()
        assert not self.get("#drop").is_displayed()

    def scheme(self, name: str) -> None:
        """``light`` or ``dark``, as the desktop would say."""
        features = [{"name": "prefers-color-scheme", "value": name}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    @contextmanager
    def on_a_phone(self, width: int) -> Iterator[None]:
        size = {"width": width, "height": 844, "deviceScaleFactor": 2, "mobile": True}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        try:
            yield
        finally:
            self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    def complaints(self) -> list[tuple[str, list[str]]]:
        """What axe finds fault with: names, roles, contrast, structure."""
        if not self.script("return 'axe' in window"):
            source = Path(axe_core_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
            self.script(source)
        found: list[tuple[str, list[str]]] = self.driver.execute_async_script(_AXE)
        return found

    def shifts(self) -> list[tuple[float, list[str]]]:
        found: list[tuple[float, list[str]]] = self.driver.execute_async_script(_SHIFTS)
        return found

    def pictures_are_there(self) -> bool:
        """Whether every picture that is in sight has been loaded."""
        return bool(
            self.script(
                "return [...document.querySelectorAll('#hits img')].every((each) => each.complete ||"
                "  each.getBoundingClientRect().top > innerHeight)"
            )
        )

    def shoot(self, name: str) -> None:
        self.wait(self.pictures_are_there)
        self.driver.execute_async_script("setTimeout(arguments[0], 250)")  # what fades in has done so
        self.driver.save_screenshot(str(self.shots / f"{name}.png"))


@contextmanager
def browser(profile: Path, heard: Path) -> Iterator[webdriver.Chrome]:
    """A browser with a new ``profile``, whose microphone hears the WAV file ``heard``."""
    program = shutil.which("chromedriver")
    assert program, "chromedriver is missing: sudo apt-get install chromium chromium-driver"
    options = webdriver.ChromeOptions()
    for argument in (*_ARGUMENTS, f"--user-data-dir={profile}", f"--use-file-for-fake-audio-capture={heard}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(program))
    driver.set_script_timeout(30)
    try:
        yield driver
    finally:
        driver.quit()
