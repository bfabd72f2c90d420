"""What a file's first bytes say it is, whatever its name says."""

import codecs
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

HEAD_BYTES = 4096

ContentKind = Literal["text", "image", "document", "recording", "archive", "other"]


@dataclass(frozen=True)
class Content:
    """``kind`` puts sound and video together, because one container holds either; ``name`` is for people."""

    kind: ContentKind
    name: str


_SIGNATURES: tuple[tuple[int, bytes, ContentKind, str], ...] = (
    (0, b"%PDF-", "document", "a PDF document"),
    (30, b"mimetypeapplication/epub+zip", "document", "an EPUB book"),
    (60, b"BOOKMOBI", "document", "a Mobipocket book"),
    (0, b"PK\x03\x04", "archive", "a ZIP archive"),
    (0, b"\xff\xd8\xff", "image", "a JPEG picture"),
    (0, b"\x89PNG\r\n\x1a\n", "image", "a PNG picture"),
    (0, b"GIF87a", "image", "a GIF picture"),
    (0, b"GIF89a", "image", "a GIF picture"),
    (8, b"WEBP", "image", "a WebP picture"),
    (0, b"II*\x00", "image", "a TIFF picture"),
    (0, b"MM\x00*", "image", "a TIFF picture"),
    (4, b"ftypheic", "image", "a HEIC picture"),
    (4, b"ftypheix", "image", "a HEIC picture"),
    (4, b"ftypmif1", "image", "a HEIF picture"),
    (4, b"ftypmsf1", "image", "a HEIF picture"),
    (4, b"ftypavis", "image", "an AVIF animation"),
    (4, b"ftypcrx ", "image", "a Canon raw picture"),
    (4, b"ftypavif", "image", "an AVIF picture"),
    (4, b"ftypM4A", "recording", "an M4A sound"),
    (4, b"ftyp", "recording", "an MP4 or QuickTime video"),
    (4, b"moov", "recording", "a QuickTime video"),
    (4, b"mdat", "recording", "a QuickTime video"),
    (0, b"\x1aE\xdf\xa3", "recording", "a Matroska or WebM video"),
    (8, b"AVI ", "recording", "an AVI video"),
    (8, b"WAVE", "recording", "a WAV sound"),
    (0, b"fLaC", "recording", "a FLAC sound"),
    (0, b"OggS", "recording", "an Ogg recording"),
    (0, b"ID3", "recording", "an MP3 sound"),
    (0, b"FORM", "recording", "an AIFF sound"),
    (0, b"FLV\x01", "recording", "a Flash video"),
    (0, b"\x00\x00\x01\xba", "recording", "an MPEG video"),
    (0, b"\x7fELF", "other", "a program"),
    (0, b"\x1f\x8b", "archive", "a gzip archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "other", "a 7-Zip archive"),
    (0, b"Rar!\x1a\x07", "other", "a RAR archive"),
    (0, b"SQLite format 3\x00", "other", "an SQLite database"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "other", "an old Office document"),
)

# MPEG audio starts with a frame header instead of a signature: sync bits, then version and layer.
_MPEG_AUDIO = re.compile(rb"\xff[\xfb\xfa\xf3\xf2\xf1\xf9]")
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_BYTE_ORDER_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def content_of(head: bytes) -> Content | None:
    """What a file that begins with ``head`` (HEAD_BYTES of it, or all) holds; None when nothing can be said."""
    for offset, signature, kind, name in _SIGNATURES:
        if head.startswith(signature, offset) and (signature != b"FORM" or head[8:12] in (b"AIFF", b"AIFC")):
            return Content(kind, name)
    if _MPEG_AUDIO.match(head):
        return Content("recording", "an MP3 or AAC sound")
    if _reads_as_text(head):
        return Content("text", "text")
    return None


def _reads_as_text(head: bytes) -> bool:
    if head.startswith(_BYTE_ORDER_MARKS):
        return True
    if _CONTROL.search(head):
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # incremental: the last character may be cut in two
    except UnicodeDecodeError:
        return False
    return True


def head_of(path: Path) -> bytes:
    """The first HEAD_BYTES bytes of a file."""
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)
