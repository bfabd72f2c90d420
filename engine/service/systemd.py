"""The service under systemd: its unit, and telling it that we are ready and alive."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import platformdirs

from storage.atomic import replaced_file

UNIT = "synesthete.service"
_START_SECONDS = 60.0


def notify(state: str) -> None:
    """Tell systemd ``state`` if it listens (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as listener:
        try:
            listener.connect("\0" + address[1:] if address.startswith("@") else address)
            listener.sendall(state.encode())
        except OSError:  # nobody listens any more
            return


def program() -> list[str]:
    """The command that starts this program, from wherever it is run."""
    installed = shutil.which("synesthete")
    return [sys.executable, "-P", "-m", "engine.program"] if installed is None else [installed]


def unit(arguments: list[str]) -> str:
    """The text of a user unit that runs ``synesthete`` with ``arguments`` (which hold ``serve``)."""
    command = " ".join(map(_quoted, [*program(), *arguments]))
    return f"""[Unit]
Description=synesthete, search by meaning
Documentation=man:systemd.service(5)

[Service]
Type=notify
NotifyAccess=main
ExecStart={command}
Restart=on-failure
RestartSec=5
WatchdogSec=60
TimeoutStopSec=10
CPUWeight=20
IOWeight=20
Nice=5
NoNewPrivileges=yes
PrivateTmp=no

[Install]
WantedBy=default.target
"""


def unit_path() -> Path:
    """Where the unit lies: in the user's systemd folder."""
    return platformdirs.user_config_path("systemd", appauthor=False) / "user" / UNIT


def install_unit(text: str) -> Path:
    """Write the unit; returns where. Raises OSError."""
    unit_path().parent.mkdir(parents=True, exist_ok=True)
    with replaced_file(unit_path()) as path:
        path.write_text(text, encoding="utf-8")
    return unit_path()


def start_unit(options: Sequence[str]) -> None:
    """Let systemd start the service, if it is installed for the library that ``options`` name; else do nothing.

    Returns when it is ready. Another one beside it would keep it from starting.
    """
    with contextlib.suppress(OSError, UnicodeError, subprocess.TimeoutExpired):
        if unit_path().read_text(encoding="utf-8") == unit([*options, "serve"]):
            nothing = subprocess.DEVNULL
            command = ["systemctl", "--user", "start", UNIT]
            subprocess.run(command, stdin=nothing, stdout=nothing, stderr=nothing, timeout=_START_SECONDS, check=False)


def _quoted(argument: str) -> str:
    """An argument as systemd reads it: quotes and backslashes escaped, percent and dollar signs doubled."""
    safe = argument.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{safe}"' if safe != argument or " " in safe or not safe else safe
