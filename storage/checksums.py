"""Checksums of what the catalog holds: SQLite has none, and a bit that flipped in an embedding would go unseen.

A piece carries the CRC-32 of its fields, a source that of its own and of its pieces' checksums, in their order: so a
piece that is altered, missing or in another's place is noticed. Kept as signed numbers, which SQLite stores in 4 bytes.
"""

import struct
import zlib
from collections.abc import Iterable, Mapping
from typing import Any


def piece_checksum(
    modality: str,
    start: float | None,
    end: float | None,
    page: int | None,
    text: str | None,
    embedding: bytes,
    melody: bytes | None,
) -> int:
    """The checksum of a piece. Its source is not part of it, so that copies share it.

    A piece without a melody has the checksum it had before there were any.
    """
    fields = _joined(modality, _number(start), _number(end), page, text)
    return _signed(zlib.crc32(melody or b"", zlib.crc32(embedding, zlib.crc32(fields))))


def source_checksum(row: Mapping[str, Any], piece_checksums: Iterable[int]) -> int:
    """The checksum of a row of the table ``source`` with those of its pieces, in the order of their numbers."""
    content = bytes(row["content_hash"]).hex()
    fields = (row["path"], row["kind"], row["size"], row["modified_ns"], content, _number(row["duration"]))
    value = zlib.crc32(_joined(*fields, row["recorded_ns"]))
    for checksum in piece_checksums:
        value = zlib.crc32(struct.pack("<i", checksum), value)
    return _signed(value)


def _joined(*fields: str | int | None) -> bytes:
    return "\0".join("" if field is None else f"={field}" for field in fields).encode("utf-8", "surrogatepass")


def _number(value: float | None) -> str | None:
    return None if value is None else repr(float(value))


def _signed(value: int) -> int:
    return value - (1 << 32) if value >= 1 << 31 else value
