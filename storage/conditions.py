"""What a filter asks of a source, as SQL: it is decided in the catalog, before any vector is looked at."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select

from storage import tables
from storage.glob_patterns import glob_expression
from storage.records import PieceFilter


def at_or_below(column: ColumnElement[str], path: str) -> ColumnElement[bool]:
    """A range on the index of paths: all that starts with ``path/`` lies before ``path0`` ('0' follows '/')."""
    folder = path.rstrip("/")
    return or_(column == path, (column >= folder + "/") & (column < folder + "0"))


def clauses(condition: PieceFilter) -> Iterator[ColumnElement[bool]]:
    """Conditions on ``tables.source``, all of which must hold. Raises ValueError for a pattern that is none."""
    source = tables.source.c
    if condition.kinds:
        yield source.kind.in_(sorted(condition.kinds))
    if condition.under is not None:
        yield at_or_below(source.path, condition.under)
    if condition.globs:
        yield or_(*(source.path.regexp_match(glob_expression(pattern)) for pattern in condition.globs))
    if condition.sources is not None:
        yield source.id.in_(_numbers(condition.sources))
    if condition.not_sources:
        yield source.id.not_in(_numbers(condition.not_sources))
    columns: tuple[tuple[ColumnElement[Any], float | None, float | None], ...] = (
        (func.coalesce(source.recorded_ns, source.modified_ns), condition.after_ns, condition.before_ns),
        (source.duration, condition.longer, condition.shorter),
        (source.size, condition.larger, condition.smaller),
    )
    for column, least, below in columns:
        if least is not None:
            yield column >= least
        if below is not None:
            yield column < below


def _numbers(numbers: Iterable[int]) -> Select[Any]:
    """As one parameter: there may be more of them than a statement can have."""
    values = func.json_each(json.dumps(sorted(numbers))).table_valued("value")
    return select(values.c.value)
