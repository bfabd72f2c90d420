"""Rows about what the user named: how far each folder is, and which file systems were mounted there.

Functions on a transaction of the catalog (``Catalog.reading``, ``Catalog.writing``).
"""

from collections.abc import Iterable

from sqlalchemy import Connection, delete, func, insert, select, update

from storage import tables
from storage.conditions import at_or_below
from storage.records import RootState


def states(connection: Connection) -> list[RootState]:
    """Every root, by path."""
    found = []
    for row in connection.execute(select(tables.root).order_by(tables.root.c.path)).all():
        counts = [
            connection.execute(select(func.count()).select_from(table).where(at_or_below(table.c.path, row.path)))
            for table in (tables.source, tables.failure)
        ]
        indexed, failed = (int(count.scalar_one()) for count in counts)
        found.append(
            RootState(row.path, row.scanned_at, indexed, row.waiting or 0, failed, row.files_per_second, row.offline)
        )
    return found


def put_waiting(connection: Connection, path: str, waiting: int) -> None:
    """How many files of this root are still to be read."""
    connection.execute(update(tables.root).where(tables.root.c.path == path).values(waiting=waiting))


def put_pace(connection: Connection, path: str, files_per_second: float) -> None:
    """How many files of this root, and whatever else was in the same run, were read in a second."""
    connection.execute(update(tables.root).where(tables.root.c.path == path).values(files_per_second=files_per_second))


def put_offline(connection: Connection, path: str, reason: str | None) -> None:
    """Why nothing of this root can be read now; None: it can."""
    connection.execute(update(tables.root).where(tables.root.c.path == path).values(offline=reason))


def mounts(connection: Connection, root: str) -> list[str]:
    """The mount points at, above or below ``root`` when it was scanned last."""
    query = select(tables.mount.c.path).where(tables.mount.c.root == root).order_by(tables.mount.c.path)
    return list(connection.execute(query).scalars())


def every_mount(connection: Connection) -> set[str]:
    """The mount points at, above or below any root when it was scanned last."""
    return set(connection.execute(select(tables.mount.c.path)).scalars())


def put_mounts(connection: Connection, root: str, paths: Iterable[str]) -> None:
    """Write the mount points in place of those of the last scan."""
    connection.execute(delete(tables.mount).where(tables.mount.c.root == root))
    rows = [{"root": root, "path": path} for path in paths]
    if rows:
        connection.execute(insert(tables.mount), rows)
