"""Hand a command to a running service, so that neither model nor libraries need be loaded here.

Only the standard library's smallest modules are imported: the whole process should be over in a tenth of a second.
"""

import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

from engine.printed import has_all_characters, json_line
from engine.service.address import running_sockets

FORWARDED = ("search",)
_VALUED = ("--data", "--settings")
_TIMEOUT = 300.0
_HEAD = (
    "POST /v1/command HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    "Content-Length: {}\r\nConnection: close\r\n\r\n"
)


def environment() -> dict[str, str]:
    """What of the environment decides which library and which settings are meant."""
    told = {name: value for name, value in os.environ.items() if name.startswith("SYNESTHETE_")}
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        told[name] = os.environ.get(name, "")
    return told


def command_of(arguments: list[str]) -> str | None:
    """The command among ``arguments``, which options of the whole program may stand before."""
    rest = iter(arguments)
    for argument in rest:
        if argument in _VALUED:
            next(rest, None)
        elif not argument.startswith("-"):
            return argument
        elif not argument.startswith(tuple(f"{name}=" for name in _VALUED)):
            return None
    return None


def forward(arguments: list[str]) -> int | None:
    """Let a service run the command and print what it says; returns the exit code, or None if none took it."""
    if command_of(arguments) not in FORWARDED or "--help" in arguments:
        return None
    sockets = running_sockets()
    if not sockets:
        return None
    try:
        request = {
            "arguments": arguments,
            "folder": str(Path.cwd()),
            "environment": environment(),
            "columns": os.get_terminal_size().columns if sys.stdout.isatty() else None,
            "colours": sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb",
        }
        body = json.dumps(request).encode()
    except (OSError, UnicodeError):  # no folder to stand in, or names that are no text: not for others' ears
        return None
    for path in sockets:
        answer = _post(path, body)
        if answer is not None:
            sys.stdout.write(_for_this_output(answer["out"], arguments))
            sys.stdout.flush()
            sys.stderr.write(answer["err"])
            return int(answer["code"])
    return None


def _for_this_output(text: str, arguments: list[str]) -> str:
    """What the service has written for an output that has all characters; escapes of any other kind are no JSON."""
    if has_all_characters(sys.stdout) or "--json" not in arguments:
        return text
    try:
        return json_line(json.loads(text)) + "\n"
    except ValueError:  # --json was a word to be looked for, or there is no answer
        return text


def _post(path: Path, body: bytes) -> dict[str, Any] | None:
    """The service's answer, or None if it is gone, or says that the command is not for it."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_TIMEOUT)
            connection.connect(str(path))
            head = _HEAD.format(len(body))
            connection.sendall(head.encode() + body)
            received = b"".join(iter(lambda: connection.recv(65536), b""))
    except OSError:
        return None
    status, _, rest = received.partition(b"\r\n")
    if b" 200 " not in status + b" ":
        return None
    try:
        answer: dict[str, Any] = json.loads(rest.partition(b"\r\n\r\n")[2])
        return answer
    except ValueError:
        return None
