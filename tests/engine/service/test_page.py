"""The page, used as a person would, in a real browser. Pictures of it are left in build/page."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from engine.query.excerpt import matches
from tests.browser import Page, browser
from tests.conftest import ROOT, Samples
from tests.sample_media import RATE, take, write_sound
from tests.service_process import running

ITEMS = "#hits > li"
_PAINTED = """
const canvas = document.querySelector("#points"), found = {}, style = getComputedStyle(document.documentElement);
const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
for (const kind of ["text", "image", "document", "audio", "video"]) {
  const own = style.getPropertyValue("--" + kind).trim().match(/[0-9a-f]{2}/g).map((each) => parseInt(each, 16));
  for (let at = 0; at < data.length; at += 4)
    if (own.every((part, place) => Math.abs(data[at + place] - part) < 5) && data[at + 3] > 150)
      (found[kind] ??= []).push([(at / 4) % canvas.width, Math.floor(at / 4 / canvas.width)]);
}
return found;
"""
_OUT_OF_SIGHT = """
return [...document.querySelectorAll("button, a, input, .about, footer p")].filter((each) =>
  each.checkVisibility() && !each.closest("#kinds, .unseen, .skip, .end") && !each.matches(".unseen, .skip")
  && each.getBoundingClientRect().right > innerWidth).map((each) => each.outerHTML.slice(0, 80));
"""


@pytest.fixture(scope="module")
def heard(samples: Samples, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the microphone hears: a telephone, unless a test puts something else there."""
    return shutil.copy(samples.library / "Sounds/recording-08.wav", tmp_path_factory.mktemp("heard") / "heard.wav")


@pytest.fixture(scope="module")
def served(samples: Samples, heard: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("page")
    shutil.copytree(samples.program.data, folder / "data")  # other tests ask the original
    shots = ROOT / "build" / "page"
    shutil.rmtree(shots, ignore_errors=True)
    shots.mkdir(parents=True)
    with running(folder / "data", folder) as service, browser(folder / "profile", heard) as driver:
        yield Page(driver, service.link, shots)


@pytest.fixture
def page(served: Page) -> Iterator[Page]:
    """The page, just opened. Nothing that it does may end in an error of its own, or against its own policy."""
    served.open()
    served.driver.get_log("browser")
    yield served
    served.scheme("light")
    assert [each for each in served.driver.get_log("browser") if each["level"] == "SEVERE"] == []


def name_of(hit: dict[str, Any]) -> str:
    return str(hit["path"].rpartition("/")[2])


def number_of(hits: list[dict[str, Any]], is_wanted: Callable[[dict[str, Any]], object]) -> int:
    return next(at for at, hit in enumerate(hits) if is_wanted(hit))


def picture_of(page: Page, number: int) -> dict[str, Any]:
    """What the picture of an answer is: its size in pixels, the kind of its file, how many colours it has."""
    page.script("document.querySelectorAll('#hits > li')[arguments[0]].scrollIntoView({block: 'center'})", number)
    image = f"document.querySelectorAll('{ITEMS}')[{number}].querySelector('.picture img')"
    page.wait(lambda: page.script(f"return {image}.complete && {image}.naturalWidth"))
    look = """
    const done = arguments[0], image = IMAGE, pen = new OffscreenCanvas(96, 24).getContext("2d");
    pen.drawImage(image, 0, 0, 96, 24);
    const data = new Uint32Array(pen.getImageData(0, 0, 96, 24).data.buffer);
    fetch(image.src).then((answer) => done({ wide: image.naturalWidth, high: image.naturalHeight,
      kind: answer.headers.get("content-type"), colours: new Set(data).size }));
    """
    found: dict[str, Any] = page.driver.execute_async_script(look.replace("IMAGE", image))
    return found


# --- asking


def test_words_are_answered_in_a_grid_with_pictures_and_marked_words(page: Page) -> None:
    page.shoot("before")
    counts = [int(each.text) for each in page.all("#tiles strong")]
    assert len(counts) == 5 and page.text("#library") == f"{sum(counts)} files"
    hits = page.search(asked := "the lighthouse keepers by the sea")
    assert page.text("#said") == f"{len(hits)} answers" and not page.get("#welcome").is_displayed()
    assert page.text("#hits h2") == name_of(hits[0])
    tops = [each.rect["y"] for each in page.all(ITEMS)[:5]]
    assert len(set(tops[:4])) == 1 and tops[4] > tops[0]  # four columns
    marked = 0
    for hit, item in zip(hits, page.all(ITEMS), strict=True):
        snippet = hit["snippet"] or ""
        words = [snippet[first:last] for first, last in matches(snippet, [asked])]
        shown = item.find_elements(By.TAG_NAME, "mark")
        assert [each.get_attribute("textContent") for each in shown] == words  # as the command line marks them
        marked += len(words)
    assert marked > 3
    page.shoot("light")
    assert sum(value for value, _ in page.shifts()) < 0.02, page.shifts()


def test_pages_pictures_and_moments_have_thumbnails_sounds_their_waveform(page: Page) -> None:
    hits = page.search("an acoustic guitar")
    for kind in ("document", "image", "video"):
        seen = picture_of(page, number_of(hits, lambda hit, kind=kind: hit["kind"] == kind))  # type: ignore[misc]
        assert seen["kind"] == "image/jpeg" and min(seen["wide"], seen["high"]) >= 180 and seen["colours"] > 40, kind
    wave = picture_of(page, number_of(hits, lambda hit: hit["kind"] == "audio"))
    assert (wave["kind"], wave["wide"], wave["high"]) == ("image/png", 480, 120) and wave["colours"] > 1


def test_a_page_of_a_document_is_shown_large(page: Page) -> None:
    page.click("#kinds .document span")
    hits = page.search("the strings of a guitar")
    assert hits[0]["page"] and "page" in page.text(".kind")
    page.click("#hits .picture")
    image = "document.querySelector('#stage img')"
    assert page.script(f"return {image}.complete && {image}.naturalWidth > 300")  # the small one, at once
    page.wait(lambda: page.script(f"return {image}?.complete && {image}.naturalWidth > 700"))
    assert f"page {hits[0]['page']}" in page.text("#viewed")
    page.shoot("page")


def test_a_text_is_shown_with_its_words_marked(page: Page) -> None:
    page.click("#kinds .text span")
    hits = page.search("tuning the strings of a guitar")
    page.click("#hits .picture")
    page.wait(lambda: len(page.text("#stage pre")) > len(hits[0]["snippet"]))
    assert {"guitar", "string"} <= {each.text.lower() for each in page.all("#stage mark")}
    page.shoot("text")


@pytest.mark.parametrize("name", ["VID_0007.mp4", "VID_0012.mp4"])
def test_a_film_plays_from_the_found_moment(page: Page, name: str) -> None:
    page.click("#more-filters")
    page.get("input[name=glob]").send_keys(name)
    page.click("input[name=moments]")
    hits = page.search("an animal")
    number = number_of(hits, lambda hit: hit["start"])
    start = hits[number]["start"]
    page.all(f"{ITEMS} button.picture")[number].click()
    playing = "const video = document.querySelector('#hits video'); return video && !video.paused && video.currentTime"
    at = page.wait(lambda: page.script(playing))
    later = page.wait(lambda: (now := page.script(playing)) and now > at and now)
    assert start <= at < later < start + 4
    size = page.script("const video = document.querySelector('#hits video'); return [video.videoWidth, video.paused]")
    assert size[0] > 100 and not size[1]
    page.shoot("film")


def test_a_sound_plays_above_its_waveform(page: Page) -> None:
    page.click("#kinds .audio span")
    page.search("a bell")
    page.click("#hits .picture")
    page.wait(lambda: page.script("return document.querySelector('#hits audio')?.currentTime > 0.05"))
    assert page.script("return document.querySelector('#hits .playing img').naturalWidth") == 480
    played = "return Number(document.querySelector('#hits .playing').style.getPropertyValue('--played'))"
    page.wait(lambda: 0 < page.script(played) <= 1)
    page.shoot("sound")
    other = page.get("#hits .audio .also button")  # another moment of some sound, and the waveform of just that
    minutes, seconds = other.text.split(":")
    page.script("arguments[0].click()", other)
    start = page.wait(lambda: page.script("return document.querySelectorAll('#hits .playing img')[1]?.src"))
    assert round(float(parse_qs(urlsplit(start).query)["start"][0]), 1) == 60 * int(minutes) + float(seconds)


@pytest.mark.parametrize("name", ["mushroom.jpg", "bell.mp3", "telephone.webm", "piano.pdf"])
def test_what_is_dropped_asks(page: Page, samples: Samples, name: str) -> None:
    hits = page.asking(lambda: page.drop(samples.queries / name))
    assert f"like {name}" in page.text("#parts")
    if name.endswith(".jpg"):
        page.wait(lambda: page.script("return document.querySelector('#parts img').naturalWidth"))
    assert len(hits) == 24 and len({hit["kind"] for hit in hits}) >= 3
    page.shoot(f"dropped-{Path(name).suffix[1:]}")
    page.click("#parts button")
    page.wait(lambda: not page.all(ITEMS) and page.get("#welcome").is_displayed())


def test_a_chosen_file_and_words_ask_together_as_on_the_command_line(page: Page, samples: Samples) -> None:
    file = samples.queries / "mushroom.jpg"
    page.search("a photograph")
    hits = page.asking(lambda: page.get("#file").send_keys(str(file)))
    alone = samples.program.json("search", "a photograph", "--like", file, "-n", "24")["hits"]
    assert [hit["path"] for hit in hits] == [hit["path"] for hit in alone]


def test_a_file_that_is_not_read_is_told(page: Page, tmp_path: Path) -> None:
    (tmp_path / "program.exe").write_bytes(b"MZ")
    page.driver.get_log("browser")
    page.get("#file").send_keys(str(tmp_path / "program.exe"))
    page.wait(lambda: "program.exe" in page.text("#said") and "not read" in page.text("#said"))
    page.driver.get_log("browser")  # the browser notes each refusal


def test_a_file_that_is_not_read_does_not_keep_others_from_asking(page: Page, samples: Samples, tmp_path: Path) -> None:
    (tmp_path / "program.exe").write_bytes(b"MZ")
    files = [samples.queries / "mushroom.jpg", tmp_path / "program.exe", samples.queries / "bell.mp3"]
    page.asking(lambda: page.get("#file").send_keys("\n".join(map(str, files))))
    page.wait(lambda: "answers; program.exe: files named .exe are not read" in page.text("#said"))
    assert [each.text for each in page.all("#parts .name")] == ["like mushroom.jpg", "like bell.mp3"]
    page.driver.get_log("browser")


@pytest.mark.parametrize("kind", ["Sounds/recording-08.wav", "Videos/VID_0002.mkv"])
def test_a_sound_or_film_opened_by_itself_plays(page: Page, samples: Samples, kind: str) -> None:
    """Behind the button "Open", in a tab of its own, the browser's player shows the file."""
    address = page.script("return new URL('/v1/media?' + new URLSearchParams({path: arguments[0]}), location).href",
                          str(samples.library / kind))  # fmt: skip
    page.driver.get(address)
    page.wait(lambda: page.script("return document.querySelector('video, audio')?.readyState >= 2"))
    page.driver.get_log("browser")  # it also asks for an icon, which there is none


def test_a_page_that_nobody_sees_leaves_its_connection_to_others(page: Page) -> None:
    """A browser keeps six connections to a host, and every page that listens for news holds one."""
    first = page.driver.current_window_handle
    try:
        for _ in range(7):
            page.driver.switch_to.new_window("tab")
            page.open()
        assert page.search("a bell")
    finally:
        for handle in page.driver.window_handles:
            if handle != first:
                page.driver.switch_to.window(handle)
                page.driver.close()
        page.driver.switch_to.window(first)


def record(page: Page, seconds: float) -> None:
    page.click("#record")
    page.wait(lambda: page.get("#record").get_attribute("aria-pressed") == "true" and "Listening" in page.text("#said"))
    page.wait(lambda: int(page.text("#record").removeprefix("0:")) >= seconds)  # what is recorded takes its time


def test_a_recording_from_the_microphone_asks(page: Page) -> None:
    page.click("#kinds .audio span")
    record(page, 3)
    page.driver.save_screenshot(str(page.shots / "recording.png"))
    hits = page.asking(lambda: page.click("#record"))
    assert "recording-08.wav" in [name_of(hit) for hit in hits[:2]]  # the telephone that it hears
    assert {hit["kind"] for hit in hits} == {"audio"} and "like your recording" in page.text("#parts")


def test_what_is_hummed_is_found_and_plays_from_the_right_second(page: Page, heard: Path) -> None:
    """A sliding guitar, which in the library begins after four seconds of a film; windows are five seconds long."""
    telephone = heard.read_bytes()
    write_sound(heard, take("guit_e_slide"))
    try:
        record(page, 4)
        level = "return Number(document.querySelector('#record').style.getPropertyValue('--level'))"
        page.wait(lambda: page.script(level) > 0.2)  # it is seen that something is heard
        hits = page.asking(lambda: page.click("#record"))
    finally:
        heard.write_bytes(telephone)
    assert name_of(hits[0]) == "VID_0002.mkv" and 2 <= hits[0]["start"] <= 4
    assert {hit["kind"] for hit in hits} == {"audio", "video"}  # what can be heard, unless it is chosen otherwise
    playing = "const film = document.querySelector('#hits video'); return film && !film.paused && film.currentTime"
    at = page.wait(lambda: page.script(playing))
    assert hits[0]["start"] <= at < 8
    assert "answers. Playing VID_0002.mkv from 0:0" in page.text("#said")
    page.shoot("hummed")
    page.click("#parts button")
    page.wait(lambda: not page.all("#kinds :checked") and page.get("#welcome").is_displayed())


def test_a_double_press_records_once(page: Page) -> None:
    page.script("""
    window.streams = [];
    const devices = navigator.mediaDevices, ask = devices.getUserMedia.bind(devices);
    devices.getUserMedia = async (wanted) => {
      const given = await ask(wanted);
      window.streams.push(given);
      return given;
    };
    """)
    ActionChains(page.driver).double_click(page.get("#record")).perform()
    page.wait(lambda: page.get("#record").get_attribute("aria-pressed") == "true")
    page.wait(lambda: page.text("#record") == "0:01")
    page.get("#words").send_keys(Keys.ESCAPE)
    page.wait(lambda: page.get("#record").get_attribute("aria-pressed") == "false")
    tracks = "return window.streams.flatMap((each) => each.getTracks()).map((each) => each.readyState)"
    assert page.script(tracks) == ["ended"]


def test_a_recording_is_dropped_by_escape_and_a_silent_one_is_told(page: Page, heard: Path) -> None:
    page.get("#words").send_keys("a bell")
    record(page, 1)
    page.get("#words").send_keys(Keys.ESCAPE)
    page.wait(lambda: page.get("#record").get_attribute("aria-pressed") == "false")
    assert not page.all("#parts li") and page.text("#record") == "" and page.text("#said") == ""
    assert page.get("#words").get_attribute("value") == "a bell"
    telephone = heard.read_bytes()
    write_sound(heard, np.zeros(4 * RATE, dtype=np.float32))
    try:
        record(page, 1)
        page.click("#record")
        page.wait(lambda: "Nothing was heard" in page.text("#said"))
    finally:
        heard.write_bytes(telephone)
    assert not page.all("#parts li")


def test_more_and_less_like_an_answer(page: Page) -> None:
    first = page.search("a bird")
    more = page.asking(lambda: page.click("#hits .more"))
    assert page.text("#parts .name") == f"like {name_of(first[0])}" and more != first
    less = page.asking(lambda: page.all("#hits .less")[1].click())
    assert [each.text for each in page.all("#parts .name")][1] == f"not like {name_of(more[1])}"
    assert [hit["path"] for hit in less] != [hit["path"] for hit in more]
    assert more[1]["path"] not in [hit["path"] for hit in less[:2]]
    page.shoot("more-and-less")


def test_filters_narrow(page: Page) -> None:
    page.search("music")
    hits = page.asking(lambda: page.click("#kinds .document span"))
    assert hits and {hit["kind"] for hit in hits} == {"document"}
    page.click("#more-filters")
    hits = page.asking(lambda: page.get("input[name=glob]").send_keys("*.epub", Keys.TAB))
    assert hits and all(hit["path"].endswith(".epub") for hit in hits)
    assert page.text("#more-filters") == "Filters (1)"
    page.shoot("filters")
    assert len(page.asking(lambda: page.click("#clear"))) > len(hits)
    hits = page.asking(lambda: page.get("input[name=before]").send_keys("01/01/1990", Keys.TAB))
    assert hits == [] and page.text("#said") == "Nothing found."
    page.shoot("nothing")
    page.asking(lambda: page.click("#clear"))
    today = time.strftime("%m/%d/%Y")  # the day that is named counts: the library was made on it
    page.asking(lambda: page.get("input[name=after]").send_keys(today, Keys.TAB))
    assert page.asking(lambda: page.get("input[name=before]").send_keys(today, Keys.TAB))
    page.asking(lambda: page.get("input[name=glob]").send_keys("*.nothing", Keys.TAB))
    hits = page.asking(lambda: page.click("#unfilter"))  # a way out, where the filters are in the way
    assert len({hit["kind"] for hit in hits}) > 2 and page.text("#more-filters") == "Filters"
    assert not page.get("#unfilter").is_displayed()


def test_the_best_of_each_kind_stand_below_its_name(page: Page) -> None:
    def sections() -> dict[str, list[dict[str, Any]]]:
        shown = "[each.querySelector('h2').innerText, [...each.querySelectorAll('.hits > li')].map((item) => item.hit)]"
        return dict(page.script(f"return [...document.querySelectorAll('#by-kind > section')].map((each) => {shown})"))

    mixed = page.search("a crow")
    page.click("#more-filters")
    assert page.asking(lambda: page.click("input[name=each_kind]")) == [], "none stands outside the sections"
    found = sections()
    assert set(found) == {"Texts", "Pictures", "Documents", "Sounds", "Videos"}
    assert all(len(hits) == 4 and len({hit["kind"] for hit in hits}) == 1 for hits in found.values())
    firsts = [hits[0] for hits in found.values()]
    assert firsts[0]["path"] == mixed[0]["path"]
    assert [hit["relevance"] for hit in firsts] == sorted((hit["relevance"] for hit in firsts), reverse=True)
    page.shoot("each-kind")
    assert page.complaints() == []
    page.script("document.querySelector('#further').scrollIntoView()")
    page.asking(lambda: page.click("#further"))
    assert {name: hits[:4] for name, hits in sections().items()} == found and len(sections()["Pictures"]) == 8
    assert len(page.asking(lambda: page.click("#clear"))) == len(mixed) and sections() == {}


def test_more_answers_are_a_press_away(page: Page) -> None:
    before = page.search("music")
    place = number_of(before, lambda hit: hit["kind"] == "video")
    page.script("document.querySelectorAll('#hits > li')[arguments[0]].querySelector('.picture').click()", place)
    page.wait(lambda: page.script("return (window.film = document.querySelector('#hits video'))?.currentTime > 0"))
    page.script("document.querySelector('#further').scrollIntoView()")
    after = page.asking(lambda: page.click("#further"))
    assert len(after) == 2 * len(before) and after[: len(before)] == before
    assert page.script("return document.querySelector('#hits video') === window.film")  # what plays goes on


def test_keys_are_enough(page: Page) -> None:
    hits = page.search("a lighthouse")
    focused = lambda: page.driver.switch_to.active_element  # noqa: E731
    page.script("document.activeElement.blur()")
    page.get("body").send_keys("/")
    assert focused().get_attribute("id") == "words"
    at = "return [...document.querySelectorAll('#hits > li')].indexOf(document.activeElement)"
    places = []
    for key in (Keys.ARROW_DOWN, Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.ARROW_LEFT, Keys.ARROW_UP):
        focused().send_keys(key)
        places.append(page.script(at))
    assert places == [0, 1, 5, 4, 0]
    page.script(f"document.querySelectorAll('{ITEMS}')[arguments[0]].focus()",
                number_of(hits, lambda hit: hit["kind"] in ("image", "document")))  # fmt: skip
    focused().send_keys(Keys.ENTER)
    page.wait(lambda: page.get("#viewer").is_displayed())
    page.wait(
        lambda: page.script("const e = document.querySelector('#stage img'); return e.complete && e.naturalWidth")
    )
    focused().send_keys(Keys.ESCAPE)
    page.wait(lambda: not page.get("#viewer").is_displayed())
    page.script(f"document.querySelector('{ITEMS}').focus()")
    page.asking(lambda: focused().send_keys("m"))
    page.script(f"document.querySelectorAll('{ITEMS}')[1].focus()")
    page.asking(lambda: focused().send_keys("l"))
    assert [each.get_attribute("class") for each in page.all("#parts li")] == ["", "unwanted"]


# --- the map, and the library


def test_the_map_is_coloured_zooms_and_opens_pieces(page: Page) -> None:
    page.click("#show-map")
    page.wait(lambda: "pieces" in page.text("#pointed"))
    assert [each.text for each in page.all("#legend li")] == [
        "texts", "pictures", "pages", "sounds", "moments of video"
    ]  # fmt: skip
    found = page.script(_PAINTED)
    assert set(found) == {"text", "image", "document", "audio", "video"}
    page.shoot("map")

    ratio, canvas = page.script("return devicePixelRatio"), page.get("#points")

    def go_to(x: float, y: float) -> ActionChains:
        box = canvas.rect
        across, down = x / ratio - box["width"] / 2, y / ratio - box["height"] / 2
        return ActionChains(page.driver, 0).move_to_element_with_offset(canvas, int(across), int(down))

    spot = found["image"][len(found["image"]) // 2]
    go_to(*spot).perform()
    page.wait(
        lambda: (
            page.get("#tip").is_displayed() and page.script("return document.querySelector('#tip img').naturalWidth")
        )
    )
    name = page.text("#tip p")
    page.driver.save_screenshot(str(page.shots / "map-tip.png"))
    go_to(*spot).click().perform()
    page.wait(lambda: page.get("#viewer").is_displayed())
    assert page.text("#viewed") == name
    page.wait(lambda: page.script("return document.querySelector('#stage img').naturalWidth"))
    hits = page.asking(lambda: page.click("#viewed-more"))
    assert hits and page.text("#parts .name").startswith("like ")

    page.click("#show-map")
    page.wait(lambda: "pieces" in page.text("#pointed"))
    count = sum(map(len, page.script(_PAINTED).values()))
    origin = ScrollOrigin.from_element(canvas)
    ActionChains(page.driver, 0).scroll_from_origin(origin, 0, -600).perform()
    page.wait(lambda: sum(map(len, page.script(_PAINTED).values())) < count)  # many points are out of sight
    page.driver.save_screenshot(str(page.shots / "map-zoomed.png"))
    image = page.script("return document.querySelector('#points').toDataURL()")
    canvas.send_keys("-", Keys.ARROW_LEFT)
    assert page.script("return document.querySelector('#points').toDataURL()") != image
    page.click("#zoom-all")
    page.click("#kinds .image span")
    assert set(page.script(_PAINTED)) == {"image"}
    hits = page.asking(lambda: page.click("#show-answers"))
    assert {hit["kind"] for hit in hits} == {"image"}


def test_the_progress_of_indexing_is_shown(page: Page, samples: Samples) -> None:
    new = samples.library / "Notes" / "new"
    new.mkdir()
    watch = """
    window.seen = [];
    new MutationObserver(() => window.seen.push([document.querySelector("#indexing").textContent,
      !document.querySelector("#done").hidden, document.querySelector("#done").value])).observe(
      document.querySelector("footer"), { subtree: true, childList: true, characterData: true, attributes: true });
    """
    before = int(page.text("#library").split()[0])
    try:
        for number in range(12):
            (new / f"zeppelin-{number}.txt").write_text(f"The zeppelin number {number} rose over the harbour.")
        page.script(watch)
        page.click("#refresh")
        page.wait(lambda: page.get("#done").is_displayed())
        page.driver.save_screenshot(str(page.shots / "indexing.png"))
        page.wait(lambda: page.text("#library") == f"{before + 12} files")
        seen = page.script("return window.seen")
        assert any(text.startswith("Indexing") and " of " in text and shown for text, shown, _ in seen), seen
        assert "zeppelin" in name_of(page.search("a zeppelin over the harbour")[0])
    finally:
        shutil.rmtree(new)


# --- looks


def test_light_and_dark_are_free_of_faults(page: Page) -> None:
    ground = "return getComputedStyle(document.body).backgroundColor"
    grounds = []
    for scheme in ("light", "dark"):
        page.scheme(scheme)
        page.open()
        grounds.append(page.script(ground))
        assert page.complaints() == [], scheme
        page.click("#more-filters")
        page.search("a lighthouse by the sea")
        page.asking(lambda: page.click("#hits .less"))
        assert page.complaints() == [], scheme
        page.click("#more-filters")
        page.asking(lambda: page.click("#parts button"))
        if scheme == "dark":
            page.search("an acoustic guitar")
            page.shoot("dark")
        page.click("#hits .document .picture" if page.all("#hits .document .picture") else "#hits .picture")
        page.wait(lambda: page.get("#viewer").is_displayed())
        assert page.complaints() == [], scheme
        page.get("body").send_keys(Keys.ESCAPE)
        page.click("#show-map")
        page.wait(lambda: "pieces" in page.text("#pointed"))
        assert page.complaints() == [], scheme
    assert grounds == ["rgb(247, 246, 243)", "rgb(21, 21, 23)"]
    page.driver.save_screenshot(str(page.shots / "map-dark.png"))


@pytest.mark.parametrize("width", [390, 320])
def test_a_phone_is_wide_enough(page: Page, width: int) -> None:
    with page.on_a_phone(width):
        page.open()
        page.shoot(f"phone-{width}-before")
        page.search("an acoustic guitar")
        acts: list[Callable[[], object]] = [
            lambda: page.shoot(f"phone-{width}"),
            lambda: page.click("#more-filters"),
            lambda: page.asking(lambda: page.click("#hits .more")),
            lambda: page.click("#show-map"),
        ]
        for number, act in enumerate(acts):
            act()
            assert page.script("return document.documentElement.scrollWidth") <= width, number
            assert page.script(_OUT_OF_SIGHT) == [], number
        page.wait(lambda: "pieces" in page.text("#pointed"))
        page.driver.save_screenshot(str(page.shots / f"phone-{width}-map.png"))
        image = page.script("return document.querySelector('#points').toDataURL()")
        middle = page.script("const box = document.querySelector('#points').getBoundingClientRect();"
                             "return [box.left + box.width / 2, box.top + box.height / 2]")  # fmt: skip
        for kind, apart in (("touchStart", 20), ("touchMove", 60), ("touchMove", 120), ("touchEnd", 0)):
            points = (
                [{"x": middle[0] + side * apart, "y": middle[1], "id": side + 1} for side in (-1, 1)] if apart else []
            )
            page.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        page.wait(lambda: page.script("return document.querySelector('#points').toDataURL()") != image)


def test_every_control_has_a_name(page: Page, record_property: Callable[[str, str], None]) -> None:
    page.search("a bell")
    page.click("#more-filters")
    tree = page.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    roles = ("button", "textbox", "searchbox", "checkbox", "link", "Date")
    controls = [node for node in tree if node.get("role", {}).get("value") in roles and not node["ignored"]]
    assert len(controls) > 60 and [node for node in controls if not node["name"]["value"].strip()] == []
    record_property("printed", f"pictures of the page: {page.shots}")
