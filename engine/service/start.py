"""Programs that live by a service: use the one that runs, or start one that ends with them."""

import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from engine.errors import ServiceError
from engine.service.address import socket_path
from engine.service.client import ServiceClient
from engine.service.systemd import start_unit

_LOOK_SECONDS = 0.05
_STOP_SECONDS = 15.0
_AGAIN_SECONDS = 10.0
_ENDED = "the service ended as soon as it was started; `synesthete serve` says why"


class SharedService:
    """The service of the library in ``data``: whoever's it is, or one started when it is first needed.

    ``options``: what stands before the command, ``--data`` and ``--settings``; none for the user's own library. Safe
    from several threads.
    """

    def __init__(self, data: Path, options: Sequence[str] = ()) -> None:
        self.data = data
        self._options = list(options)
        self._client = ServiceClient(socket_path(data))
        self._again_at = 0.0
        self._started: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def running(self) -> ServiceClient | None:
        """The service, if one runs."""
        return self._client if self._client.answers() else None

    def client(self) -> ServiceClient:
        """The service; one is started if there is none, which answers when its model is loaded. Raises ServiceError."""
        with self._lock:
            if not self._client.answers() and time.monotonic() < self._again_at:
                raise ServiceError(_ENDED)
            if not self._client.answers():
                start_unit(self._options)
            while not self._client.answers():
                if self._started is None:
                    self._started = self._start()
                elif self._started.poll() is not None:
                    self._started = None
                    if not self._client.answers():  # somebody else's may have been quicker
                        self._again_at = time.monotonic() + _AGAIN_SECONDS
                        raise ServiceError(_ENDED)
                time.sleep(_LOOK_SECONDS)
        return self._client

    def close(self) -> None:
        """Stop the service if it was started here."""
        with self._lock:
            process, self._started = self._started, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _start(self) -> "subprocess.Popen[bytes]":
        """A service that ends when this process does, however that comes: its standard input ends then."""
        command = [sys.executable, "-P", "-m", "engine.program", *self._options]
        try:
            return subprocess.Popen(
                [*command, "serve", "--port", "0", "--until-stdin-ends"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
            )
        except OSError as error:
            raise ServiceError(f"the service cannot be started ({error.strerror})") from error
