"""Messages between the parent and the process that decodes: a JSON header, then the bytes of its arrays.

Layout: length of the header in bytes (unsigned 32 bits, big-endian), the header, the arrays in the header's order.
Neither side can make the other run anything (no pickle), and what the reader allocates is limited: the writer of an
answer may be a decoder that a hostile file has taken over.
"""

import json
import math
import struct
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.extract.melody import HIGHEST_CODE, VOICES
from indexer.pieces import ExtractedPiece
from storage.records import MODALITIES, ORIGINS, TextSegment

Message = dict[str, Any]
Read = Callable[[int], bytes | bytearray]
Write = Callable[[bytes | memoryview], object]

_LENGTH = struct.Struct(">I")
_MOST_HEADER_BYTES = 16 * 1024 * 1024
_MOST_ARRAY_BYTES = 512 * 1024 * 1024
_DTYPES: dict[str, np.dtype[Any]] = {
    "frames": np.dtype(np.uint8),
    "sound": np.dtype(np.float32),
    "melody": np.dtype(np.uint8),
}


class WireError(Exception):
    """The other side does not keep to the layout."""


def write_message(write: Write, message: Message) -> None:
    """Send a message without arrays."""
    header = json.dumps(message).encode("ascii")
    write(_LENGTH.pack(len(header)) + header)


def read_message(read: Read) -> Message:
    """The next message. ``read(n)`` returns exactly n bytes. Raises WireError."""
    (length,) = _LENGTH.unpack(read(_LENGTH.size))
    if length > _MOST_HEADER_BYTES:
        raise WireError(f"a header of {length} bytes")
    try:
        message = json.loads(bytes(read(length)))
    except (ValueError, RecursionError) as error:
        raise WireError("the header is not JSON") from error
    if not isinstance(message, dict):
        raise WireError("the header is not an object")
    return message


def write_piece(write: Write, piece: ExtractedPiece) -> None:
    """Send a piece: its fields in the header, its arrays after it."""
    arrays = {name: getattr(piece, name) for name in _DTYPES if getattr(piece, name) is not None}
    fields = {name: getattr(piece, name) for name in ("modality", "text", "start", "end", "page")}
    write_message(write, {"piece": fields, "arrays": {name: array.shape for name, array in arrays.items()}})
    for name, array in arrays.items():
        write(np.ascontiguousarray(array, dtype=_DTYPES[name]).data.cast("B"))


def read_piece(read: Read, message: Message) -> ExtractedPiece:
    """The piece whose header is ``message``; reads its arrays. Raises WireError."""
    try:
        arrays: Message = {name: _read_array(read, name, shape) for name, shape in message["arrays"].items()}
        piece = ExtractedPiece(**message["piece"], **arrays)
        tune = piece.melody
        if tune is not None and (tune.shape[1:] != (VOICES,) or tune.max(initial=0) > HIGHEST_CODE):
            raise WireError("the melody makes no sense")  # the catalog would keep it
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WireError("the piece is not well-formed") from error
    if piece.modality not in MODALITIES or type(piece.text) not in (str, type(None)) or not _has_place(piece):
        raise WireError("the piece makes no sense")
    return piece if piece.text is None else replace(piece, text=clean(piece.text))


def write_segment(write: Write, segment: TextSegment) -> None:
    """Send words that can be searched exactly."""
    write_message(write, {"segment": asdict(segment)})


def read_segment(message: Message) -> TextSegment:
    """The words in ``message``. Raises WireError."""
    try:
        segment = TextSegment(**message["segment"])
    except (KeyError, TypeError) as error:
        raise WireError("the words are not well-formed") from error
    if type(segment.text) is not str or segment.origin not in ORIGINS or not _has_place(segment):
        raise WireError("the words make no sense")
    return replace(segment, text=clean(segment.text))


def clean(text: str) -> str:
    """``text`` without halves of characters, which some encodings let through: nothing can store or tokenise them."""
    return text.encode("utf-8", "replace").decode()


def _is_number(value: object) -> bool:
    """Whether ``value`` is None or a number that the catalog can hold."""
    return value is None or (type(value) in (int, float) and abs(value) < 2**63)  # type: ignore[arg-type]


def _has_place(part: ExtractedPiece | TextSegment) -> bool:
    """Whether start, end and page are what they may be."""
    return all(map(_is_number, (part.start, part.end, part.page))) and type(part.page) is not float


def _read_array(read: Read, name: str, shape: list[int]) -> NDArray[Any]:
    dtype = _DTYPES[name]
    if not all(isinstance(side, int) and side >= 0 for side in shape) or len(shape) > 4:
        raise WireError("an array of no shape")
    size = math.prod(shape) * dtype.itemsize
    if size > _MOST_ARRAY_BYTES:
        raise WireError(f"an array of {size} bytes")
    array: NDArray[Any] = np.frombuffer(read(size), dtype=dtype).reshape(shape)
    return array
