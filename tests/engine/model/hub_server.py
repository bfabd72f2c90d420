"""A small HTTP server that answers as a hub of models does, from folders, with the faults that a test asks for."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """``models``: a folder for each repository. ``gated``: those whose terms nobody has accepted. ``cut``: files that
    break off after so many bytes, once, or with ``broken_after_cut`` every time. ``sizes``: files that claim to be
    larger. ``fail``: the status of every answer."""

    models: dict[str, Path]
    gated: set[str] = field(default_factory=set)
    cut: dict[str, int] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    fail: int = 0
    broken_after_cut: bool = False
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    address: str = ""

    def begin(self, models: dict[str, Path]) -> None:
        """Serve these and nothing else, without faults, at the same address."""
        vars(self).update(vars(Hub(models, address=self.address)))


@contextmanager
def hub_server(hub: Hub) -> Iterator[Hub]:
    """Serve ``hub`` on a free port of this machine while the context lasts."""

    class Handler(_Handler):
        pass

    Handler.hub = hub
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, with_body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append((self.command, path, self.headers.get("Range")))
        parts = path.removeprefix("/api/models").strip("/").split("/")
        repository, rest = "/".join(parts[:2]), parts[2:]
        folder = self.hub.models.get(repository)
        kind = rest[0] if rest else ""
        if self.hub.fail:
            self._send(self.hub.fail, b"{}", with_body)
        elif folder is None:
            self._refuse(401, "RepoNotFound", "Invalid username or password.", with_body)
        elif kind in ("revision", "resolve", "tree") and rest[1] not in ("main", COMMIT):
            self._refuse(404, "RevisionNotFound", f"Invalid rev id: {rest[1]}", with_body)
        elif repository in self.hub.gated and kind == "resolve":
            self._refuse(403, "GatedRepo", "Access to this model is restricted.", with_body)
        elif kind == "resolve":
            self._file(folder / "/".join(rest[2:]), with_body)
        elif kind == "tree":
            self._send(200, json.dumps(self._tree(folder)).encode(), with_body)
        else:
            names = [{"rfilename": each["path"]} for each in self._tree(folder)]
            told = {"id": repository, "modelId": repository, "sha": COMMIT, "siblings": names, "tags": []}
            self._send(200, json.dumps(told).encode(), with_body)

    def _tree(self, folder: Path) -> list[dict[str, Any]]:
        return [
            {
                "type": "file",
                "path": str(path.relative_to(folder)),
                "size": self.hub.sizes.get(path.name, path.stat().st_size),
                "oid": hashlib.sha1(path.read_bytes()).hexdigest(),
            }
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        ]

    def _file(self, path: Path, with_body: bool) -> None:
        if not path.is_file():
            self._refuse(404, "EntryNotFound", "Entry not found", with_body)
            return
        content = path.read_bytes()
        headers = {
            "ETag": f'"{hashlib.sha1(content).hexdigest()}"',
            "X-Repo-Commit": COMMIT,
            "Accept-Ranges": "bytes",
            "X-Linked-Size": str(self.hub.sizes.get(path.name, len(content))),
        }
        wanted, status = self.headers.get("Range"), 200
        if wanted and with_body:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            total, status = len(content), 206
            content = content[int(first) : int(last) + 1 if last else total]
            headers["Content-Range"] = f"bytes {first}-{int(first) + len(content) - 1}/{total}"
        keep = self.hub.cut.get(path.name) if with_body else None
        if keep is not None and not self.hub.broken_after_cut:
            del self.hub.cut[path.name]
        self._send(status, content, with_body, headers, keep)

    def _refuse(self, status: int, code: str, message: str, with_body: bool) -> None:
        headers = {"X-Error-Code": code, "X-Error-Message": message}
        self._send(status, json.dumps({"error": message}).encode(), with_body, headers)

    def _send(
        self,
        status: int,
        content: bytes,
        with_body: bool,
        headers: dict[str, str] | None = None,
        keep: int | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Type", "application/json")
        if keep is not None:
            self.send_header("Connection", "close")
        self.end_headers()
        if with_body:
            self.wfile.write(content if keep is None else content[:keep])
        if keep is not None:
            self.close_connection = True
