"""Downloads: whole and verified, or not there; resumed where they broke; and nothing without a network."""

import errno
import hashlib
import os
import socket
import threading
from pathlib import Path

import pytest

from intarsia.errors import WeightsError
from intarsia.weights import Source, download, fetch
from servers import BODY, OTHER, SUM, Answer


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
    with pytest.raises(WeightsError, match=r"could not be downloaded.*compact encoder") as caught:
        fetch(server.source())
    assert len(server.requests) == 5
    assert str(cache / "weights.pth") in str(caught.value)
    assert not (cache / "weights.pth").exists()


def test_a_length_that_promises_too_much_for_good_ends_in_an_error(server, cache):
    server.answers = [Answer(announce=50, ranges=False, drop=len(BODY))]
    with pytest.raises(WeightsError, match=f"ended after {len(BODY)} of {len(BODY) + 50} bytes"):
        fetch(server.source())
    assert not (cache / "weights.pth").exists()


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
    monkeypatch.setattr(download, "MAX_BYTES", 200_000)
    server.answers = [Answer(announce=announce)]
    with pytest.raises(WeightsError):
        fetch(server.source())
    assert files(cache) == set()


@pytest.mark.usefixtures("no_socket")
def test_offline_opens_no_socket_and_says_what_to_do(cache, monkeypatch):
    monkeypatch.setenv("INTARSIA_OFFLINE", "1")
    with pytest.raises(WeightsError) as caught:
        fetch(Source("w.pth", "https://example.com/w.pth", SUM))
    for part in ("INTARSIA_OFFLINE", "https://example.com/w.pth", str(cache / "w.pth"), "compact encoder"):
        assert part in str(caught.value)


def test_without_a_network_the_hint_comes_at_once(cache, monkeypatch):
    monkeypatch.setattr(download, "PAUSES", (60.0,))
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
    assert not (cache / "weights.pth").exists()


def test_a_cache_that_is_no_folder(server, cache):
    cache.write_text("a file")
    with pytest.raises(WeightsError, match="cannot be written"):
        fetch(server.source())
