"""Whose program is at the other end of a connection over loopback, as the kernel's table of connections tells it."""

import socket
import sys
from pathlib import Path

_TABLES = {socket.AF_INET: Path("/proc/net/tcp"), socket.AF_INET6: Path("/proc/net/tcp6")}
_ESTABLISHED = "01"  # a closed connection is listed as root's

Address = tuple[str, int]


def account_of(client: Address, server: Address) -> int | None:
    """The user id of the process that connected from ``client`` to ``server`` on this machine; None if it is unknown.

    proc_pid_net(5); an address stands there as words in the machine's own order of bytes.
    """
    family = socket.AF_INET6 if ":" in client[0] else socket.AF_INET
    wanted = [_written(family, client), _written(family, server), _ESTABLISHED]
    try:
        lines = _TABLES[family].read_text(encoding="ascii").splitlines()[1:]
    except OSError:  # another system
        return None
    for line in lines:
        fields = line.split()
        if fields[1:4] == wanted:
            return int(fields[7])
    return None


def _written(family: socket.AddressFamily, address: Address) -> str:
    packed = socket.inet_pton(family, address[0])
    words = (int.from_bytes(packed[at : at + 4], sys.byteorder) for at in range(0, len(packed), 4))
    return "".join(f"{word:08X}" for word in words) + f":{address[1]:04X}"
