"""Where a running service listens. Imports nothing heavy: every command looks here first."""

import hashlib
import os
import stat
from pathlib import Path


def runtime_folder() -> Path:
    """The user's folder for sockets, which nobody else can enter (XDG Base Directory Specification)."""
    folder = os.environ.get("XDG_RUNTIME_DIR", "")
    return Path(folder) / "synesthete" if folder.startswith("/") else Path(f"/tmp/synesthete-{os.getuid()}")


def socket_path(data: Path) -> Path:
    """The socket of the service that holds the library in ``data``; its name is short, as sockets' names must be."""
    return runtime_folder() / (hashlib.sha256(os.fsencode(data)).hexdigest()[:16] + ".socket")


def running_sockets() -> list[Path]:
    """The sockets of this user's services, if the folder is this user's alone. Some may belong to dead services."""
    folder = runtime_folder()
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".socket") if is_private(folder) else []
    except OSError:
        return []


def is_private(folder: Path) -> bool:
    """Whether ``folder`` is one, not a link to one, and this user's alone. Raises OSError."""
    state = folder.lstat()
    return stat.S_ISDIR(state.st_mode) and state.st_uid == os.getuid() and not state.st_mode & 0o077
