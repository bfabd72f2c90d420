"""What a program says to ``SearchEngine.search``, as the records of a query; and paths in it that make no sense."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypedDict

from engine.errors import QueryError
from engine.query.hits import Hit
from engine.query.parse import parse_like
from engine.query.paths import absolute_path, is_there, typed_path
from engine.query.query import Filters, LikeFile, LikeHit, Query, Words
from storage.catalog import Catalog
from storage.records import Modality

Alike = LikeFile | LikeHit | Hit | Path | str
"""What can be resembled; a string is read as on the command line."""


class FilterOptions(TypedDict, total=False):
    """The conditions of ``Filters`` as they can be given to ``SearchEngine.search``."""

    kinds: Iterable[Modality]
    under: Path | str | None
    globs: str | Iterable[str]
    after: datetime | None
    before: datetime | None
    longer: float | None
    shorter: float | None
    larger: int | None
    smaller: int | None


def check_paths(query: Query, catalog: Catalog) -> None:
    """What can be refused before a model is loaded. A folder that is gone may still be asked for, if it is held.

    Raises QueryError.
    """
    for part in (*query.wanted, *query.unwanted):
        if isinstance(part, LikeFile):
            path = absolute_path(part.path)
            if not is_there(path):
                raise QueryError(f"{part.path}: no such file")
            if path.is_dir():
                raise QueryError(f"{part.path}: it is a folder")
    if query.filters.under is not None:
        check_held(query.filters.under, catalog)


def check_held(path: Path | str, catalog: Catalog) -> None:
    """What is neither on the disk nor in the library is a slip of the pen: raises QueryError."""
    absolute = absolute_path(path)
    if not is_there(absolute) and not catalog.sources_under(str(absolute)):
        raise QueryError(f"{path}: there is no such folder, and nothing below it is in the library")


def absolute_paths(paths: Sequence[Path | str]) -> list[Path]:
    """``paths`` as the library knows them, each by ``absolute_path``. Raises QueryError."""
    return [absolute_path(path) for path in paths]


def like_of(what: Alike) -> LikeFile | LikeHit:
    """The part of a query that asks for what is like ``what``. Raises QueryError."""
    if isinstance(what, LikeFile | LikeHit):
        return what
    if isinstance(what, Hit):
        return LikeHit(what)
    return LikeFile(what) if isinstance(what, Path) else parse_like(what)


def words_of(what: str | Words) -> Words:
    """The part of a query that asks for words. Raises QueryError."""
    return what if isinstance(what, Words) else Words(what)


def filters_of(options: FilterOptions) -> Filters:
    """The conditions that ``options`` name. Raises QueryError."""
    under, globs = options.get("under"), options.get("globs", ())
    return Filters(
        kinds=frozenset(options.get("kinds", ())),
        under=typed_path(under) if isinstance(under, str) else under,
        globs=(globs,) if isinstance(globs, str) else tuple(globs),
        after=options.get("after"),
        before=options.get("before"),
        longer=options.get("longer"),
        shorter=options.get("shorter"),
        larger=options.get("larger"),
        smaller=options.get("smaller"),
    )
