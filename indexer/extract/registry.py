"""Which file formats can be taken apart. A new format is one new module beside this one and one new line below.

Importing this module is cheap: the module of a format, and the libraries it needs, are imported when a file of that
format is opened, which happens in the worker process alone.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from indexer.pieces import Extraction, ExtractionLimits, MediaFormat
from storage.records import Modality

Span = tuple[float, float]
Extractor = Callable[[Path, MediaFormat, ExtractionLimits, Span | None], Extraction]


@dataclass(frozen=True)
class Format:
    """A family of files that one module reads. ``kind`` is what its extensions promise, ``extensions`` are without dot.

    ``extract(path, media, limits, span)`` opens one file; its pieces are decoded while they are iterated. ``span`` is
    a part of the file in seconds, None for all of it. Raises ExtractionError, also during the iteration.
    """

    name: str
    kind: Modality
    extensions: tuple[str, ...]
    extract: Extractor


def _in_module(module: str) -> Extractor:
    def extract(path: Path, media: MediaFormat, limits: ExtractionLimits, span: Span | None) -> Extraction:
        extractor: Extractor = importlib.import_module(f"indexer.extract.{module}").extract
        return extractor(path, media, limits, span)

    return extract


def _format(name: str, kind: Modality, module: str, extensions: str) -> Format:
    return Format(name, kind, tuple(extensions.split()), _in_module(module))


_SOURCE_CODE = (
    "py pyi js mjs ts jsx tsx c h cpp hpp cc cxx hh cs java go rs rb php pl pm lua sh bash zsh fish ps1 bat sql r jl "
    "swift kt kts scala hs ml mli clj ex exs erl f90 pas asm m vb dart zig nim groovy gradle cmake "
    "css scss toml yaml yml json jsonl ini cfg conf xml xsl tex bib diff patch log"
)

FORMATS: tuple[Format, ...] = (
    _format("text", "text", "text", "txt text md markdown rst adoc org"),
    _format("source code", "text", "source_code", _SOURCE_CODE),
    _format("web page", "text", "html", "html htm xhtml"),
    _format("table", "text", "tables", "csv tsv"),
    _format("picture", "image", "images", "jpg jpeg jpe png webp gif bmp tif tiff"),
    _format("document", "document", "pages", "pdf epub"),
    _format("sound", "audio", "recordings", "wav flac mp3 ogg oga opus m4a aac aif aiff"),
    _format("video", "video", "recordings", "mp4 m4v mkv webm mov avi"),
)

_BY_EXTENSION = {extension: each for each in FORMATS for extension in each.extensions}


def format_of(path: Path) -> Format | None:
    """The format that the extension of ``path`` promises, upper or lower case; None when files like it are not read."""
    return _BY_EXTENSION.get(path.suffix[1:].lower())


def extensions() -> tuple[str, ...]:
    """Every extension that is read, without dot, in alphabetical order."""
    return tuple(sorted(_BY_EXTENSION))
