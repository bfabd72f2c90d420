"""Who may ask: every request passes here before anything else looks at it.

Against DNS rebinding the Host header must name this machine; against other sites' pages, requests that a browser marks
as coming from another origin are refused; other accounts of this machine, and other machines, have to show a token.
"""

import hmac
import ipaddress
import json
import os
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fastapi import HTTPException

from engine.service.peer import account_of

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "synesthete"
_TOO_LONG = "what was sent is larger than this service takes"
_UPLOADS = "/v1/uploads"
_QUESTION_BYTES = 4 * 1024 * 1024  # more than any question or command has
_ROOT = 0
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
)


@dataclass(frozen=True)
class Access:
    """``token``: what a client must show, as a bearer token or in a cookie.

    ``hosts``: names, besides those of this machine's loopback, under which the service may be asked; ``any_address``:
    and under any address, which no other site's name can be made to stand for. ``knows_accounts``: clients that run
    under the service's own account, or root's, need no token. ``upload_bytes``: the longest upload.
    """

    token: str
    hosts: frozenset[str] = frozenset()
    any_address: bool = False
    knows_accounts: bool = True
    upload_bytes: int = 512 * 1024 * 1024


class Guard:
    """The application, with ``access`` checked before it. Over the user's own socket nothing but lengths is checked."""

    def __init__(self, application: Application, access: Access, is_own_socket: bool) -> None:
        self._application, self._access, self._is_own_socket = application, access, is_own_socket

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # starting and stopping
            if scope["type"] == "lifespan":
                await self._application(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _refuse(send, *refusal)
            return
        if (token := self._token_in_link(scope)) is not None:
            await _redirect_with_cookie(send, token)
            return

        received, most = 0, self._most(scope)

        async def counted() -> MutableMapping[str, Any]:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:
                raise HTTPException(413, _TOO_LONG)  # which the application turns into its answer
            return message

        async def hardened(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(each for each in _HEADERS if each[0] not in present)]
            await send(message)

        await self._application(scope, counted, hardened)

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > self._most(scope):
            return 413, _TOO_LONG
        if self._is_own_socket:
            return None
        if not self._is_known_as(_host_name(headers.get("host", ""))):
            return 421, "this service is not known under that host name"
        # A link that is followed to the page itself is harmless: it shows nothing of the library yet.
        follows_link = scope["path"] == "/" and headers.get("sec-fetch-mode") == "navigate" and scope["method"] == "GET"
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not follows_link:
            return 403, "asked by another site's page"
        if "origin" in headers and urlsplit(headers["origin"]).netloc != headers.get("host"):
            return 403, "asked by another site's page"
        if not (self._shows_token(headers) or self._token_in_link(scope) or self._is_own_account(scope)):
            return 401, "a token is needed: open the address with the token that the service printed, or see its manual"
        return None

    def _most(self, scope: Scope) -> int:
        return self._access.upload_bytes if scope["path"] == _UPLOADS else _QUESTION_BYTES

    def _is_known_as(self, host: str) -> bool:
        return host in LOOPBACK | self._access.hosts or (self._access.any_address and _is_address(host))

    def _is_own_account(self, scope: Scope) -> bool:
        if not self._access.knows_accounts or scope.get("client") is None or scope.get("server") is None:
            return False
        return account_of(tuple(scope["client"]), tuple(scope["server"])) in (os.getuid(), _ROOT)

    def _shows_token(self, headers: dict[str, str]) -> bool:
        cookies = [each.strip() for each in headers.get("cookie", "").split(";")]
        shown = [headers.get("authorization", "").removeprefix("Bearer ")]
        shown += [each.removeprefix(f"{COOKIE}=") for each in cookies if each.startswith(f"{COOKIE}=")]
        return any(_same(each, self._access.token) for each in shown)

    def _token_in_link(self, scope: Scope) -> str | None:
        """The token, if the page was opened by the link that holds it."""
        if scope["path"] != "/":
            return None
        shown = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        return self._access.token if _same(shown, self._access.token) else None


def _same(shown: str, token: str) -> bool:
    return hmac.compare_digest(shown.encode(), token.encode())


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _host_name(host: str) -> str:
    """The name in a Host header, lower case, without port and brackets; "" if it is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


async def _refuse(send: Send, status: int, detail: str) -> None:
    body = json.dumps({"detail": detail}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *_HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": body})


async def _redirect_with_cookie(send: Send, token: str) -> None:
    cookie = f"{COOKIE}={token}; HttpOnly; SameSite=Strict; Path=/"
    headers = [(b"location", b"/"), (b"set-cookie", cookie.encode()), (b"content-length", b"0"), *_HEADERS]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
