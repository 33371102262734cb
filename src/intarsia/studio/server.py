"""The studio as a process: a folder that no other studio has, an address, and the page opened in a browser."""

import secrets
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import FrameType

import platformdirs
import uvicorn
from fastapi import FastAPI
from filelock import FileLock, Timeout

from intarsia.errors import OutputError
from intarsia.studio.app import app_of
from intarsia.studio.folder import Folder
from intarsia.studio.guard import Guard
from intarsia.studio.shared import Limits

LOCAL = ("127.0.0.1", "localhost", "::1")
EVERY_ADDRESS = ("0.0.0.0", "::")


def usual_folder() -> Path:
    return Path(platformdirs.user_data_dir("intarsia")) / "studio"


def serve(
    host: str,
    port: int,
    folder: Path,
    tell: Callable[[str], None],
    browser: bool = True,
    limits: Limits = Limits(),  # noqa: B008
) -> None:
    """Until it is interrupted. tell: is given the link. Beyond this machine a token is asked for, which is in the link.
    Raises OutputError for a folder that cannot be written to or that another studio has, and for a port in use."""
    place = Folder(folder.expanduser().absolute()).made()
    token = None if host in LOCAL else secrets.token_urlsafe(24)
    with _alone(place.root), _listening(host, port) as listener:
        port = listener.getsockname()[1]
        shown = "127.0.0.1" if host in EVERY_ADDRESS else f"[{host}]" if ":" in host else host
        link = f"http://{shown}:{port}/" + ("" if token is None else f"?token={token}")
        names = (shown.lower(), socket.gethostname().lower())
        any_address = host in EVERY_ADDRESS
        app = app_of(place, limits)
        guard = Guard(app, port, names, any_address, token, limits.bytes)
        tell(link)
        if browser:
            threading.Timer(0.8, webbrowser.open, [link]).start()
        settings = uvicorn.Config(
            guard, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=2
        )
        Server(settings, app).run([listener])


class Server(uvicorn.Server):
    """One that ends though pages listen to its events."""

    def __init__(self, settings: uvicorn.Config, app: FastAPI):
        super().__init__(settings)
        self.app = app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        if hasattr(self.app.state, "studio"):
            self.app.state.studio.jobs.hang_up()


def _alone(root: Path) -> AbstractContextManager[object]:
    try:
        return FileLock(root / "studio.lock", timeout=0).acquire()
    except Timeout:
        raise OutputError(f"{root} is in use by another studio. Use that one, or give another `folder`.") from None


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(sys.platform != "win32"))
        listener.bind((host, port))
    except OSError as error:
        raise OutputError(f"{host}:{port} cannot be listened to ({error.strerror}). Give another `port`.") from None
    return listener
