"""The desktop's search on a session bus of its own: started by the bus, asked by GLib's tool as a desktop asks."""

import ast
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.conftest import Samples
from tests.forked import run_forked
from tests.service_process import environment
from tests.session_bus import GNOME, KDE, NAME, PATH, call, gdbus, session_bus

pytest.importorskip("dbus_fast", reason="the extra `desktop` is not installed")
MISSING = [name for name in ("dbus-daemon", "gdbus", "xdg-open", "file") if shutil.which(name) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")

PROGRAM = (sys.executable, "-m", "engine.program")
WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class Desktop:
    """A user's session: the bus, a home in which the search is installed, programs that note how they were started."""

    environment: Mapping[str, str]
    library: Path
    data: Path
    extra: Path
    started: Path

    def run(self, *command: str | Path) -> "subprocess.CompletedProcess[str]":
        words = list(map(str, command))
        return subprocess.run(words, capture_output=True, text=True, env=dict(self.environment), timeout=120)

    def call(self, method: str, *arguments: str) -> str:
        done = call(self.environment, method, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refusal(self, method: str, *arguments: str) -> str:
        done = call(self.environment, method, *arguments)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def identifiers(self, *terms: str) -> list[str]:
        (found,) = ast.literal_eval(self.call(f"{GNOME}.GetInitialResultSet", str(list(terms))).replace("@as ", ""))
        return found

    def last_started(self) -> list[str]:
        """The program that was started last, with its arguments."""
        until = time.monotonic() + WAIT_SECONDS
        while not self.started.exists():
            assert time.monotonic() < until, "nothing was started"
            time.sleep(0.05)
        words = self.started.read_text().splitlines()
        self.started.unlink()
        return words


@pytest.fixture(scope="module")
def desktop(samples: Samples, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desktop]:
    folder = tmp_path_factory.mktemp("d")
    home, programs, started = folder / "home", folder / "bin", folder / "started"
    shutil.copytree(samples.program.data, folder / "data")
    programs.mkdir()
    for name in ("mpv", "browser", "viewer"):
        (programs / name).write_text(
            f'#!/bin/sh\nprintf "%s\\n" {name} "$@" > {started}.new && mv {started}.new {started}\n'
        )
        (programs / name).chmod(0o755)
    variables = environment(folder) | {"DISPLAY": ":99"}
    variables["PATH"] = f"{programs}:{variables['PATH']}"
    for name in ("DBUS_SESSION_BUS_ADDRESS", "BROWSER", "WAYLAND_DISPLAY", "XDG_CURRENT_DESKTOP", "DESKTOP_SESSION"):
        variables.pop(name, None)

    (home / "applications").mkdir(parents=True)
    for name in ("mpv", "browser", "viewer"):
        entry = f"[Desktop Entry]\nType=Application\nName={name}\nExec={programs / name} %u\n"
        (home / "applications" / f"{name}.desktop").write_text(entry)
    kinds = {
        "image/jpeg": "viewer",
        "inode/directory": "viewer",
        "video/mp4": "mpv",
        "x-scheme-handler/http": "browser",
    }
    lines = [f"{kind}={program}.desktop\n" for kind, program in kinds.items()]
    (home / "mimeapps.list").write_text("[Default Applications]\n" + "".join(lines))

    (folder / "extra").mkdir()
    (folder / "extra" / "note.txt").write_text("A note about nothing much.")
    for arguments in (["index", str(folder / "extra")], ["install-service", "--desktop"]):
        done = run_forked(["--data", str(folder / "data"), *arguments], variables)
        assert done.returncode == 0, done.stderr
    with session_bus(variables) as session:
        yield Desktop(session, samples.library, folder / "data", folder / "extra", started)
    until = time.monotonic() + WAIT_SECONDS  # with the bus ends what it has started, the service included
    while list(folder.glob("run/synesthete/*.socket")) and time.monotonic() < until:
        time.sleep(0.1)
    assert not list(folder.glob("run/synesthete/*.socket"))


def test_the_bus_starts_it_and_it_says_what_can_be_called(desktop: Desktop) -> None:
    assert "int64 16" in desktop.call(f"{NAME}.Status")
    said = " ".join(desktop.run(*gdbus("introspect")).stdout.split())
    for line in (
        "GetInitialResultSet(in as terms, out as ",
        "GetSubsearchResultSet(in as previous_results, in as terms, out as ",
        "GetResultMetas(in as identifiers, out aa{sv} ",
        "ActivateResult(in s identifier, in as terms, in u timestamp);",
        "LaunchSearch(in as terms, in u timestamp);",
        "Actions(out a(sss) ",
        "Match(in s query, out a(sssida{sv}) ",
        "Run(in s identifier, in s action);",
        "Progress(a{sv} ",
    ):
        assert line in said, line


def test_gnome_is_answered_and_opens_what_was_found(desktop: Desktop) -> None:
    found = desktop.identifiers("black", "bird")
    picture = desktop.library / "Pictures/IMG_2041.jpg"
    assert picture.as_uri() in found[:3]
    assert desktop.identifiers("ab") == [], "too short to mean anything"
    narrower = desktop.call(f"{GNOME}.GetSubsearchResultSet", str(found), "['black', 'bird', 'on', 'a', 'branch']")
    assert picture.as_uri() in narrower

    metas = desktop.call(f"{GNOME}.GetResultMetas", str([picture.as_uri(), "file:///never/found"]))
    assert metas.count("'name'") == 1 and "'name': <'IMG_2041.jpg'>" in metas
    assert f"'description': <'{picture.parent}'>" in metas
    assert "icon-data" in metas or "'gicon': <'image-x-generic'>" in metas

    desktop.call(f"{GNOME}.ActivateResult", picture.as_uri(), "['black']", "0")
    assert desktop.last_started() == ["viewer", str(picture)]


def test_thumbnails_come_as_pixels(desktop: Desktop) -> None:
    (found, *_) = desktop.identifiers("black", "bird")
    until = time.monotonic() + WAIT_SECONDS
    while "icon-data" not in (metas := desktop.call(f"{GNOME}.GetResultMetas", str([found]))):
        assert time.monotonic() < until, metas
    width, height, stride, pixels = re.search(
        r"'icon-data': <\((\d+), (\d+), (\d+), true, 8, 4, \[byte (.*?)\]\)>", metas
    ).groups()  # type: ignore[union-attr]
    assert max(int(width), int(height)) == 96 and int(stride) == 4 * int(width)
    values = pixels.split(", ")
    assert len(values) == int(stride) * int(height) and len(set(values)) > 20


def test_films_open_at_the_moment_that_was_found(desktop: Desktop) -> None:
    found = [each for each in desktop.identifiers("black", "bird") if ".mp4#t=" in each]
    film, start = re.fullmatch(r"file://(.*)#t=([\d.]+),.*", found[0]).groups()  # type: ignore[union-attr]
    assert float(start) > 0
    desktop.call(f"{KDE}.Run", found[0], "")
    assert desktop.last_started() == ["mpv", f"--start={start}", unquote(film)]


def test_krunner_is_answered(desktop: Desktop) -> None:
    matches = desktop.call(f"{KDE}.Match", "a black bird")
    picture = desktop.library / "Pictures/IMG_2041.jpg"
    assert f"('{picture.as_uri()}', 'IMG_2041.jpg', 'image-x-generic', 50, " in matches
    assert f"'subtext': <'{picture.parent}'>" in matches and ", at 0:04-0:08'>" in matches
    assert "'folder'" in desktop.call(f"{KDE}.Actions")
    desktop.call(f"{KDE}.Run", picture.as_uri(), "folder")
    assert desktop.last_started() == ["viewer", str(picture.parent)]
    assert desktop.call(f"{KDE}.Match", "colourless green ideas sleep furiously 9q7x") == "(@a(sssida{sv}) [],)\n"


def test_only_what_was_found_is_opened(desktop: Desktop) -> None:
    assert "search again" in desktop.refusal(f"{KDE}.Run", "file:///etc/passwd", "")
    assert "search again" in desktop.refusal(f"{GNOME}.ActivateResult", "file:///etc/passwd", "[]", "0")
    assert not desktop.started.exists()


def test_other_programs_may_ask_all_that_can_be_asked_over_http(desktop: Desktop) -> None:
    said = desktop.call(f"{NAME}.Search", "a bell", "{'kinds': <['audio']>, 'limit': <2>}")
    assert said.count("'relevance'") == 2 and "'kind': <'audio'>" in said and "'page'" not in said
    picture = desktop.library / "Pictures/IMG_2041.jpg"
    alike = desktop.call(f"{NAME}.Search", "", f"{{'like': <[{{'path': <'{picture}'>}}]>, 'limit': <1>}}")
    assert "Traceback" not in alike and str(picture) not in alike, "a file does not answer itself"
    assert "smell" in (said := desktop.refusal(f"{NAME}.Search", "a bell", "{'kinds': <['smell']>}")) or "kinds" in said
    assert "Error.Refused" in said and "Traceback" not in said


def test_the_page_opens_with_what_was_asked(desktop: Desktop) -> None:
    desktop.call(f"{GNOME}.LaunchSearch", "['an old', 'ship & sea']", "0")
    browser, address = desktop.last_started()
    assert browser == "browser" and re.fullmatch(r"http://127\.0\.0\.1:\d+/#words=an%20old%20ship%20%26%20sea", address)
    assert desktop.run(*PROGRAM, "desktop", "--open").returncode == 0
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", desktop.last_started()[1])


def test_progress_is_told_and_indexing_waits_when_it_is_told_to(desktop: Desktop) -> None:
    (desktop.extra / "another.txt").write_text("Another note, about a lighthouse.")
    watching = subprocess.Popen(
        gdbus("monitor"), stdout=subprocess.PIPE, text=True, env=dict(desktop.environment), bufsize=1
    )
    assert watching.stdout is not None
    try:
        assert watching.stdout.readline() and watching.stdout.readline()  # that it watches, and whom
        assert desktop.call(f"{NAME}.Index") == "(true,)\n"
        told = []
        while not told or "'running': <true>" in told[-1]:
            line = watching.stdout.readline()
            assert line, "the watch has ended"
            if "Progress" in line:
                told.append(line)
        assert "'total': <int64 1>" in "".join(told) and "'name': <'another.txt'>" in "".join(told)
    finally:
        watching.terminate()
        watching.wait(15)
        watching.stdout.close()

    desktop.call(f"{NAME}.Pause")
    assert "'paused': <true>" in desktop.call(f"{NAME}.Status")
    assert (desktop.data / "paused").exists()
    desktop.call(f"{NAME}.Resume")
    assert "'paused': <false>" in desktop.call(f"{NAME}.Status")


def test_a_second_one_and_one_without_a_bus_say_so_in_one_line(desktop: Desktop) -> None:
    desktop.call(f"{NAME}.Status")
    second = desktop.run(*PROGRAM, "desktop")
    assert (second.returncode, second.stderr.count("\n")) == (32, 1) and "already" in second.stderr
    alone = {**desktop.environment, "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere/bus"}
    for variables in (alone, {name: value for name, value in alone.items() if not name.startswith("DBUS")}):
        done = subprocess.run([*PROGRAM, "desktop"], capture_output=True, text=True, env=variables, timeout=60)
        assert (done.returncode, done.stderr.count("\n")) == (32, 1) and "session bus" in done.stderr, done.stderr


def test_the_files_are_shown_and_only_written_when_asked(tmp_path: Path) -> None:
    def install(*options: str) -> "subprocess.CompletedProcess[str]":
        command = [*PROGRAM, "--data", str(tmp_path / 'my %"data'), "install-service", *options]
        return subprocess.run(command, env=environment(tmp_path), capture_output=True, text=True)

    shown = install("--desktop", "--print")
    home = tmp_path / "home"
    assert shown.returncode == 0 and not home.exists()
    assert install().returncode == 0
    assert [path.name for path in home.rglob("*") if path.is_file()] == ["synesthete.service"]
    written = install("--desktop")
    assert written.returncode == 0 and "sudo install" in written.stdout
    files = {str(path.relative_to(home)): path.read_text() for path in home.rglob("*") if path.is_file()}
    assert set(files) == {
        "systemd/user/synesthete.service",
        "dbus-1/services/org.synesthete.Search1.service",
        "applications/synesthete.desktop",
        "krunner/dbusplugins/synesthete.desktop",
        "gnome-shell/search-providers/synesthete.ini",
    }
    assert all(text in shown.stdout for text in files.values())
    assert "DesktopId=synesthete.desktop" in files["gnome-shell/search-providers/synesthete.ini"]
    assert f"X-Plasma-DBusRunner-Path={PATH}" in files["krunner/dbusplugins/synesthete.desktop"]
    if shutil.which("desktop-file-validate"):
        for name in ("applications", "krunner/dbusplugins"):
            path = home / name / "synesthete.desktop"
            checked = subprocess.run(["desktop-file-validate", str(path)], capture_output=True, text=True)
            assert checked.returncode == 0, checked.stdout
