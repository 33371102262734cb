"""A server that can misbehave, for the tests of downloads."""

import hashlib
import random
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from intarsia.errors import WeightsError
from intarsia.weights import Source, fetch

BODY = random.Random(0).randbytes(300_000)
SUM = hashlib.sha256(BODY).hexdigest()
OTHER = hashlib.sha256(b"something else").hexdigest()


@dataclass
class Answer:
    """What one request gets. announce: added to Content-Length (None sends none); drop: bytes after which the
    connection is closed (-1: before the status line), or silent first if stall; shift: added to the first byte that a
    Content-Range speaks of."""

    body: bytes = BODY
    status: int = 200
    ranges: bool = True
    etag: str | None = '"one"'
    announce: int | None = 0
    drop: int | None = None
    stall: bool = False
    shift: int = 0
    location: str = ""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        answer = server.answers[min(len(server.requests), len(server.answers) - 1)]
        server.requests.append(dict(self.headers))
        if answer.drop == -1:
            return  # not even a status line
        unchanged = self.headers.get("If-Range") in (None, answer.etag)
        asked = self.headers.get("Range") if answer.ranges and unchanged else None
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        size = len(answer.body)
        span = f"bytes {start + answer.shift}-{size - 1}/{size}" if asked else None
        length = None if answer.announce is None else str(size - start + answer.announce)
        if answer.status != 200:
            self.begin(answer.status, {"Location": answer.location})
        elif asked and start >= size:
            self.begin(416, {"Content-Range": f"bytes */{size}"})
        else:
            self.begin(206 if asked else 200, {"Content-Range": span, "ETag": answer.etag, "Content-Length": length})
            self.wfile.write(answer.body[start:][: answer.drop])
            if answer.stall:
                threading.Event().wait(0.3)

    def begin(self, status, headers):
        self.send_response(status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_):
        pass


def refusal(source):
    with pytest.raises(WeightsError) as caught:
        fetch(source)
    return str(caught.value)


class Server(ThreadingHTTPServer):
    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Answer] = [Answer()]
        self.requests: list[dict[str, str]] = []

    def source(self, sha256: str = SUM, size: int | None = None) -> Source:
        return Source("weights.pth", f"http://127.0.0.1:{self.server_port}/weights.pth", sha256, size)
