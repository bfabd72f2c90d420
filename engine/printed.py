"""Text that comes from files and their names, as it may be printed."""

import re

# What moves a cursor, begins a line or turns the direction of writing, and what is no character at all.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printed(text: str) -> str:
    """``text`` in one line without power over a terminal: such characters as escapes, like ``\\x1b`` or ``\\n``."""
    return _UNPRINTABLE.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    is_byte = 0xDC80 <= code <= 0xDCFF  # how Python marks bytes that are no text
    return f"\\x{code - 0xDC00:02x}" if is_byte else repr(found[0])[1:-1]
