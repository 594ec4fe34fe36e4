"""One client that takes all it can get of an application's connections, while everybody else goes on working.

Nothing here is measured by a clock: it is asserted that others are answered while the attack stands.
"""

import asyncio
import contextlib
from dataclasses import replace

import pytest

from proxy.edge.asked import GATHERED_BYTES
from proxy.gateway.upstream import UpstreamGroup, parse_address
from proxy.model.deployment import UpstreamTuning
from proxy.model.session import Live, SessionReference
from support.patience import HANG
from support.raw_http import RawClient, ok, read_body
from support.stage import ask, lane, stage, upstream

__all__ = ["ask", "lane", "stage", "upstream"]

ATTACKER, OTHERS = "127.0.0.2", "127.0.0.3"
BOB = b"Cookie: claims-session=bob\r\n"
GOOD = 20
# By attack: the request, and how many there may be for whom 256 connections would be too many to test with.
ATTACKS = {
    "heads without bodies": (b"/up", (b"Content-Length: 10\r\n",), b"", 256),
    "slow small bodies": (b"/up", (b"Content-Length: 1000\r\n",), b"x", 256),
    "slow large bodies": (b"/up", (b"Content-Length: 1000000\r\n",), b"x" * GATHERED_BYTES, 256),
    "slow chunks": (b"/up", (b"Transfer-Encoding: chunked\r\n",), b"1\r\nx\r\n", 256),
    "expected bodies": (b"/up", (b"Content-Length: 1000000\r\n", b"Expect: 100-continue\r\n"), b"", 256),
    "answers that nobody reads": (b"/large", (), b"", 32),
    "answers that never come": (b"/never", (), b"", 256),
    "event streams": (b"/events", (), b"", 256),
    "WebSockets": (
        b"/chat",
        (
            b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://crm.contoso.com\r\n",
        ),
        b"",
        256,
    ),
}


async def application(message, reader, writer):
    if message.target == b"/events":
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        await reader.read()
    elif message.target == b"/chat":
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        await reader.read()
    elif message.target == b"/never":
        await reader.read()
    elif message.target == b"/large":
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(50):
                writer.write(b"x" * 1_000_000)
                await writer.drain()
        await reader.read()
    else:
        await read_body(reader, message, answer=False)
        writer.write(ok())
        return True
    return False


@pytest.fixture
async def site(stage, upstream):
    """Makes stages of so many upstream connections, with bob signed in beside alice."""
    upstream.answering = application

    async def make(connections):
        one = await stage(organization={"anonymous": ("/public",)}, tuning=UpstreamTuning(connections=connections))
        reference = SessionReference("another tag", "bob's")
        one.sessions.known["bob"] = Live(replace(one.session, reference=reference), from_store=False)
        return one

    return make


@pytest.fixture
async def from_address():
    """Makes clients of an address; all are closed at the end."""
    clients = []

    async def connect(one, address) -> RawClient:
        found = RawClient(*await asyncio.open_connection("127.0.0.1", one.port, local_addr=(address, 0)))
        clients.append(found)
        return found

    yield connect
    for client in clients:
        client.writer.transport.abort()


async def until(condition):
    async with asyncio.timeout(HANG):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.01)


async def settled(one):
    """Returns when the proxy has dealt with all that clients have sent."""
    pool = one.pools["contoso"]
    before = None
    for _ in range(500):
        now = (pool._slots.shares.held, pool._slots.waiting, pool._streams.held, pool._upgrades.held)
        if now == before and pool._slots.shares.held == len(pool._connections) - len(pool._idle):
            return
        before = now
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("attack", list(ATTACKS))
@pytest.mark.parametrize("who", ["session", "address"])
async def test_others_are_answered_while_one_client_takes_what_it_can(site, from_address, ask, attack, who):
    target, lines, body, connections = ATTACKS[attack]
    one = await site(connections)
    if who == "address":  # without any session
        target = b"/public" + target
    cookie = (one.cookie,) if who == "session" else ()
    one.upstream.answering = lambda message, reader, writer: application(
        replace(message, first=message.first.replace(b"/public/", b"/")), reader, writer
    )
    method = b"POST" if body or any(b"Content-Length" in line for line in lines) else b"GET"
    for _ in range(connections + 4):
        client = await from_address(one, ATTACKER)
        client.send(ask(target, *cookie, *lines, method=method, body=body))
    await settled(one)
    for number in range(GOOD):
        good = await from_address(one, OTHERS)
        for more in ((), (b"Authorization: Basic x\r\n",)):
            assert (await good.ask(ask(b"/work/%d" % number, BOB, *more))).status == 200
            assert (
                await good.ask(ask(b"/work", BOB, *more, b"Content-Length: 2\r\n", method=b"POST", body=b"ab"))
            ).status == 200
    pool = one.pools["contoso"]
    for shares in (pool._slots.shares, pool._streams, pool._upgrades):
        part = 4 if who == "session" else 2
        assert shares.held <= max(8, connections // part) + 1  # and one of the good user's that is closing


async def test_attacker_goes_on_too_once_it_lets_go(site, from_address, ask):
    """Above its share a session waits for itself; nothing of it is lost."""
    one = await site(32)
    held = [await from_address(one, ATTACKER) for _ in range(8)]
    for client in held:
        client.send(ask(b"/never", one.cookie))
    await settled(one)
    waiting = await from_address(one, ATTACKER)
    answer = asyncio.create_task(waiting.ask(ask(b"/work", one.cookie)))
    await until(lambda: one.pools["contoso"]._slots.waiting)
    await held[0].close()
    assert (await answer).status == 200


async def test_shares_hold_at_each_address_of_a_group(site, from_address, ask, upstream):
    one = await site(32)
    group = UpstreamGroup([parse_address(upstream.url)] * 2, UpstreamTuning(connections=32))
    one.current.gateway.forwarder.pools["contoso"] = group
    for _ in range(80):
        client = await from_address(one, ATTACKER)
        client.send(ask(b"/never", one.cookie))
    await until(lambda: sum(member.pool._slots.waiting for member in group._members) == 64)
    assert [member.pool._slots.shares.held for member in group._members] == [8, 8]
    good = await from_address(one, OTHERS)
    for _ in range(GOOD):
        assert (await good.ask(ask(b"/work", BOB))).status == 200
    await group.close()
