"""A service as a user starts it, and a client that sends just what a test wants sent."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.conftest import ROOT
from tests.forked import run_forked


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class _OverSocket(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=60)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(60)
        self.sock.connect(self._path)


@dataclass(frozen=True)
class ServiceProcess:
    """``python -m engine.program --data D serve --port 0``, with a home and a runtime directory of its own."""

    process: "subprocess.Popen[str]"
    data: Path
    environment: Mapping[str, str]
    link: str

    @property
    def port(self) -> int:
        return int(re.search(r":(\d+)/", self.link).group(1))  # type: ignore[union-attr]

    @property
    def sockets(self) -> list[Path]:
        return list((Path(self.environment["XDG_RUNTIME_DIR"]) / "synesthete").glob("*.socket"))

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        over_socket: bool = False,
    ) -> Answer:
        connection = (
            _OverSocket(self.sockets[0]) if over_socket else http.client.HTTPConnection("127.0.0.1", self.port, 60)
        )
        try:
            connection.request(method, path + (f"?{urlencode(query)}" if query else ""), body, dict(headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def get(self, where: str, /, headers: Mapping[str, str] | None = None, **query: Any) -> Answer:
        return self.request("GET", where, query, headers=headers)

    def post(self, path: str, value: Any, over_socket: bool = False) -> Answer:
        headers = {"content-type": "application/json"}
        return self.request("POST", path, body=json.dumps(value).encode(), headers=headers, over_socket=over_socket)

    def upload(self, name: str, data: bytes | Iterable[bytes]) -> Answer:
        return self.request("POST", "/v1/uploads", {"name": name}, data)

    def run(self, *arguments: str | Path, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
        """Run the program beside the service, in the same environment."""
        command = [sys.executable, "-m", "engine.program", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, env=dict(self.environment), cwd=cwd, timeout=120)

    def run_alone(self, *arguments: str | Path, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
        """Run the program in the same environment, but do not let it ask the service."""
        return run_forked(list(map(str, arguments)), self.environment, cwd)


def environment(folder: Path) -> dict[str, str]:
    """The environment of a user who lives in ``folder``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SYNESTHETE_")}
    homes = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"), str(folder / "home"))
    runtime = folder / "run"
    runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
    prompt = {"SYNESTHETE_INDEX__PRIORITY": "normal"}  # what indexes when nobody else computes may wait for long
    return kept | homes | prompt | {"XDG_RUNTIME_DIR": str(runtime), "PYTHONPATH": str(ROOT)}


@contextmanager
def running(data: Path, folder: Path, *options: str, **variables: str) -> Iterator[ServiceProcess]:
    """The service over the library in ``data``; ``folder`` holds the user's home."""
    told = environment(folder) | variables
    command = [sys.executable, "-m", "engine.program", "--data", str(data), "serve", "--port", "0", *options]
    complaints = (folder / "stderr").open("w")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints, text=True, env=told)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "http://" in line, (folder / "stderr").read_text()
        yield ServiceProcess(process, data, told, line.split()[-1])
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()
        complaints.close()
