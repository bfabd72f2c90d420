"""What identifies a file's content, so that a renamed or copied file is not embedded again."""

import hashlib
from functools import partial
from pathlib import Path


def content_hash(path: Path) -> bytes:
    """BLAKE2b of the file's bytes, 16 bytes long. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, partial(hashlib.blake2b, digest_size=16)).digest()
