"""The characters of a text file, whatever encoding it was saved in."""

import codecs
import re
from pathlib import Path

from charset_normalizer import CharsetMatch, from_bytes

from indexer.errors import ExtractionError
from indexer.pieces import ExtractionLimits

_SAMPLE = 64 * 1024
_TOLERANCE = 0.1
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?([A-Za-z0-9_.:-]{2,40})""")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_text(path: Path, limits: ExtractionLimits, *, declared: bool = False) -> str:
    """The text of a file with "\\n" line ends; at most the first ``limits.text_megabytes`` of it.

    ``declared`` believes a ``charset=`` near the beginning (HTML, XML) before guessing. Raises ExtractionError when
    the bytes are no text.
    """
    with path.open("rb") as file:
        data = file.read(int(limits.text_megabytes * 1e6))
    text = _decoded(data, declared)
    if not text.strip():
        raise ExtractionError("there is no text in it")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def _decoded(data: bytes, declared: bool) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    controls = len(_CONTROL.findall(data))
    if b"\0" in data or controls > max(2, len(data) // 100):
        raise ExtractionError("not text: binary data")
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(data)  # the size limit may cut the last character
    except UnicodeDecodeError:
        pass
    mended = data.decode("utf-8", errors="replace")
    bad = mended.count("\N{REPLACEMENT CHARACTER}")
    if sum(character > "\x7f" for character in mended) > 20 * bad:
        return mended
    return data.decode(_declared_encoding(data) if declared and _declared_encoding(data) else _guess(data), "replace")


def _declared_encoding(data: bytes) -> str:
    found = _DECLARED.search(data[:2048])
    try:
        return codecs.lookup(found[1].decode("ascii")).name if found else ""
    except LookupError:
        return ""


def _guess(data: bytes) -> str:
    matches = from_bytes(data[:_SAMPLE])
    best = matches.best()
    if best is None:
        raise ExtractionError("not text: its characters cannot be made out")
    # Among encodings in which the language is recognised about equally well, the one that most old files are in.
    equals = [match for match in matches if _is_about_as_good(match, best)]
    return "cp1252" if any("cp1252" in match.could_be_from_charset for match in equals) else best.encoding


def _is_about_as_good(match: CharsetMatch, best: CharsetMatch) -> bool:
    """Of a few lines, a letter more or less decides: cp775 tells the language of a short German text best."""
    return match.coherence >= best.coherence - _TOLERANCE and match.chaos <= best.chaos + _TOLERANCE
