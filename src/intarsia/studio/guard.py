"""Who may ask what of the server: an ASGI layer around the whole of it. See SECURITY.md.

The server listens to the user's own machine, where every page that is open in the browser can reach it too. So a
request must be for one of our own names (else a foreign name could be pointed at us), and whatever changes something,
or is not a visit of the page itself, must come from our own page.
"""

import hmac
import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "intarsia"
HEADERS = {
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "object-src 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
LOCAL = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True)
class Guard:
    """port: of the server; names: hosts by which it may be called beside the local ones; any_address: whether every
    numeric address is one of them; token: that must be known, None where only this machine can reach us; most_bytes:
    of a body."""

    app: App
    port: int
    names: tuple[str, ...] = ()
    any_address: bool = False
    token: str | None = None
    most_bytes: int = 64 * 2**20

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":
            return None  # no web sockets here
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if (fault := self._fault(scope, headers)) is not None:
            return await _answer(send, *fault)
        if self.token is not None and not self._knows(headers):
            return await self._let_in(scope, send)
        if int(headers.get("content-length") or 0) > self.most_bytes:
            return await _answer(send, 413, _too_large(self.most_bytes))
        return await self.app(scope, self._counted(receive), _with_headers(send))

    def _fault(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if not self._is_ours(host):
            return 421, "this is not the name of this server."
        if not headers.get("content-length", "0").isdigit():
            return 400, "a length is a number."
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        visit = scope["method"] == "GET" and scope["path"] == "/" and headers.get("sec-fetch-mode") == "navigate"
        if site not in (None, "same-origin", "none") and not visit:
            return 403, "this request comes from another site."
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            return 403, "this request comes from another site."
        if scope["method"] not in ("GET", "HEAD") and origin is None and site != "same-origin":
            return 403, "this request does not say where it comes from."
        return None

    def _is_ours(self, host: str) -> bool:
        name, _, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
        if not name:
            name, port = host, ""
        if port != str(self.port) and not (port == "" and self.port == 80):
            return False
        if name.lower() in (*LOCAL, *self.names):
            return True
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return self.any_address

    def _knows(self, headers: dict[str, str]) -> bool:
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return cookie is not None and self._is_token(cookie.value)

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), str(self.token).encode())

    async def _let_in(self, scope: Scope, send: Send) -> None:
        """Who has the link gets the cookie, and an address without the token in it."""
        given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])[0]
        if scope["method"] == "GET" and scope["path"] == "/" and self._is_token(given):
            cookie = f"{COOKIE}={self.token}; HttpOnly; SameSite=Strict; Path=/"
            return await _answer(send, 303, "", {"location": "/", "set-cookie": cookie})
        return await _answer(send, 403, "open the link that the studio printed: the token in it is missing here.")

    def _counted(self, receive: Receive) -> Receive:
        """Stops a body that grows beyond what its header said, or that said nothing."""
        count = 0

        async def counted() -> Message:
            nonlocal count
            message = await receive()
            count += len(message.get("body", b""))
            if count > self.most_bytes:
                raise TooLarge(_too_large(self.most_bytes))
            return message

        return counted


class TooLarge(Exception):
    pass


def _too_large(most: int) -> str:
    return f"this is larger than {most // 2**20} MB. Make it smaller."


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = {name for name, _ in message.get("headers", [])}
            more = [(n.encode(), v.encode()) for n, v in HEADERS.items() if n.encode() not in own]
            message = {**message, "headers": [*message.get("headers", []), *more]}
        await send(message)

    return sent


async def _answer(send: Send, status: int, text: str, headers: dict[str, str] | None = None) -> None:
    lines = {"content-type": "text/plain; charset=utf-8", **(headers or {})}
    sent = _with_headers(send)
    start = {"type": "http.response.start", "status": status}
    await sent(start | {"headers": [(name.encode(), value.encode()) for name, value in lines.items()]})
    await sent({"type": "http.response.body", "body": text.encode()})
