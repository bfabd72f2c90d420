"""Which file lies at a path, however it is called: another one may have taken the name."""

from pathlib import Path


def file_identity(path: Path | str) -> tuple[int, int] | None:
    """The device and the number of the file at ``path``, links followed; None if there is none to be seen."""
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
