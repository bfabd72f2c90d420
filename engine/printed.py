"""Text that comes from files and their names, as it may be printed, on whatever output.

Only the standard library's smallest modules are imported: a command that is handed to a service starts with this.
"""

import codecs
import io
import json
import re
import sys
from typing import IO, Any

# What moves a cursor, begins a line or turns the direction of writing, and what is no character at all.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printed(text: str) -> str:
    """``text`` in one line without power over a terminal: such characters as escapes, like ``\\x1b`` or ``\\n``."""
    return _UNPRINTABLE.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    is_byte = 0xDC80 <= code <= 0xDCFF  # how Python marks bytes that are no text
    return f"\\x{code - 0xDC00:02x}" if is_byte else repr(found[0])[1:-1]


def let_all_be_printed() -> None:
    """Characters that an output's encoding lacks are printed as escapes, instead of ending the program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def has_all_characters(stream: IO[str]) -> bool:
    """Whether any text can be written to ``stream`` as it is; one in memory has no encoding."""
    return codecs.lookup(getattr(stream, "encoding", None) or "utf-8").name.startswith("utf")


def json_line(value: Any, stream: IO[str] | None = None) -> str:
    """``value`` as a line of JSON for ``stream`` (default: standard output), in ASCII where that lacks characters."""
    return json.dumps(value, ensure_ascii=not has_all_characters(sys.stdout if stream is None else stream))
