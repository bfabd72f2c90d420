"""What identifies a file's content, so that a renamed or copied file is not embedded again."""

import errno
import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

_BYTES_PER_LOOK = 4 * 1024 * 1024


class GivenUpError(Exception):
    """Nobody waits for the hash any more."""


def content_hash(path: Path, is_over: Callable[[], bool] = lambda: False) -> bytes:
    """BLAKE2b of the file's bytes, 16 bytes long. ``is_over`` is asked now and then: a large file takes minutes.

    Raises OSError, also when the path is no regular file (any more), and GivenUpError.
    """
    digest = hashlib.blake2b(digest_size=16)
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe in its place must not hold the run up
    with os.fdopen(handle, "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file any more")
        block = memoryview(bytearray(_BYTES_PER_LOOK))
        while count := file.readinto(block):
            if is_over():
                raise GivenUpError
            digest.update(block[:count])
    return digest.digest()
