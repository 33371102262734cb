import errno
import hashlib
import os
import pickle
import random
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from intarsia import weights
from intarsia.errors import WeightsError
from intarsia.weights import Source, cache_folder, check_tensors, fetch, read_tensors, verify

BODY = random.Random(0).randbytes(300_000)
SUM = hashlib.sha256(BODY).hexdigest()
OTHER = hashlib.sha256(b"something else").hexdigest()


# ---- a server that can misbehave ---------------------------------------------------------------------------------


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


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INTARSIA_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("INTARSIA_OFFLINE", raising=False)
    monkeypatch.setattr(weights, "PAUSES", (0.0,) * 4)
    return tmp_path / "cache"


@pytest.fixture
def no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args, **_settings):
        pytest.fail("a socket was opened")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)


def files(folder: Path) -> set[str]:
    """What is in the cache, but for the lock."""
    return {path.name for path in folder.iterdir()} - {"weights.pth.lock"} if folder.exists() else set()


# ---- fetching ----------------------------------------------------------------------------------------------------


def test_a_download_is_whole_verified_and_recorded(server, cache):
    seen = []
    path = fetch(server.source(SUM[:8]), lambda done, total: seen.append((done, total)))
    assert path == cache / "weights.pth"
    assert path.read_bytes() == BODY
    assert files(cache) == {"weights.pth", "weights.pth.json"}
    assert SUM in (cache / "weights.pth.json").read_text()
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (len(BODY), len(BODY))


@pytest.mark.usefixtures("no_socket")
@pytest.mark.parametrize("offline", ["0", "1"])
def test_a_file_put_into_the_cache_needs_no_network(cache, monkeypatch, offline):
    cache.mkdir()
    (cache / "weights.pth").write_bytes(BODY)
    monkeypatch.setenv("INTARSIA_OFFLINE", offline)
    assert fetch(Source("weights.pth", "https://example.com/weights.pth", SUM[:8])).read_bytes() == BODY
    assert SUM in (cache / "weights.pth.json").read_text()


@pytest.mark.parametrize("wanted", [OTHER, OTHER[:8]])
def test_a_wrong_file_in_the_cache_is_refused_with_both_sums(cache, wanted):
    cache.mkdir()
    (cache / "weights.pth").write_bytes(BODY)
    with pytest.raises(WeightsError, match=SUM) as caught:
        fetch(Source("weights.pth", "https://example.com/weights.pth", wanted))
    assert wanted in str(caught.value)
    assert files(cache) == {"weights.pth"}


def test_the_recorded_sum_is_held_against_the_file_later(server, cache):
    source = server.source(SUM[:8])
    fetch(source)
    (cache / "weights.pth").write_bytes(BODY[:-1] + b"x")
    with pytest.raises(WeightsError, match="is not what it should be"):
        fetch(source)
    # A file that has the first eight digits in common, but not the rest.
    (cache / "weights.pth").write_bytes(BODY)
    (cache / "weights.pth.json").write_text('{"sha256": "' + SUM[:8] + OTHER[8:] + '"}')
    with pytest.raises(WeightsError) as caught:
        fetch(source)
    assert SUM in str(caught.value)
    assert SUM[:8] + OTHER[8:] in str(caught.value)


def test_a_broken_record_is_written_anew(server, cache):
    fetch(server.source())
    (cache / "weights.pth.json").write_text("[torn")
    fetch(server.source())
    assert SUM in (cache / "weights.pth.json").read_text()
    assert len(server.requests) == 1


def test_a_dropped_connection_is_resumed_where_it_broke(server, cache):
    server.answers = [Answer(drop=100_000), Answer(drop=150_000), Answer()]
    seen = []
    assert fetch(server.source(), lambda done, _: seen.append(done)).read_bytes() == BODY
    assert [request.get("Range") for request in server.requests] == [None, "bytes=100000-", "bytes=250000-"]
    assert server.requests[1]["If-Range"] == '"one"'
    assert seen == sorted(seen)
    assert files(cache) == {"weights.pth", "weights.pth.json"}


def test_more_drops_than_tries_are_survived_while_the_file_grows(server):
    server.answers = [Answer(drop=70_000)] * 4 + [Answer(drop=-1)] * 3 + [Answer()]
    assert fetch(server.source()).read_bytes() == BODY


def test_a_server_without_etag_is_resumed_too(server):
    server.answers = [Answer(drop=100_000, etag=None), Answer(etag=None)]
    assert fetch(server.source()).read_bytes() == BODY
    assert server.requests[1]["Range"] == "bytes=100000-"
    assert "If-Range" not in server.requests[1]


def test_an_interrupted_download_is_continued_by_the_next_one(server, cache):
    def interrupt(done, _total):
        if done >= 100_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(server.source(), interrupt)
    assert "weights.pth" not in files(cache)
    have = (cache / "weights.pth.part").stat().st_size
    assert have >= 100_000
    assert fetch(server.source()).read_bytes() == BODY
    assert server.requests[1]["Range"] == f"bytes={have}-"
    assert files(cache) == {"weights.pth", "weights.pth.json"}


@pytest.mark.parametrize(
    "second",
    [Answer(ranges=False), Answer(etag='"two"'), Answer(shift=7), Answer(etag=None, shift=-7)],
    ids=["range ignored", "file changed", "wrong part", "wrong part without etag"],
)
def test_a_part_that_does_not_fit_is_started_again(server, second):
    server.answers = [Answer(BODY[::-1], drop=100_000), second, second]
    seen = []
    assert fetch(server.source(), lambda done, _: seen.append(done)).read_bytes() == BODY
    assert seen == sorted(seen)


def test_a_changed_etag_is_not_appended_to_the_old_file(server, monkeypatch):
    """A server that answers 206 in spite of If-Range."""
    monkeypatch.setattr(Handler, "do_GET", lambda self, real=Handler.do_GET: (_forget_if_range(self), real(self)))
    server.answers = [Answer(BODY[::-1], drop=100_000), Answer(etag='"two"')]
    assert fetch(server.source()).read_bytes() == BODY


def _forget_if_range(handler):
    del handler.headers["If-Range"]


def test_a_part_that_is_already_whole_needs_only_its_sum(server):
    server.answers = [Answer(announce=50, drop=len(BODY)), Answer()]  # announces more than there is
    seen = []
    assert fetch(server.source(), lambda *at: seen.append(at)).read_bytes() == BODY
    assert seen[-1] == (len(BODY), len(BODY))
    assert len(server.requests) == 2


def test_a_part_longer_than_the_file_is_started_again(server):
    server.answers = [Answer(BODY + b"more" * 100_000, drop=400_000), Answer()]
    assert fetch(server.source()).read_bytes() == BODY


@pytest.mark.parametrize("drop", [-1, 0, 1000])
def test_a_server_that_always_drops_ends_in_an_error(server, cache, drop):
    server.answers = [Answer(drop=drop, ranges=False)]
    with pytest.raises(WeightsError, match=r"could not be downloaded.*compact encoder") as caught:
        fetch(server.source())
    assert len(server.requests) == 5
    assert str(cache / "weights.pth") in str(caught.value)
    assert "weights.pth" not in files(cache)


def test_a_server_that_falls_silent_on_the_way_is_asked_for_the_rest(server, monkeypatch):
    monkeypatch.setattr(weights, "TIMEOUT", 0.1)
    server.answers = [Answer(drop=100_000, stall=True), Answer()]
    assert fetch(server.source()).read_bytes() == BODY
    assert server.requests[1]["Range"] == "bytes=100000-"


def test_a_server_that_never_answers_ends_in_an_error(server, monkeypatch):
    monkeypatch.setattr(weights, "TIMEOUT", 0.05)
    monkeypatch.setattr(weights, "PAUSES", ())
    monkeypatch.setattr(Handler, "do_GET", lambda _self: threading.Event().wait(0.3))
    with pytest.raises(WeightsError, match="timed out"):
        fetch(server.source())


def test_a_length_that_promises_too_much_for_good_ends_in_an_error(server, cache):
    server.answers = [Answer(announce=50, ranges=False, drop=len(BODY))]
    with pytest.raises(WeightsError, match=f"ended after {len(BODY)} of {len(BODY) + 50} bytes"):
        fetch(server.source())
    assert "weights.pth" not in files(cache)


def test_a_length_that_promises_too_little_ends_in_an_error(server, cache):
    server.answers = [Answer(announce=-50)]
    with pytest.raises(WeightsError, match=hashlib.sha256(BODY[:-50]).hexdigest()):
        fetch(server.source())
    assert files(cache) == set()


def test_a_server_without_a_length_is_taken_by_the_sum(server):
    server.answers = [Answer(announce=None)]
    seen = []
    assert fetch(server.source(), lambda *at: seen.append(at)).read_bytes() == BODY
    assert seen[-1] == (len(BODY), len(BODY))


@pytest.mark.parametrize("length", [64, 8], ids=["full sum", "first digits"])
def test_a_flipped_bit_leaves_nothing_and_names_both_sums(server, cache, length):
    flipped = bytes([BODY[0] ^ 1]) + BODY[1:]
    server.answers = [Answer(flipped)]
    with pytest.raises(WeightsError) as caught:
        fetch(server.source(SUM[:length]))
    assert hashlib.sha256(flipped).hexdigest() in str(caught.value)
    assert SUM[:length] in str(caught.value)
    assert files(cache) == set()


def test_another_size_than_the_manifest_says_is_refused(server, cache):
    with pytest.raises(WeightsError, match=f"offers {len(BODY)} bytes, expected 299999"):
        fetch(server.source(size=299_999))
    assert files(cache) == set()
    assert fetch(server.source(size=len(BODY))).exists()


@pytest.mark.parametrize("announce", [0, None])
def test_a_file_above_the_cap_is_refused(server, cache, monkeypatch, announce):
    monkeypatch.setattr(weights, "MAX_BYTES", 200_000)
    server.answers = [Answer(announce=announce)]
    with pytest.raises(WeightsError):
        fetch(server.source())
    assert files(cache) == set()


@pytest.mark.parametrize(("status", "tries"), [(404, 1), (403, 1), (500, 5), (503, 5), (429, 5)])
def test_status_codes(server, cache, status, tries):
    server.answers = [Answer(status=status)]
    with pytest.raises(WeightsError, match=f"answered {status}"):
        fetch(server.source())
    assert len(server.requests) == tries
    assert "weights.pth" not in files(cache)


def test_a_passing_server_error_is_survived(server):
    server.answers = [Answer(status=503), Answer()]
    assert fetch(server.source()).read_bytes() == BODY


def test_redirects_on_this_machine_are_followed(server):
    server.answers = [Answer(status=302, location="/elsewhere"), Answer()]
    assert fetch(server.source()).read_bytes() == BODY


@pytest.mark.parametrize("location", ["http://example.com/weights.pth", "ftp://127.0.0.1/weights.pth", "file:///etc"])
def test_redirects_away_from_https_are_refused(server, location):
    server.answers = [Answer(status=302, location=location)]
    with pytest.raises(WeightsError, match=r"https only|not allowed"):
        fetch(server.source())
    assert len(server.requests) == 1


@pytest.mark.usefixtures("no_socket")
@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/w.pth",
        "http://127.0.0.1.example.com/w.pth",
        "http://127.0.0.1@example.com/w.pth",
        "http://localhost.example.com/w.pth",
        "http://10.0.0.1/w.pth",
        "ftp://127.0.0.1/w.pth",
        "file:///w.pth",
    ],
)
def test_plain_http_to_others_opens_no_socket(url):
    with pytest.raises(WeightsError, match="https only"):
        fetch(Source("w.pth", url, SUM))


def test_a_proxy_is_not_asked_for_this_machine(server, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert fetch(server.source()).read_bytes() == BODY


@pytest.mark.usefixtures("no_socket")
def test_offline_opens_no_socket_and_says_what_to_do(cache, monkeypatch):
    monkeypatch.setenv("INTARSIA_OFFLINE", "1")
    with pytest.raises(WeightsError) as caught:
        fetch(Source("w.pth", "https://example.com/w.pth", SUM))
    for part in ("INTARSIA_OFFLINE", "https://example.com/w.pth", str(cache / "w.pth"), "compact encoder"):
        assert part in str(caught.value)


def test_without_a_network_the_hint_comes_at_once(cache, monkeypatch):
    monkeypatch.setattr(weights, "PAUSES", (60.0,))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]  # closed again: nobody listens there
    with pytest.raises(WeightsError, match=r"cannot be reached.*compact encoder") as caught:
        fetch(Source("w.pth", f"http://127.0.0.1:{port}/w.pth", SUM))
    assert str(cache / "w.pth") in str(caught.value)


def test_two_at_once_download_once(server):
    found = []
    threads = [threading.Thread(target=lambda: found.append(fetch(server.source()).read_bytes())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert found == [BODY] * 3
    assert len(server.requests) == 1


def test_a_full_disk_is_said_and_leaves_no_file(server, cache, monkeypatch):
    def full(_handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WeightsError, match=r"No space left on device.*INTARSIA_CACHE"):
        fetch(server.source())
    assert "weights.pth" not in files(cache)


def test_a_cache_that_is_no_folder(server, cache):
    cache.write_text("a file")
    with pytest.raises(WeightsError, match="cannot be written"):
        fetch(server.source())


def test_the_cache_is_the_platforms_own_unless_told(monkeypatch):
    monkeypatch.delenv("INTARSIA_CACHE")
    assert cache_folder().name.lower() in ("intarsia", "cache")
    assert cache_folder().is_absolute()


# ---- sums --------------------------------------------------------------------------------------------------------


def test_verify(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(BODY)
    verify(path, SUM)
    verify(path, SUM[:8].upper())
    for wrong in (OTHER, OTHER[:8]):
        with pytest.raises(WeightsError, match=SUM) as caught:
            verify(path, wrong)
        assert wrong in str(caught.value)
    for nonsense in ("", SUM[:7], "unset", SUM + "0"):
        with pytest.raises(WeightsError, match="is no sha256"):
            verify(path, nonsense)
    with pytest.raises(WeightsError, match="cannot be read"):
        verify(tmp_path / "missing", SUM)


# ---- reading -----------------------------------------------------------------------------------------------------

STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.zeros(2, dtype=torch.float16)}


def save_zip(state, path):
    torch.save(state, path)


def save_legacy(state, path):
    torch.save(state, path, _use_new_zipfile_serialization=False)


def save_pickle(state, path):
    path.write_bytes(pickle.dumps(state))


@pytest.mark.parametrize("save", [save_file, save_zip, save_legacy])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".bin"])
def test_files_are_read_by_content(tmp_path, save, suffix):
    path = tmp_path / f"state{suffix}"
    save(STATE, path)
    found = read_tensors(path)
    assert found.keys() == STATE.keys()
    assert all(torch.equal(found[name], STATE[name]) and found[name].dtype == STATE[name].dtype for name in STATE)


class Evil:
    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return (Path.touch, (self.marker,))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".pt"])
@pytest.mark.parametrize("save", [save_pickle, save_zip, save_legacy])
def test_a_program_in_disguise_is_not_run(tmp_path, monkeypatch, suffix, save):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")  # not even then
    path, marker = tmp_path / f"evil{suffix}", tmp_path / "marker"
    save({"a.weight": torch.ones(2), "b": Evil(marker)}, path)
    with pytest.raises(WeightsError):
        read_tensors(path)
    assert not marker.exists()
    if save is save_zip:  # the trap is a real one
        with path.open("rb") as file:
            torch.load(file, weights_only=False)
        assert marker.exists()


@pytest.mark.parametrize("save", [save_file, save_zip, save_legacy])
@pytest.mark.parametrize("keep", [0, 4, 12, 60, 0.5, 0.9])
def test_cut_off_files(tmp_path, save, keep):
    path = tmp_path / "state"
    save({"a": torch.arange(4000.0)}, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: keep if keep > 1 or not keep else int(len(whole) * keep)])
    with pytest.raises(WeightsError, match=str(path)):
        read_tensors(path)


@pytest.mark.parametrize("content", [b"<html>log in</html>", bytes(100), b"PK\x03\x04" + bytes(60), BODY[:5000]])
def test_garbage(tmp_path, content):
    (tmp_path / "state.pth").write_bytes(content)
    with pytest.raises(WeightsError, match=r"state\.pth"):
        read_tensors(tmp_path / "state.pth")


def test_missing_files_and_folders(tmp_path):
    for path in (tmp_path / "missing.pth", tmp_path):
        with pytest.raises(WeightsError, match="cannot be read"):
            read_tensors(path)


@pytest.mark.parametrize(
    "content",
    [
        torch.ones(2),
        [torch.ones(2)],
        {"state_dict": {"a": torch.ones(2)}},
        {"a": 1.0},
        {3: torch.ones(2)},
        {"a": torch.ones(2).to_sparse()},
        {"a": torch.ones(2, device="meta")},
    ],
    ids=["tensor", "list", "nested", "number", "key", "sparse", "meta"],
)
def test_only_a_flat_dict_of_dense_tensors(tmp_path, content):
    torch.save(content, tmp_path / "state.pth")
    with pytest.raises(WeightsError, match="flat dict"):
        read_tensors(tmp_path / "state.pth")


def test_a_tensor_larger_than_its_file_is_refused(tmp_path):
    torch.save({"a": torch.zeros(1).expand(10**12)}, tmp_path / "state.pth")
    with pytest.raises(WeightsError, match="claims more bytes"):
        read_tensors(tmp_path / "state.pth")


# ---- checking ----------------------------------------------------------------------------------------------------

SHAPES = {"a.weight": (2, 3), "a.bias": (2,)}


def test_checked_tensors_are_fp32_copies_of_just_these_names():
    checked = check_tensors({**STATE, "extra": torch.ones(1)}, SHAPES, "state")
    assert list(checked) == list(SHAPES)
    assert all(tensor.dtype == torch.float32 for tensor in checked.values())
    checked["a.weight"].zero_()
    assert STATE["a.weight"].sum() == 15


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"a.bias": None}, "a.bias is missing"),
        ({"a.weight": torch.ones(3, 2)}, r"a.weight has shape \(3, 2\), expected \(2, 3\)"),
        ({"a.bias": torch.ones(2, dtype=torch.int64)}, "a.bias is int64"),
        ({"a.bias": torch.ones(2, dtype=torch.complex64)}, "a.bias is complex64"),
        ({"a.bias": torch.tensor([0, torch.nan])}, "a.bias has values that are not finite"),
        ({"a.bias": torch.tensor([0, torch.inf])}, "a.bias has values that are not finite"),
        ({"a.bias": torch.tensor([0, 1e300], dtype=torch.float64)}, "a.bias has values that are not finite"),
    ],
)
def test_faults_are_named(change, fault):
    tensors = {name: tensor for name, tensor in {**STATE, **change}.items() if tensor is not None}
    with pytest.raises(WeightsError, match=f"the state: {fault}"):
        check_tensors(tensors, SHAPES, "the state")


def test_all_faults_are_named_up_to_five():
    with pytest.raises(WeightsError, match=r"n4 is missing; and 2 more"):
        check_tensors({}, {f"n{i}": (1,) for i in range(7)}, "the state")
