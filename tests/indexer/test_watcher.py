"""A real watcher of real folders, without a library behind it."""

import errno
import logging
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from indexer.watcher import Watcher


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_what_cannot_be_taken_in_counts_as_missed_and_does_not_end_the_watching(tmp_path: Path) -> None:
    heard: list[str] = []

    def hear(path: str) -> None:
        heard.append(Path(path).name)
        if heard == ["a.txt"]:
            raise OSError(errno.ENAMETOOLONG, "too long")

    watcher = Watcher(hear)
    watcher.start()
    try:
        watcher.watch(str(tmp_path))
        assert not watcher.flooded()
        (tmp_path / "a.txt").touch()
        until(watcher.flooded)
        (tmp_path / "b.txt").touch()
        until(lambda: "b.txt" in heard)
        assert not watcher.flooded()
    finally:
        watcher.close()


def test_many_files_that_nobody_asks_for_are_a_flood_too(tmp_path: Path) -> None:
    heard: list[str] = []
    watcher = Watcher(heard.append)
    watcher.start()
    try:
        watcher.watch(str(tmp_path))
        for number in range(3_000):  # each is created, modified and closed
            (tmp_path / f"{number}.o").write_bytes(b"x")
        until(watcher.flooded)
        assert heard == []
    finally:
        watcher.close()


def test_events_that_the_system_dropped_are_noticed_and_said_to_no_one(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = logging.StreamHandler()  # as the program tells of what is logged
    monkeypatch.setattr(logging.getLogger(), "handlers", [told])
    watcher = Watcher(lambda path: None)
    watcher.start()
    try:
        watcher.watch(str(tmp_path))
        logging.getLogger("watchdog.observers.inotify_c").warning("Inotify queue overflowed; ...")  # as it does
        assert watcher.flooded() and not watcher.flooded()
    finally:
        watcher.close()
    assert capfd.readouterr().err == ""
