"""`index`, `watch`, `pause` and `status` as a user runs them: what they say, heed and leave behind."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import ROOT, Program
from tests.indexer.test_keep_up import can_unshare


class Running:
    """The program while it runs; ``until`` reads its output line by line."""

    def __init__(self, program: Program, *arguments: str | Path, before: tuple[str, ...] = (), **settings: str) -> None:
        command = [*before, sys.executable, "-m", "engine.cli", "--data", str(program.data), *map(str, arguments)]
        environment = os.environ | {"XDG_CONFIG_HOME": str(program.home), "PYTHONPATH": str(ROOT)}
        environment |= {"SYNESTHETE_INDEX__PRIORITY": "normal", **settings}
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )
        self._watchdog = threading.Timer(120, self._process.kill)  # rather than to wait for ever for a line
        self._watchdog.start()
        self.said = ""

    def until(self, condition: Callable[[str], object]) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.said += line
            if condition(line):
                return line
        raise AssertionError(self.said)

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self._process.pid).children(recursive=True)

    def end(self, how: signal.Signals | None = None) -> int:
        if how is not None:
            self._process.send_signal(how)
        assert self._process.stdout is not None
        self.said += self._process.stdout.read()
        self._watchdog.cancel()
        return self._process.wait()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "boat.txt").write_text("We sailed the little boat across the bay.")
    os.utime(folder / "boat.txt", (1e9, 1e9))
    return folder


def happened(line: str) -> dict[str, Any]:
    return dict(json.loads(line))


def test_what_failed_is_named_with_its_reason_and_read_again_when_asked(program: Program, folder: Path) -> None:
    bad = folder / "bad.txt"
    bad.write_bytes(bytes(40))
    os.utime(bad, (1e9, 1e9))
    assert program.json("index", folder)["failed"] == [{"path": str(bad), "reason": "not text: binary data"}]
    said = program.run("status", "--failed").stdout
    assert str(bad) in said and "not text: binary data" in said and "boat.txt" not in said
    status = program.json("status")
    (root,) = status["roots"]
    counts = {name: root[name] for name in ("path", "indexed", "waiting", "failed", "offline")}
    assert counts == {"path": str(folder), "indexed": 1, "waiting": 0, "failed": 1, "offline": None}
    assert root["scanned_at"] and status["paused"] is None
    assert status["failed"] == [{"path": str(bad), "reason": "not text: binary data"}]

    bad.write_text("Mended, as long as before, same times.  "[:40])  # from outside it looks as it did
    os.utime(bad, (1e9, 1e9))
    assert program.json("index", folder)["indexed"] == 0
    assert program.json("index", folder, "--retry")["indexed"] == 1
    assert program.json("status")["failed"] == [] and "bad.txt" not in program.run("status", "--failed").stdout


def test_watch_stands_back_follows_and_ends_when_told(program: Program, folder: Path) -> None:
    settings = {"SYNESTHETE_WATCH__SETTLE_SECONDS": "0.2", "SYNESTHETE_INDEX__PRIORITY": "low"}
    watching = Running(program, "watch", "--json", folder, **settings)
    watching.until(lambda line: happened(line)["event"] == "ready")
    (folder / "soup.txt").write_text("Fry the onions gently, add stock and simmer.")
    watching.until(lambda line: happened(line)["event"] == "indexed" and happened(line)["path"].endswith("soup.txt"))
    (decoder,) = watching.children()  # kept for the next file
    assert decoder.nice() == 19 and tuple(decoder.ionice()) == (psutil.IOPRIO_CLASS_BE, 7)
    (folder / "bread.txt").write_text("Knead the dough and let it rest.")
    watching.until(lambda line: happened(line)["event"] == "indexed" and happened(line)["path"].endswith("bread.txt"))
    assert watching.children() == [decoder]
    assert watching.end(signal.SIGTERM) == 0
    assert happened(watching.said.splitlines()[-1])["event"] == "stopped" and not decoder.is_running()


ON_BATTERY = 'mount -t tmpfs class /sys/class && cp -r "$0" /sys/class && mount --bind "$0" /sys/class/power_supply'


@pytest.mark.skipif(not can_unshare(), reason="needs namespaces of its own")
def test_a_run_waits_while_it_is_paused_and_while_the_battery_is_low(
    program: Program, folder: Path, tmp_path: Path
) -> None:
    power = tmp_path / "power_supply"
    for name, said in (("BAT0/capacity", "11"), ("BAT0/status", "Discharging"), ("AC0/online", "0")):
        (power / name).parent.mkdir(parents=True, exist_ok=True)
        (power / name).write_text(f"{said}\n")
    assert program.run("pause").returncode == 0
    before = ("unshare", "-Urm", "sh", "-c", f'{ON_BATTERY} && exec "$@"', str(power))
    running = Running(program, "index", folder, before=before)
    running.until(lambda line: line == "waiting: paused; `synesthete resume` goes on\n")
    assert program.json("status")["paused"].startswith("paused")
    assert program.run("resume").returncode == 0
    running.until(lambda line: line.startswith("waiting: the battery is at 11 %, below 20 %"))
    assert program.json("status")["sources"] == {}
    (power / "AC0" / "online").write_text("1\n")
    (power / "BAT0" / "status").write_text("Charging\n")
    assert running.end() == 0
    assert program.json("status")["sources"] == {"text": 1}
    assert "\x1b" not in running.said and "\r" not in running.said  # plain lines: it is no terminal
