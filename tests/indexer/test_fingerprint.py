"""The hash of a file's content, and what stands in its way."""

import hashlib
import os
from pathlib import Path

import pytest

from indexer.fingerprint import GivenUpError, content_hash


def test_it_depends_on_the_bytes_alone(tmp_path: Path) -> None:
    for name, size in (("empty", 0), ("small", 10), ("several blocks", 9_000_001)):
        data = os.urandom(size)
        (tmp_path / name).write_bytes(data)
        assert content_hash(tmp_path / name) == hashlib.blake2b(data, digest_size=16).digest()


def test_a_pipe_in_the_place_of_a_file_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(OSError, match="regular file"):
        content_hash(tmp_path / "pipe.txt")


def test_a_run_that_ends_does_not_wait_for_a_large_file(tmp_path: Path) -> None:
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", 10**13)  # sparse; to read it all takes an hour
    asked = iter([False, False, True])
    with pytest.raises(GivenUpError):
        content_hash(tmp_path / "large", lambda: next(asked))
