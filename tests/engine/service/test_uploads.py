"""Uploads are kept while their service runs, and not after it, however it ended."""

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.service.uploads import Uploads


async def chunks() -> AsyncIterator[bytes]:
    yield b"hummed"


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_what_a_killed_service_left_is_removed_by_the_next(temporary: Path) -> None:
    child = os.fork()
    if child == 0:
        asyncio.run(Uploads().keep("recording.wav", chunks()))
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert list(temporary.glob("*/*.wav"))
    uploads = Uploads()
    assert list(temporary.glob("*/*.wav")) == []
    uploads.close()
    assert list(temporary.iterdir()) == []


def test_what_another_service_holds_stays(temporary: Path) -> None:
    first = Uploads()
    number, _ = asyncio.run(first.keep("recording.wav", chunks()))
    second = Uploads()
    second.close()
    assert first.path(number).read_bytes() == b"hummed"
    first.close()


def test_folders_of_others_are_left_alone(temporary: Path) -> None:
    (temporary / "synesthete-uploads-unfinished").mkdir()  # its service has not taken the lock yet
    Uploads().close()
    assert (temporary / "synesthete-uploads-unfinished").is_dir()
