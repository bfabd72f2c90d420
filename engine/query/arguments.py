"""What a program says to ``SearchEngine.search``, as the records of a query; and paths in it that make no sense."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import TypedDict, TypeVar

from engine.errors import QueryError
from engine.paths import absolute_path, is_there, typed_path
from engine.query.hits import Hit
from engine.query.parse import parse_date, parse_duration, parse_kinds, parse_like, parse_size
from engine.query.query import Filters, LikeFile, LikeHit, Query, Words
from storage.catalog import Catalog
from storage.records import Modality

Alike = LikeFile | LikeHit | Hit | Path | str
"""What can be resembled; a string is read as on the command line."""


class FilterOptions(TypedDict, total=False):
    """The conditions of ``Filters`` as they can be given to ``SearchEngine.search``; strings as on the command line."""

    kinds: str | Iterable[Modality]
    under: Path | str | None
    globs: str | Iterable[str]
    after: date | str | None
    before: date | str | None
    longer: float | str | None
    shorter: float | str | None
    larger: int | str | None
    smaller: int | str | None


Number = TypeVar("Number", int, float)


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


def all_like(what: Alike | Iterable[Alike]) -> list[LikeFile | LikeHit]:
    """The same of each of several things, or of one. Raises QueryError."""
    return [like_of(each) for each in ([what] if isinstance(what, Alike) else what)]


def words_of(what: str | Words) -> Words:
    """The part of a query that asks for words. Raises QueryError."""
    return what if isinstance(what, Words) else Words(what)


def all_words(what: str | Words | Iterable[str | Words]) -> list[Words]:
    """The same of several strings, or of one. Raises QueryError."""
    return [words_of(each) for each in ([what] if isinstance(what, str | Words) else what)]


def filters_of(options: FilterOptions) -> Filters:
    """The conditions that ``options`` name. Raises QueryError, and TypeError for a name that is no condition."""
    if unknown := options.keys() - FilterOptions.__annotations__.keys():
        known = ", ".join(FilterOptions.__annotations__)
        raise TypeError(f"search() has no argument {', '.join(map(repr, sorted(unknown)))}; its conditions are {known}")
    under, globs = options.get("under"), options.get("globs", ())
    return Filters(
        kinds=kinds_of(options.get("kinds", ())),
        under=typed_path(under) if isinstance(under, str) else under,
        globs=(globs,) if isinstance(globs, str) else tuple(globs),
        after=_date_of(options.get("after")),
        before=_date_of(options.get("before")),
        longer=_number_of(options.get("longer"), parse_duration),
        shorter=_number_of(options.get("shorter"), parse_duration),
        larger=_number_of(options.get("larger"), parse_size),
        smaller=_number_of(options.get("smaller"), parse_size),
    )


def kinds_of(kinds: str | Iterable[Modality]) -> frozenset[Modality]:
    """Kinds of files, or the one that is named. Raises QueryError."""
    return parse_kinds(kinds) if isinstance(kinds, str) else frozenset(kinds)


def _date_of(given: date | str | None) -> datetime | None:
    if given is None or isinstance(given, datetime):
        return given
    if isinstance(given, str):
        return parse_date(given)
    if isinstance(given, date):
        return datetime.combine(given, time.min)
    raise QueryError(f"{given!r} is no date; give a datetime, a date, or a string like 2026-05-01")


def _number_of(given: Number | str | None, parse: Callable[[str], Number]) -> Number | None:
    if isinstance(given, str):
        return parse(given)
    if given is None or isinstance(given, int | float):
        return given
    raise QueryError(f"{given!r} is no number of seconds or bytes")
