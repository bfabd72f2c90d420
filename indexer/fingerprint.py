"""What identifies a file's content, so that a renamed or copied file is not embedded again."""

import errno
import hashlib
import os
import stat
from collections.abc import Callable
from io import BufferedReader
from pathlib import Path

_BYTES_PER_LOOK = 4 * 1024 * 1024


class GivenUpError(Exception):
    """Nobody waits for the hash any more."""


def content_hash(path: Path, is_over: Callable[[], bool] = lambda: False) -> bytes:
    """BLAKE2b of the file's bytes, 16 bytes long. ``is_over`` is asked now and then: a large file takes minutes.

    Raises OSError, also when the path is no regular file (any more), and GivenUpError.
    """
    digest = hashlib.blake2b(digest_size=16)
    with open_regular(path) as file:
        block = memoryview(bytearray(_BYTES_PER_LOOK))
        while count := file.readinto(block):
            if is_over():
                raise GivenUpError
            digest.update(block[:count])
    return digest.digest()


def open_regular(path: str | Path) -> BufferedReader:
    """A file to read from. Raises OSError, also when something else has that name: a pipe must hold nobody up."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise
