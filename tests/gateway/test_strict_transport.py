"""Strict-Transport-Security: once on every answer where TLS ends here, the upstream's own if it has one."""

import pytest
from aiohttp import web

from proxy.gateway import answer as our_answers
from proxy.gateway.framing import with_strict_transport
from proxy.model.deployment import Listen, Tls

NAME = "Strict-Transport-Security"
UPGRADE = (
    b"Origin: http://crm.contoso.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@pytest.fixture
async def answered(stage, ask):
    """`await answered(reply, *lines, hsts=…)`: what a client gets where the upstream replies so."""

    async def forward(reply: bytes, *lines: bytes, hsts: int | None):
        one = await stage(listen=Listen(tls=None if hsts is None else Tls("", "", hsts)))
        one.upstream.reply = reply
        client = await one.connect()
        return await client.ask(ask(b"/", one.cookie, *lines))

    return forward


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nETag: 1\r\n\r\n",
        b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno",
    ],
)
async def test_a_forwarded_answer_says_it_where_tls_ends_here(answered, reply):
    assert (await answered(reply, hsts=300)).values(NAME) == [b"max-age=300"]
    for off in (None, 0):
        assert (await answered(reply, hsts=off)).values(NAME) == []


async def test_what_the_upstream_says_wins_and_is_said_once(answered):
    said = b"strict-transport-security: max-age=5; includeSubDomains\r\n"
    reply = b"HTTP/1.1 200 OK\r\n" + said + b"Content-Length: 2\r\n%b\r\nok"
    for more in (b"", b"Strict-Transport-Security: max-age=6\r\n"):
        answer = await answered(reply % more, hsts=300)
        assert answer.values(NAME) == [b"max-age=5; includeSubDomains"]
        assert answer.body == b"ok"


async def test_a_switch_of_protocols_says_it(answered):
    reply = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    answer = await answered(reply, UPGRADE, hsts=300)
    assert answer.status == 101
    assert answer.values(NAME) == [b"max-age=300"]


def test_where_tls_ends_elsewhere_an_upstream_s_headers_stay_as_they_are():
    headers = [(b"Strict-Transport-Security", b"max-age=1"), (b"a", b"b"), (b"Strict-Transport-Security", b"max-age=2")]
    assert with_strict_transport(headers, None) == headers
    assert with_strict_transport(headers, 300) == headers[:2]


async def test_a_challenge_says_it(stage, ask):
    one = await stage(listen=Listen(tls=Tls("", "", 300)))
    answer = await (await one.connect()).ask(ask(b"/"))
    assert (answer.status, answer.values(NAME)) == (401, [b"max-age=300"])


def test_an_answer_of_ours_says_it_once():
    answer = web.Response(status=302, headers={"Location": "/"})
    for _ in range(2):
        our_answers.with_strict_transport(answer, 300)
    assert answer.headers.getall(NAME) == ["max-age=300"]


@pytest.mark.parametrize("off", [None, 0])
def test_an_answer_of_ours_says_nothing_where_it_is_off(off):
    answer = web.Response()
    our_answers.with_strict_transport(answer, off)
    assert NAME not in answer.headers
