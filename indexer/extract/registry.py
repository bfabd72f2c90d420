"""Which file formats can be taken apart. A new format is one new module in ``formats/``, or a package of its own.

A module there has a tuple ``FORMATS``. A package from elsewhere names a ``Format``, or several in a tuple or list,
under the entry point group ``synesthete.formats``. Either is imported when the first file name is judged, in the
process of the program itself: whatever reads files (Pillow, MuPDF, ...) is to be imported inside ``extract``, which is
called in the worker process alone.
"""

import functools
import importlib
import logging
import os
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from indexer.extract.sniff import ContentKind
from indexer.pieces import Extraction, ExtractionLimits, MediaFormat
from storage.records import MODALITIES, Modality

ENTRY_POINTS = "synesthete.formats"

Span = tuple[float, float]
Extractor = Callable[[Path, MediaFormat, ExtractionLimits, Span | None], Extraction]

_USUAL: dict[Modality, ContentKind] = {
    "text": "text",
    "image": "image",
    "document": "document",
    "audio": "recording",
    "video": "recording",
}

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Format:
    """A family of files that are read alike. ``kind`` is what its extensions promise, ``extensions`` are without dot.

    ``extract(path, media, limits, span)`` opens one file; its pieces are decoded while they are iterated. ``span`` is
    a part of the file in seconds, None for all of it. Raises ExtractionError, also during the iteration.
    ``pieces`` says for people what becomes a piece. ``contents``: what the first bytes may say the file is, where that
    is not what ``kind`` suggests; a file whose bytes clearly say something else is refused before ``extract``.
    """

    name: str
    kind: Modality
    extensions: tuple[str, ...]
    extract: Extractor
    pieces: str
    contents: tuple[ContentKind, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError: what a plug-in hands over may be anything."""
        if self.kind not in MODALITIES:
            raise ValueError(f"{self.kind!r} is no kind; there are {', '.join(MODALITIES)}")
        if not self.extensions or any(not each or each != each.lower().strip(".") for each in self.extensions):
            raise ValueError("extensions are lower case and without a dot, and there is at least one")
        object.__setattr__(self, "contents", self.contents or (_USUAL[self.kind],))


def in_module(module: str) -> Extractor:
    """The function ``extract`` of a module that is imported, and with it what it needs, when the first file is read."""

    def extract(path: Path, media: MediaFormat, limits: ExtractionLimits, span: Span | None) -> Extraction:
        extractor: Extractor = importlib.import_module(module).extract
        return extractor(path, media, limits, span)

    return extract


def format_of(path: Path | str) -> Format | None:
    """The format that the extension of ``path`` promises, upper or lower case; None when files like it are not read."""
    stem, _, extension = os.fspath(path).rpartition(".")
    found = _by_extension().get(extension.lower())  # asked of every name there is
    # A name that only begins with dots has no extension.
    return found if found is not None and stem.rpartition("/")[2].strip(".") else None


def formats_of(names: Iterable[str]) -> list[Format | None]:
    """What ``format_of`` says of each of these names of files, without folders; quick for very many."""
    known = _by_extension()
    found = []
    for name in names:
        stem, _, extension = name.rpartition(".")
        format = known.get(extension) or known.get(extension.lower())
        found.append(format_of(name) if format is not None and (not stem or stem[0] == ".") else format)
    return found


def extensions() -> tuple[str, ...]:
    """Every extension that is read, without dot, in alphabetical order."""
    return tuple(sorted(_by_extension()))


def built_in() -> list[Format]:
    """The formats of the modules in ``formats/``, in the order of the modules' names."""
    package = importlib.import_module("indexer.extract.formats")
    modules = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return [each for name in modules for each in importlib.import_module(f"{package.__name__}.{name}").FORMATS]


@functools.cache
def _by_extension() -> dict[str, Format]:
    found = {extension: each for each in built_in() for extension in each.extensions}
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
        try:
            for each in _formats_in(point.load()):
                taken = sorted(set(each.extensions) & set(found))
                if taken:
                    raise ValueError(f"files named .{taken[0]} are read already")
                found |= dict.fromkeys(each.extensions, each)
        except Exception as error:  # a plug-in may raise whatever it likes
            said = " ".join(str(error).split())[:200] or type(error).__name__
            _log.warning("the format plug-in %s (%s) is passed over: %s", point.name, point.value, said)
    return found


def _formats_in(named: object) -> list[Format]:
    several = list(named) if isinstance(named, Iterable) else [named]
    formats = [each for each in several if isinstance(each, Format)]
    if not formats or len(formats) < len(several):
        raise ValueError("it names no indexer.extract.registry.Format")
    return formats
