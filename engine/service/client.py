"""Ask a running service over its socket, from Python and with nothing but the standard library.

>>> client = ServiceClient.of("~/library")                              # doctest: +SKIP
>>> if client is not None:                                              # doctest: +SKIP
...     print(client.search("a black bird", limit=3)["hits"])
"""

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from engine.errors import QueryError, ServiceError
from engine.service.address import socket_path

_TIMEOUT = 300.0
_REFUSED = range(400, 500)


class ServiceClient:
    """The service that listens on ``socket``. Every call is a connection of its own, so threads may share a client.

    Its methods raise QueryError when the service refuses what is asked, and ServiceError when it is gone or fails.
    """

    def __init__(self, socket: Path, timeout: float = _TIMEOUT) -> None:
        self._socket, self._timeout = socket, timeout

    @classmethod
    def of(cls, data: Path | str | None = None, timeout: float = _TIMEOUT) -> "ServiceClient | None":
        """The running service of the library in ``data`` (by default where the settings say), or None."""
        if data is None:
            from engine.settings import load_settings

            data = load_settings().data_folder
        client = cls(socket_path(Path(data).expanduser().absolute()), timeout)
        return client if client.answers() else None

    def answers(self) -> bool:
        """Whether somebody listens. One that is still loading its model does: it answers when it is ready."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            return probe.connect_ex(str(self._socket)) == 0

    def search(self, words: str = "", **query: Any) -> dict[str, Any]:
        """The answer to a query: ``took_ms``, ``close`` and ``hits``.

        ``query``: fields of the body of ``POST /v1/search``, such as ``like=[{"path": ...}]``, ``kinds``, ``limit``.
        """
        if words:
            query["words"] = [{"text": words}, *query.get("words", ())]
        answer: dict[str, Any] = self._json("POST", "/v1/search", json.dumps(query).encode())
        return answer

    def status(self) -> dict[str, Any]:
        """What the library holds."""
        state: dict[str, Any] = self._json("GET", "/v1/status")
        return state

    def index(self) -> bool:
        """Let the service look for changes in the library's folders; False if it does so already."""
        return bool(self._json("POST", "/v1/index")["started"])

    def page(self) -> str:
        """The address of the service's web page, with its token where one is needed."""
        return str(self._json("GET", "/v1/page")["address"])

    def preview(self, path: str, **place: Any) -> tuple[bytes, str]:
        """A picture of an indexed file and its media type; ``place``: ``start``, ``end``, ``page``, ``size``."""
        return self._request("GET", _with_query("/v1/preview", {"path": path, **place}))

    def text(self, path: str, page: int | None = None) -> str:
        """The text of an indexed file, or of a page of it."""
        return str(self._json("GET", _with_query("/v1/text", {"path": path, "page": page}))["text"])

    def progress(self) -> Iterator[dict[str, Any]]:
        """How far indexing is, now and whenever that changes, for as long as the service runs; ``event`` tells what is.

        The fields are those of the events of ``GET /v1/progress``.
        """
        connection, answer = self._send("GET", "/v1/progress")
        event = ""
        try:
            for line in answer:
                field, _, value = line.decode().rstrip("\n").partition(": ")
                if field == "event":
                    event = value
                elif field == "data":
                    yield {"event": event, **json.loads(value)}
        except OSError as error:
            raise ServiceError(f"the service is gone ({error})") from error
        finally:
            connection.close()

    def _json(self, method: str, target: str, body: bytes | None = None) -> Any:
        return json.loads(self._request(method, target, body)[0])

    def _request(self, method: str, target: str, body: bytes | None = None) -> tuple[bytes, str]:
        connection, answer = self._send(method, target, body)
        try:
            return answer.read(), answer.headers.get("content-type", "")
        except (OSError, http.client.HTTPException) as error:
            raise ServiceError(f"the service is gone ({error})") from error
        finally:
            connection.close()

    def _send(
        self, method: str, target: str, body: bytes | None = None
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        connection = _OverSocket(self._socket, self._timeout)
        try:
            connection.request(method, target, body, {"content-type": "application/json"} if body else {})
            answer = connection.getresponse()
            if answer.status < _REFUSED.start:
                return connection, answer
            detail = _detail(answer.read())
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise ServiceError(f"{self._socket}: no service answers there ({error})") from error
        connection.close()
        raise (QueryError if answer.status in _REFUSED else ServiceError)(detail)


class _OverSocket(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _with_query(path: str, query: Mapping[str, Any]) -> str:
    return f"{path}?{urlencode({name: value for name, value in query.items() if value is not None})}"


def _detail(body: bytes) -> str:
    """The one line in which the service says why."""
    try:
        detail = json.loads(body)["detail"]
    except (ValueError, KeyError, TypeError):
        return "the service failed"
    if isinstance(detail, str):
        return detail
    return "; ".join(f"{'.'.join(map(str, fault['loc'][1:]))}: {fault['msg']}" for fault in detail)
