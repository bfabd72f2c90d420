"""Generations: the folders of one data folder that have held its library, of which the last complete one is current.

    catalog.sqlite, vectors/    the first generation lies in the data folder itself
    next/                       the one being made: by another model, or anew by the same one
    repaired/                   the one put together from a damaged one
    generation-N/               from the second on

``next`` or ``repaired`` becomes current by one rename to the name of the next number. Until then the old one answers,
after it the new one does; a process that dies leaves either. What is superseded is removed later, by whoever holds the
writer's lock.
"""

import re
import shutil
from pathlib import Path

from storage.atomic import sync_folder
from storage.errors import DataFolderError

_NAME = re.compile(r"generation-([1-9][0-9]*)")
_FIRST = ("catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm", "vectors")


def current(folder: Path) -> Path:
    """Where the catalog and the snapshot lie that answer now."""
    numbers = _numbers(folder)
    return folder if not numbers else folder / f"generation-{max(numbers)}"


def unfinished(folder: Path) -> Path:
    """Where the next generation is being made; it is not there when none is."""
    return folder / "next"


def repaired(folder: Path) -> Path:
    """Where a repair puts together what can be read of a damaged catalog."""
    return folder / "repaired"


def switch(folder: Path, made: Path) -> Path:
    """Make ``made``, a folder in ``folder`` whose files nobody has open, the current generation; returns its new place.

    Only under the writer's lock. Raises DataFolderError.
    """
    place = folder / f"generation-{max(_numbers(folder), default=1) + 1}"
    try:
        made.rename(place)
        sync_folder(folder)
    except OSError as error:
        raise DataFolderError(f"{made}: it cannot be renamed to {place.name} ({error.strerror})") from error
    return place


def remove_superseded(folder: Path) -> None:
    """Free the space of the generations before the current one. Only under the writer's lock."""
    remove(repaired(folder))
    home = current(folder)
    if home == folder:
        return
    for number in _numbers(folder):
        if folder / f"generation-{number}" != home:
            remove(folder / f"generation-{number}")
    for name in _FIRST:
        remove(folder / name)


def remove(path: Path) -> None:
    """Remove a file or folder, if it is there. Raises DataFolderError."""
    try:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise DataFolderError(f"{path}: it cannot be removed ({error.strerror})") from error


def _numbers(folder: Path) -> list[int]:
    try:
        names = [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DataFolderError(f"{folder}: the data folder cannot be read ({error.strerror})") from error
    return [int(match[1]) for name in names if (match := _NAME.fullmatch(name))]
