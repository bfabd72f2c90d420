"""What the library knows already of a file that is asked with, so that it need not be read again."""

from functools import lru_cache
from pathlib import Path

from indexer.extract.registry import format_of
from indexer.fingerprint import content_hash
from storage.catalog import Catalog
from storage.records import FileState, StoredSource


def source_at(path: Path, catalog: Catalog) -> StoredSource | None:
    """The source at ``path``, if the file looks as it did when it was indexed."""
    held = catalog.sources_at([str(path)]).get(str(path))
    if held is None:
        return None
    try:
        return held if FileState.of(path.stat()) == held.source.state else None
    except OSError:
        return None


def content_of(path: Path, catalog: Catalog) -> bytes:
    """The ``content_hash`` of a file, which is not read if it is in the library unchanged. Raises OSError."""
    held = source_at(path, catalog)
    return _content_hash(path) if held is None else held.source.content_hash


def same_source(path: Path, catalog: Catalog) -> StoredSource | None:
    """A source with the pieces of the file at ``path``: it is that file, or has its bytes and is read like it."""
    held = source_at(path, catalog)
    if held is not None:
        return held
    try:
        copies = catalog.sources_with_content(_content_hash(path))
    except OSError:  # whoever reads it will say why
        return None
    return next((copy for copy in copies if format_of(Path(copy.source.path)) == format_of(path)), None)


def _content_hash(path: Path) -> bytes:
    """``content_hash`` of a file: a query needs it twice, to look for copies and to hide them. Raises OSError."""
    return _hash_as_of(path, FileState.of(path.stat()))


@lru_cache(maxsize=16)
def _hash_as_of(path: Path, state: FileState) -> bytes:
    return content_hash(path)
