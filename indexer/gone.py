"""Whether a file that is not there has been removed, or lies on a disk that is away for now. Nothing here raises."""

import os
from collections.abc import Iterable

from indexer.mounts import mounted
from indexer.scan import is_at_or_below
from storage import roots
from storage.catalog import Catalog


def may_exist(path: str) -> bool:
    """Whether something is at ``path``, or nobody can say: a folder above may be closed, a disk may not answer."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def gone_among(paths: Iterable[str], catalog: Catalog) -> set[str]:
    """Those of ``paths`` that have been removed, as far as can be told.

    Not those below a root that is not there itself, or below a mount point of a root's last scan that is none now.
    """
    missing = {path for path in paths if not may_exist(path)}
    if not missing:
        return missing
    with catalog.reading() as connection:
        places = roots.every_mount(connection)
    away = places - mounted().keys() | {root for root in catalog.roots() if not may_exist(root)}
    return {path for path in missing if not any(path != place and is_at_or_below(path, place) for place in away)}
