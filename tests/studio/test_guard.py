"""Who may ask what: every attack of SECURITY.md is refused before anything else is done."""

import asyncio

import pytest

from intarsia.studio.guard import Guard

HOST = "127.0.0.1:7860"
OURS = {"host": HOST, "origin": f"http://{HOST}", "sec-fetch-site": "same-origin"}


async def app(scope, receive, send):
    """Reads the whole body, and answers with its length."""
    length = 0
    while True:
        message = await receive()
        length += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(length).encode()})


def asked(guard, method="GET", path="/api/sessions", headers=None, body=(b"",), query=b""):
    """Status, headers and body of the answer. body: in so many parts."""
    parts, sent = list(body), []

    async def receive():
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def send(message):
        sent.append(message)

    lines = [(name.encode(), value.encode()) for name, value in (OURS if headers is None else headers).items()]
    scope = {"type": "http", "method": method, "path": path, "headers": lines, "query_string": query}
    asyncio.run(guard(scope, receive, send))
    return sent[0]["status"], {name.decode(): value.decode() for name, value in sent[0]["headers"]}, sent[1]["body"]


LOCAL = Guard(app, 7860)


@pytest.mark.parametrize("host", [HOST, "localhost:7860", "[::1]:7860", "LOCALHOST:7860"])
def test_our_own_names_are_answered(host):
    assert asked(LOCAL, headers={"host": host})[0] == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example:7860", "127.0.0.1", "127.0.0.1:80", "localhost.evil.example:7860", "192.168.1.5:7860", "", ":"],
)
def test_a_foreign_name_that_was_pointed_at_us_is_not_answered(host):
    assert asked(LOCAL, headers={"host": host})[0] == 421


def test_a_change_from_our_own_page_is_let_through():
    assert asked(LOCAL, "POST", body=(b"abc", b"de"))[::2] == (200, b"5")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999", "sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "none"},
        {},
    ],
)
def test_a_change_from_another_page_is_refused(method, headers):
    assert asked(LOCAL, method, headers={"host": HOST} | headers)[0] == 403


@pytest.mark.parametrize("path", ["/api/events", "/api/pictures/x/shown", "/app.js"])
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_page_can_neither_listen_nor_embed(path, site):
    assert asked(LOCAL, path=path, headers={"host": HOST, "sec-fetch-site": site})[0] == 403


def test_a_link_from_another_page_leads_to_the_page_alone():
    visit = {"host": HOST, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert asked(LOCAL, path="/", headers=visit)[0] == 200
    assert asked(LOCAL, path="/api/sessions", headers=visit)[0] == 403


def test_a_body_beyond_the_limit_is_refused_told_or_not():
    from intarsia.studio.guard import TooLarge

    small = Guard(app, 7860, most_bytes=10)
    assert asked(small, "POST", headers=OURS | {"content-length": "11"})[0] == 413
    assert asked(small, "POST", headers=OURS | {"content-length": "x"})[0] == 400
    assert asked(small, "POST", body=(b"12345", b"67890"))[0] == 200
    with pytest.raises(TooLarge):  # which the app answers with 413
        asked(small, "POST", body=(b"12345", b"678901"))


@pytest.mark.parametrize("headers", [OURS, {"host": "evil.example"}])
def test_every_answer_forbids_scripts_frames_and_guesses(headers):
    _, answered, _ = asked(LOCAL, headers=headers)
    assert "default-src 'self'" in answered["content-security-policy"]
    assert "frame-ancestors 'none'" in answered["content-security-policy"]
    assert answered["x-content-type-options"] == "nosniff"
    assert answered["cross-origin-resource-policy"] == "same-origin"
    assert not [name for name in answered if name.startswith("access-control")]


SHARED = Guard(app, 7860, ("studio.local",), any_address=True, token="secret")


def test_beyond_this_machine_the_token_is_asked_for():
    foreign = {"host": "192.168.1.5:7860"}
    assert asked(SHARED, path="/", headers=foreign)[0] == 403
    assert asked(SHARED, path="/", headers=foreign, query=b"token=guess")[0] == 403
    status, answered, _ = asked(SHARED, path="/", headers=foreign, query=b"token=secret")
    assert (status, answered["location"]) == (303, "/")
    assert "HttpOnly" in answered["set-cookie"]
    assert "SameSite=Strict" in answered["set-cookie"]
    assert asked(SHARED, headers=foreign | {"cookie": "intarsia=secret"})[0] == 200
    assert asked(SHARED, headers=foreign | {"cookie": "intarsia=guess"})[0] == 403
    assert asked(SHARED, path="/api/sessions", headers=foreign, query=b"token=secret")[0] == 403


def test_the_token_does_not_make_a_foreign_name_ours():
    assert asked(SHARED, headers={"host": "evil.example:7860", "cookie": "intarsia=secret"})[0] == 421


def test_web_sockets_are_not_answered():
    asyncio.run(LOCAL({"type": "websocket"}, None, None))
