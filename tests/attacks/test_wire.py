"""Bytes that two readers could read differently, sent to a whole proxy by somebody who is signed in.

Each is sent as the first request of a connection and behind one that was served; the upstream must never see it. Its
twin, with one thing changed, must arrive.
"""

import contextlib

import pytest

from proxy.demo.adfs_keys import make_signing_key
from support.browser import Browser
from support.raw_http import RawClient, RawUpstream
from support.world import World

HOST = b"Host: 127.0.0.1\r\n"
REFUSED = {400, 405, 408, 413, 421, 431, 501, 505}

TARGETS = {
    b"/public/../secret": b"/public/.../secret",
    b"/public/%2e%2e/secret": b"/public/%2e%2ex/secret",
    b"/public/.%2E/secret": b"/public/.%2Ex/secret",
    b"/public/%252e%252e/secret": b"/public/%252e%252ex/secret",
    b"/public%2f..%2fsecret": b"/public%20..secret",
    b"/public\\..\\secret": b"/public-..-secret",
    b"/public%5c..%5csecret": b"/public%20..%20secret",
    b"/public/..;/secret": b"/public/a;/secret",
    b"/secret%00": b"/secret%20",
    b"/secret#/bar": b"/secret%23x/bar",
    b"/a/..": b"/a/..b",
    b"//evil.example/secret": b"/evil.example//secret",
    b"http://127.0.0.1/secret": b"/http://127.0.0.1/secret",
    b"secret": b"/secret",
    b"*": b"/*",
    b"/%zz": b"/%41zz",
}

FRAMINGS = {
    "a length and chunks": (
        b"POST /x HTTP/1.1\r\n%sContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /x HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    "two lengths": (
        b"POST /x HTTP/1.1\r\n%sContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /x HTTP/1.1\r\n%sContent-Length: 2\r\n\r\nab",
    ),
    "a signed length": (
        b"POST /x HTTP/1.1\r\n%sContent-Length: +2\r\n\r\nab",
        b"POST /x HTTP/1.1\r\n%sContent-Length: 2\r\n\r\nab",
    ),
    "chunks and identity": (
        b"POST /x HTTP/1.1\r\n%sTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"POST /x HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    "another coding": (
        b"POST /x HTTP/1.1\r\n%sTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST /x HTTP/1.1\r\n%sTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n",
    ),
    "a blank before the colon": (
        b"POST /x HTTP/1.1\r\n%sTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"POST /x HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    "a folded line": (
        b"GET /x HTTP/1.1\r\n%sX-A: a\r\n b\r\n\r\n",
        b"GET /x HTTP/1.1\r\n%sX-A: a b\r\n\r\n",
    ),
    "a NUL in a value": (
        b"GET /x HTTP/1.1\r\n%sX-A: a\0b\r\n\r\n",
        b"GET /x HTTP/1.1\r\n%sX-A: a\tb\r\n\r\n",
    ),
    "a bare CR in a value": (
        b"GET /x HTTP/1.1\r\n%sX-A: a\rX-Forwarded-User: b\r\n\r\n",
        b"GET /x HTTP/1.1\r\n%sX-A: a X-Forwarded-User: b\r\n\r\n",
    ),
    "HTTP/0.9": (b"GET /x\r\n\r\n%.0s", b"GET /x HTTP/1.1\r\n%s\r\n"),
    "HTTP/2.0": (b"GET /x HTTP/2.0\r\n%s\r\n", b"GET /x HTTP/1.1\r\n%s\r\n"),
    "two Hosts": (
        b"GET /x HTTP/1.1\r\n%sHost: evil.example\r\n\r\n",
        b"GET /x HTTP/1.1\r\n%sX-Host: evil.example\r\n\r\n",
    ),
    "two session cookies": (
        b"GET /x HTTP/1.1\r\n%sCookie: claims-session=planted\r\n\r\n",
        b"GET /x HTTP/1.1\r\n%sCookie: other=planted\r\n\r\n",
    ),
}


@pytest.fixture(scope="module")
def signing_key():
    return make_signing_key(1_790_000_000.0)


@pytest.fixture
async def upstream():
    one = RawUpstream()
    await one.start()
    yield one
    await one.close()


@pytest.fixture
async def signed_in(tmp_path, clock, signing_key, upstream):
    """(proxy's port, head lines that make a request alice's)."""
    async with contextlib.AsyncExitStack() as stack:
        world = World(tmp_path, clock, signing_key=signing_key, organization={"upstream": upstream.url})
        await stack.enter_async_context(world)
        browser = await stack.enter_async_context(Browser())
        await browser.sign_in(world.url("/main.aspx"), "alice")
        upstream.requests.clear()
        yield world.port, HOST + f"Cookie: claims-session={browser.cookie('claims-session')}\r\n".encode()


@contextlib.asynccontextmanager
async def connected(port: int, own: bytes, *, second: bool):
    """A connection, on which one request was served before where `second`."""
    client = await RawClient.connect(port)
    if second:
        served = await client.ask(b"GET /first HTTP/1.1\r\n%s\r\n" % own)
        assert served.status == 200
    yield client
    await client.close()


async def refused(port: int, own: bytes, data: bytes, upstream: RawUpstream, *, second: bool) -> None:
    async with connected(port, own, second=second) as client:
        before = len(upstream.requests)
        answer = await client.ask(data)
        assert answer.status in REFUSED, answer.first
        assert len(upstream.requests) == before, "the upstream saw it"
        assert b"evil" not in answer.body
        assert b"secret" not in answer.body
        assert await client.is_closed(), "what follows on this connection cannot be framed"


async def accepted(port: int, own: bytes, data: bytes, upstream: RawUpstream, *, second: bool) -> None:
    async with connected(port, own, second=second) as client:
        before = len(upstream.requests)
        answer = await client.ask(data)
        assert answer.status == 200, (answer.first, answer.body)
        assert len(upstream.requests) == before + 1


@pytest.mark.parametrize("second", [False, True], ids=["first", "kept alive"])
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.decode())
async def test_a_target_of_two_readings_is_refused_and_its_twin_sent_as_it_came(signed_in, upstream, target, second):
    port, own = signed_in
    await refused(port, own, b"GET %s HTTP/1.1\r\n%s\r\n" % (target, own), upstream, second=second)
    twin = TARGETS[target]
    await accepted(port, own, b"GET %s HTTP/1.1\r\n%s\r\n" % (twin, own), upstream, second=second)
    assert upstream.requests[-1].target == twin


@pytest.mark.parametrize("second", [False, True], ids=["first", "kept alive"])
@pytest.mark.parametrize("name", FRAMINGS)
async def test_a_head_of_two_readings_is_refused_and_its_twin_passes(signed_in, upstream, name, second):
    port, own = signed_in
    bad, twin = FRAMINGS[name]
    await refused(port, own, bad % own, upstream, second=second)
    await accepted(port, own, twin % own, upstream, second=second)


async def test_a_request_hidden_in_another_s_body_stays_a_body(signed_in, upstream):
    port, own = signed_in
    hidden = b"GET /hidden HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    data = b"POST /x HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s" % (own, len(hidden), hidden)
    await accepted(port, own, data, upstream, second=False)
    assert upstream.requests[-1].body == hidden
    assert all(request.target != b"/hidden" for request in upstream.requests)


async def test_pipelined_requests_are_answered_in_order_each_by_its_own_rules(signed_in, upstream):
    port, own = signed_in
    one, two = (b"GET /%d HTTP/1.1\r\n%s\r\n" % (number, own) for number in (1, 2))
    stranger = b"GET /3 HTTP/1.1\r\n" + HOST + b"\r\n"
    client = await RawClient.connect(port)
    client.send(one + stranger + two)
    assert [(await client.answer()).status for _ in range(3)] == [200, 401, 200]
    assert [request.target for request in upstream.requests] == [b"/1", b"/2"]
    await client.close()


@pytest.mark.parametrize(
    "line",
    [
        b"X-Forwarded-User: admin",
        b"x-forwarded-user: admin",
        b"X_Forwarded_User: admin",
        b"X-Forwarded_user: admin",
        b"X-Claims-Role: admin",
        b"X_CLAIMS_ROLE: admin",
        b"Forwarded: for=admin",
        b"X-Forwarded-For: admin",
        b"X-Forwarded-Groups: admin\r\nX-Forwarded-Groups: admin",
        b"Connection: close, X-Forwarded-User\r\nX-Forwarded-User: admin",
    ],
)
@pytest.mark.parametrize("method", [b"GET", b"OPTIONS", b"POST"])
async def test_no_forged_identity_reaches_the_upstream(signed_in, upstream, line, method):
    port, own = signed_in
    client = await RawClient.connect(port)
    answer = await client.ask(b"%s /x HTTP/1.1\r\n%s%s\r\nContent-Length: 0\r\n\r\n" % (method, own, line))
    assert answer.status == 200
    (seen,) = upstream.requests
    assert not any(b"admin" in value for _, value in seen.headers)
    assert seen.values("X-Forwarded-User") == [b"alice@contoso.com"]
    await client.close()


async def test_no_cookie_of_ours_reaches_the_upstream_and_others_do(signed_in, upstream):
    port, own = signed_in
    client = await RawClient.connect(port)
    await client.ask(b"GET /x HTTP/1.1\r\n%sCookie: a=b; claims-login-0=x;c=d; MSISAuth=e\r\n\r\n" % own)
    (seen,) = upstream.requests
    assert b"; ".join(seen.values("Cookie")) == b"a=b;c=d; MSISAuth=e"
    await client.close()
