"""One question to a server: over https, for what is still missing of a file."""

import http.client
import ipaddress
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.message import Message
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from intarsia.errors import WeightsError

BLOCK = 64 * 1024
TIMEOUT = 30.0  # seconds without a byte


class Failed(Exception):
    """A try that failed. passing: another one may not; reached: the server was there."""

    def __init__(self, reason: str, *, passing: bool = True, reached: bool = True):
        super().__init__(reason)
        self.passing, self.reached = passing, reached


class Answer(NamedTuple):
    """An open response. start: the byte of the file that it begins at; total: bytes of the whole file, if told."""

    response: Any
    start: int
    total: int | None


def allow(url: str) -> None:
    """https to anywhere; plain http to this machine alone. Raises WeightsError for all else."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(url)):
        raise WeightsError(f"{url} is refused: weights come over https only (plain http from this machine alone).")


def ask(url: str, have: int, validator: str | None) -> Answer:
    """For the file from byte `have` on, if it is still the one of that validator, else for the whole. Raises Failed."""
    headers = {"User-Agent": "intarsia", "Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-"} | ({"If-Range": validator} if validator else {})
    opener = urllib.request.build_opener(_Redirects, _Proxies)
    try:
        response = opener.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        return _refused(error, url, have)
    except urllib.error.URLError as error:
        raise Failed(f"{urlsplit(url).hostname} cannot be reached ({error.reason})", reached=False) from None
    except (OSError, http.client.HTTPException) as error:
        raise Failed(f"the server broke off ({error})") from None
    return _accepted(response, url, have, validator)


def _accepted(response: Any, url: str, have: int, validator: str | None) -> Answer:
    """206 says that a part comes: the one that we asked for, of the same file, or it is of no use."""
    if response.status != 206:
        length = response.headers.get("Content-Length", "")
        return Answer(response, 0, int(length) if length.isdecimal() else None)
    span = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
    if span and int(span[1]) == have and validator_of(response.headers) in (None, validator):
        return Answer(response, have, int(span[2]))
    response.close()
    if not have:
        raise Failed("the server sends a part that nobody asked for", passing=False)
    return ask(url, 0, None)


def _refused(error: urllib.error.HTTPError, url: str, have: int) -> Answer:
    """416 says that nothing is left to send: what we have is whole, or it is of no use."""
    if error.code == 416 and have:
        whole = error.headers.get("Content-Range") == f"bytes */{have}"
        return Answer(error, have, have) if whole else ask(url, 0, None)
    error.close()
    passing = error.code in (408, 429) or error.code >= 500
    raise Failed(f"the server answered {error.code} {error.reason}", passing=passing)


def blocks(response: Any, count: int) -> Iterator[bytes]:
    """The body, up to `count` bytes: what comes after them was not announced. Raises Failed."""
    while count > 0:
        try:
            block = response.read1(min(BLOCK, count))
        except (OSError, http.client.HTTPException) as error:
            raise Failed(f"the connection broke ({error})") from None
        if not block:
            return
        count -= len(block)
        yield block


def validator_of(headers: Message) -> str | None:
    """What If-Range may hold: a strong ETag, else the date."""
    etag = headers.get("ETag")
    return etag if etag and not etag.startswith("W/") else headers.get("Last-Modified")


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req, fp, code, msg, headers, newurl):
        allow(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Proxies(urllib.request.ProxyHandler):
    """The environment's proxies, but never on the way to this machine: a proxy would carry plain http outside."""

    def proxy_open(self, req, proxy, type):
        return None if _is_loopback(req.full_url) else super().proxy_open(req, proxy, type)
