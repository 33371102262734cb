"""Where a download may go, and what a server may send."""

import threading

import pytest

from intarsia.errors import WeightsError
from intarsia.weights import Source, download, fetch
from intarsia.weights import server as asking
from servers import BODY, SUM, Answer, Handler, refusal


@pytest.mark.parametrize(("status", "tries"), [(404, 1), (403, 1), (500, 5), (503, 5), (429, 5)])
def test_status_codes(server, cache, status, tries):
    server.answers = [Answer(status=status)]
    assert f"answered {status}" in refusal(server.source())
    assert len(server.requests) == tries
    assert not (cache / "weights.pth").exists()


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
@pytest.mark.parametrize("host", ["", "127.0.0.1.", "127.0.0.1@", "localhost."])
def test_plain_http_to_others_opens_no_socket(host):
    assert "https only" in refusal(Source("w.pth", f"http://{host}example.com/w.pth", SUM))


@pytest.mark.usefixtures("no_socket")
@pytest.mark.parametrize("url", ["http://10.0.0.1/w.pth", "ftp://127.0.0.1/w.pth", "file:///w.pth"])
def test_other_ways_open_no_socket(url):
    assert "https only" in refusal(Source("w.pth", url, SUM))


def test_a_proxy_is_not_asked_for_this_machine(server, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert fetch(server.source()).read_bytes() == BODY


def test_a_server_that_falls_silent_on_the_way_is_asked_for_the_rest(server, monkeypatch):
    monkeypatch.setattr(asking, "TIMEOUT", 0.1)
    server.answers = [Answer(drop=100_000, stall=True), Answer()]
    assert fetch(server.source()).read_bytes() == BODY
    assert server.requests[1]["Range"] == "bytes=100000-"


def test_a_server_that_never_answers_ends_in_an_error(server, monkeypatch):
    monkeypatch.setattr(asking, "TIMEOUT", 0.05)
    monkeypatch.setattr(download, "PAUSES", ())
    monkeypatch.setattr(Handler, "do_GET", lambda _self: threading.Event().wait(0.3))
    assert "timed out" in refusal(server.source())


def without_if_range(handler):
    del handler.headers["If-Range"]
    return handler


def test_a_changed_etag_is_not_appended_to_the_old_file(server, monkeypatch):
    """A server that answers 206 in spite of If-Range."""
    monkeypatch.setattr(Handler, "do_GET", lambda self, real=Handler.do_GET: real(without_if_range(self)))
    server.answers = [Answer(BODY[::-1], drop=100_000), Answer(etag='"two"')]
    assert fetch(server.source()).read_bytes() == BODY


def test_a_server_without_etag_is_resumed_too(server):
    server.answers = [Answer(drop=100_000, etag=None), Answer(etag=None)]
    assert fetch(server.source()).read_bytes() == BODY
    assert server.requests[1]["Range"] == "bytes=100000-"
    assert "If-Range" not in server.requests[1]


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


def test_a_part_that_is_already_whole_needs_only_its_sum(server):
    server.answers = [Answer(announce=50, drop=len(BODY)), Answer()]  # announces more than there is
    seen = []
    assert fetch(server.source(), lambda *at: seen.append(at)).read_bytes() == BODY
    assert seen[-1] == (len(BODY), len(BODY))
    assert len(server.requests) == 2


def test_a_part_longer_than_the_file_is_started_again(server):
    server.answers = [Answer(BODY + b"more" * 100_000, drop=400_000), Answer()]
    assert fetch(server.source()).read_bytes() == BODY
