"""Who may ask: every request passes here before anything else looks at it.

Against DNS rebinding the Host header must name this machine; against other sites' pages, requests that a browser marks
as coming from another origin are refused; over a network a token is needed.
"""

import hmac
import http.cookies
import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fastapi import HTTPException

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "synesthete"
_TOO_LONG = "the upload is larger than this service takes"
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
    """``hosts``: names, besides those of this machine's loopback, under which the service may be asked.

    ``token``: what a client must show, as a bearer token or in a cookie; None on loopback alone.
    ``body_bytes``: the longest body of a request.
    """

    hosts: frozenset[str] = frozenset()
    token: str | None = None
    body_bytes: int = 512 * 1024 * 1024


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

        received = 0

        async def counted() -> MutableMapping[str, Any]:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._access.body_bytes:
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
        if not length.isdigit() or int(length) > self._access.body_bytes:
            return 413, _TOO_LONG
        if self._is_own_socket:
            return None
        if _host_name(headers.get("host", "")) not in LOOPBACK | self._access.hosts:
            return 421, "this service is not known under that host name"
        # A link that is followed to the page itself is harmless: it shows nothing of the library yet.
        follows_link = scope["path"] == "/" and headers.get("sec-fetch-mode") == "navigate" and scope["method"] == "GET"
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not follows_link:
            return 403, "asked by another site's page"
        if "origin" in headers and urlsplit(headers["origin"]).netloc != headers.get("host"):
            return 403, "asked by another site's page"
        if not self._shows_token(headers) and self._token_in_link(scope) is None:
            return 401, "a token is needed: open the address that the service printed when it started"
        return None

    def _shows_token(self, headers: dict[str, str]) -> bool:
        token = self._access.token
        if token is None:
            return True
        shown = headers.get("authorization", "").removeprefix("Bearer ")
        try:
            cookie = http.cookies.SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except http.cookies.CookieError:
            cookie = None
        return _same(shown, token) or (cookie is not None and _same(cookie.value, token))

    def _token_in_link(self, scope: Scope) -> str | None:
        """The token, if the page was opened by the link that holds it."""
        if self._access.token is None or scope["path"] != "/":
            return None
        shown = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        return self._access.token if _same(shown, self._access.token) else None


def _same(shown: str, token: str) -> bool:
    return hmac.compare_digest(shown.encode(), token.encode())


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
