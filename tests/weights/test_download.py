"""Downloads: whole and verified, or not there; resumed where they broke; and nothing without a network."""

import errno
import hashlib
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from intarsia.errors import WeightsError
from intarsia.weights import Source, download, fetch
from servers import BODY, OTHER, SUM, Answer, refusal


def files(folder: Path) -> set[str]:
    """What is in the cache, but for the lock."""
    return {path.name for path in folder.iterdir()} - {"weights.pth.lock"} if folder.exists() else set()


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
    message = refusal(Source("weights.pth", "https://example.com/weights.pth", wanted))
    assert SUM in message
    assert wanted in message
    assert files(cache) == {"weights.pth"}


def test_the_recorded_sum_is_held_against_the_file_later(server, cache):
    source = server.source(SUM[:8])
    fetch(source)
    (cache / "weights.pth").write_bytes(BODY[:-1] + b"x")
    assert "is not what it should be" in refusal(source)
    # A file that has the first eight digits in common, but not the rest.
    (cache / "weights.pth").write_bytes(BODY)
    (cache / "weights.pth.json").write_text('{"sha256": "' + SUM[:8] + OTHER[8:] + '"}')
    message = refusal(source)
    assert SUM in message
    assert SUM[:8] + OTHER[8:] in message


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


def test_an_interrupted_download_is_continued_by_the_next_one(server, cache):
    def interrupt(done, _total):
        if done >= 100_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(server.source(), interrupt)
    assert not (cache / "weights.pth").exists()
    have = (cache / "weights.pth.part").stat().st_size
    assert have >= 100_000
    assert fetch(server.source()).read_bytes() == BODY
    assert server.requests[1]["Range"] == f"bytes={have}-"
    assert files(cache) == {"weights.pth", "weights.pth.json"}


@pytest.mark.parametrize("drop", [-1, 0, 1000])
def test_a_server_that_always_drops_ends_in_an_error(server, cache, drop):
    server.answers = [Answer(drop=drop, ranges=False)]
    message = refusal(server.source())
    assert len(server.requests) == 5
    assert all(part in message for part in ("could not be downloaded", "compact encoder", str(cache / "weights.pth")))
    assert not (cache / "weights.pth").exists()


def test_a_length_that_promises_too_much_for_good_ends_in_an_error(server, cache):
    server.answers = [Answer(announce=50, ranges=False, drop=len(BODY))]
    assert f"ended after {len(BODY)} of {len(BODY) + 50} bytes" in refusal(server.source())
    assert not (cache / "weights.pth").exists()


def test_a_length_that_promises_too_little_ends_in_an_error(server, cache):
    server.answers = [Answer(announce=-50)]
    assert hashlib.sha256(BODY[:-50]).hexdigest() in refusal(server.source())
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
    message = refusal(server.source(SUM[:length]))
    assert hashlib.sha256(flipped).hexdigest() in message
    assert SUM[:length] in message
    assert files(cache) == set()


def test_another_size_than_the_manifest_says_is_refused(server, cache):
    assert f"offers {len(BODY)} bytes, expected 299999" in refusal(server.source(size=299_999))
    assert files(cache) == set()
    assert fetch(server.source(size=len(BODY))).exists()


@pytest.mark.parametrize("announce", [0, None])
def test_a_file_above_the_cap_is_refused(server, cache, monkeypatch, announce):
    monkeypatch.setattr(download, "MAX_BYTES", 200_000)
    server.answers = [Answer(announce=announce)]
    refusal(server.source())
    assert files(cache) == set()


@pytest.mark.usefixtures("no_socket")
def test_offline_opens_no_socket_and_says_what_to_do(cache, monkeypatch):
    monkeypatch.setenv("INTARSIA_OFFLINE", "1")
    message = refusal(Source("w.pth", "https://example.com/w.pth", SUM))
    for part in ("INTARSIA_OFFLINE", "https://example.com/w.pth", str(cache / "w.pth"), "compact encoder"):
        assert part in message


def test_without_a_network_the_hint_comes_at_once(cache, monkeypatch):
    monkeypatch.setattr(download, "PAUSES", (60.0,))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]  # closed again: nobody listens there
    message = refusal(Source("w.pth", f"http://127.0.0.1:{port}/w.pth", SUM))
    assert all(part in message for part in ("cannot be reached", "compact encoder", str(cache / "w.pth")))


def test_two_at_once_download_once(server):
    with ThreadPoolExecutor(3) as threads:
        found = [threads.submit(fetch, server.source()) for _ in range(3)]
    assert [one.result().read_bytes() for one in found] == [BODY] * 3
    assert len(server.requests) == 1


def test_a_full_disk_is_said_and_leaves_no_file(server, cache, monkeypatch):
    def full(_handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WeightsError, match=r"No space left on device.*INTARSIA_CACHE"):
        fetch(server.source())
    assert not (cache / "weights.pth").exists()


def test_a_cache_that_is_no_folder(server, cache):
    cache.write_text("a file")
    assert "cannot be written" in refusal(server.source())
