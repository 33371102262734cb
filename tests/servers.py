"""A server that can misbehave, for the tests of downloads."""

import hashlib
import random
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from intarsia.weights import Source

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
        if answer.status != 200:
            self.send_response(answer.status)
            self.send_header("Location", answer.location)
            self.end_headers()
            return
        asked = self.headers.get("Range") if answer.ranges else None
        if self.headers.get("If-Range") not in (None, answer.etag):
            asked = None
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        if asked and start >= len(answer.body):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(answer.body)}")
            self.end_headers()
            return
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {start + answer.shift}-{len(answer.body) - 1}/{len(answer.body)}")
        if answer.etag:
            self.send_header("ETag", answer.etag)
        if answer.announce is not None:
            self.send_header("Content-Length", str(len(answer.body) - start + answer.announce))
        self.end_headers()
        self.wfile.write(answer.body[start:][: answer.drop])
        if answer.stall:
            threading.Event().wait(0.3)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Answer] = [Answer()]
        self.requests: list[dict[str, str]] = []

    def source(self, sha256: str = SUM, size: int | None = None) -> Source:
        return Source("weights.pth", f"http://127.0.0.1:{self.server_port}/weights.pth", sha256, size)
