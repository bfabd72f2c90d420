"""Paths that somebody named: as they were typed, and as the library knows them. Everything here raises QueryError."""

from pathlib import Path

from engine.errors import QueryError
from engine.printed import printed


def typed_path(text: str) -> Path:
    """A path that was typed. An empty one, as an unset variable of a shell leaves it, would mean the current folder."""
    if not text.strip():
        raise QueryError("a path is empty; the current folder is called .")
    return Path(text)


def expanded(path: Path | str) -> Path:
    """``path`` with ``~`` as the user's folder."""
    path = typed_path(path) if isinstance(path, str) else path
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise QueryError(f"{path}: there is no such user, or their folder is not known") from error


def absolute_path(path: Path | str) -> Path:
    """``path`` as the library knows it: links followed, ``~`` the user's folder."""
    try:
        absolute = expanded(path).resolve()
        str(absolute).encode()
        return absolute
    except UnicodeEncodeError as error:
        raise QueryError(f"{printed(str(path))}: its name is not valid UTF-8; rename it") from error
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, a character that no name may have
        raise QueryError(f"{printed(str(path))}: this is no path that can be followed") from error


def is_there(path: Path) -> bool:
    """Whether there is such a file or folder, as far as one may look; none has a name that is too long."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
