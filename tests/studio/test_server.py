"""The studio as a process: one per folder, an address of its own, and a quiet end."""

import re
import signal
import socket
import subprocess
import sys
import threading
import time
from urllib.request import Request, urlopen

import pytest

pytest.importorskip("fastapi")

from intarsia.cli import run


@pytest.fixture
def begun(tmp_path):
    """`begun()` starts one on the folder; gives the process and its address."""
    running = []

    def start(*flags: str):
        command = [sys.executable, "-c", "import sys; from intarsia.cli import main; sys.exit(main())", "studio"]
        given = ["--no-browser", "--port", "0", "--folder", str(tmp_path), *flags]
        process = subprocess.Popen([*command, *given], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        running.append(process)
        return process, re.search(r"http://\S+", process.stdout.readline())[0]

    yield start
    for process in running:
        process.kill()
        process.communicate()


def answered(address: str, **headers: str):
    for _ in range(300):
        try:
            return urlopen(Request(address, headers=headers), timeout=10)
        except ConnectionError:
            time.sleep(0.1)
        except OSError as error:
            if not isinstance(getattr(error, "reason", None), ConnectionError):
                raise
            time.sleep(0.1)
    raise AssertionError("it does not answer")


def test_it_ends_quietly_though_a_page_listens(begun):
    process, address = begun()
    page = answered(address).read()
    assert b"intarsia studio" in page
    session = urlopen(
        Request(f"{address}api/sessions", b"{}", {"origin": address.rstrip("/"), "content-type": "application/json"})
    )
    name = re.search(r'"id":"(\w+)"', session.read().decode())[1]
    listening = threading.Thread(target=lambda: urlopen(f"{address}api/events?session={name}").read(), daemon=True)
    listening.start()
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert errors == ""
    listening.join(10)
    assert not listening.is_alive()


def test_a_folder_has_one_studio(begun, tmp_path, capsys):
    _, address = begun()
    answered(address)
    assert run(["studio", "--no-browser", "--folder", str(tmp_path), "--port", "0"]) == 1
    assert "is in use by another studio" in capsys.readouterr().err


def test_a_folder_that_cannot_be_is_told(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert run(["studio", "--no-browser", "--folder", str(tmp_path / "file" / "inside")]) == 1
    assert "cannot keep its files here" in capsys.readouterr().err


def test_a_port_in_use_is_told(tmp_path, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert run(["studio", "--no-browser", "--folder", str(tmp_path), "--port", str(port)]) == 1
    assert "cannot be listened to" in capsys.readouterr().err


def test_another_address_has_a_token_in_its_link(begun):
    _, link = begun("--host", "127.0.0.2")
    assert "?token=" in link
    address = link.partition("?")[0]
    with pytest.raises(OSError, match="403"):
        answered(address)
    token = link.partition("token=")[2]
    assert b"intarsia studio" in answered(address, cookie=f"intarsia={token}").read()
