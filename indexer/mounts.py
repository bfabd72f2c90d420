"""Which file systems are mounted where. A disk that is unplugged leaves an empty folder behind, or none."""

import re
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
_ESCAPE = re.compile(r"\\([0-7]{3})")
_NETWORKS = frozenset(("9p", "afs", "ceph", "cifs", "fuse.sshfs", "fuse.rclone", "nfs", "nfs4", "smb3", "virtiofs"))


def mounted() -> dict[str, str]:
    """The kind of file system at each mount point; nothing where the system does not say (it is Linux that does).

    Bytes of a name that are no UTF-8 are written out, as ``scan.printable`` does it.
    """
    try:
        lines = _MOUNTS.read_bytes().decode("utf-8", "backslashreplace").split("\n")
    except OSError:
        return {}
    found = {}
    for line in lines:
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) > 4 and after:
            found[_ESCAPE.sub(lambda match: chr(int(match[1], 8)), fields[4])] = after.split(" ")[0]
    return found


def mount_of(path: str, mounts: dict[str, str]) -> str:
    """The mount point that ``path``, absolute and without links, lies on."""
    while path not in mounts and path != "/":
        path = path.rpartition("/")[0] or "/"
    return path


def concerning(root: str, mounts: dict[str, str]) -> list[str]:
    """The mount points that ``root`` and what is below it lie on, without ``/``, which cannot go."""
    below = root.rstrip("/") + "/"
    return sorted(({mount_of(root, mounts)} | {path for path in mounts if path.startswith(below)}) - {"/"})


def is_on_network(path: str, mounts: dict[str, str]) -> bool:
    """Whether others may change what is at ``path`` without this system noticing."""
    return mounts.get(mount_of(path, mounts), "") in _NETWORKS
