"""NTLM and Negotiate authenticate a connection: no request of another session or client may ever go over it."""

import asyncio

import pytest

from proxy.errors import UpstreamBroken
from proxy.gateway.upstream import Owner, Ownership
from proxy.gateway.upstream.pool import OWNED_GRACE
from support.patience import HANG

NTLM = (b"Authorization", b"NTLM TlRMTVNTUAAB")


def Client():  # noqa: N802 - it stands for one client connection
    return Owner(None, None)


class Ending:
    """A session's end in a test's hand."""

    def __init__(self):
        self.told = []

    def watch(self, on_end):
        self.told.append(on_end)
        return lambda: self.told.remove(on_end)


async def serve(wire):
    """Says which connection it is; /challenge offers NTLM."""
    while head := await wire.head():
        fields = (b"WWW-Authenticate: NTLM",) if head.startswith(b"GET /challenge") else ()
        wire.answer(b"%d" % wire.number, *fields)


@pytest.mark.parametrize("seen", ["in the request", "in the answer"])
async def test_an_authenticated_connection_is_its_owners_alone(seen, scripted, pool_for, request_of, read_all):
    server = await scripted(serve)
    pool = pool_for(server)
    anna, bert = Client(), Client()
    first = request_of(b"GET", b"/", NTLM) if seen == "in the request" else request_of(b"GET", b"/challenge")
    assert await read_all(await pool.send(first, owner=anna)) == b"0"
    assert await read_all(await pool.send(request_of(), owner=bert)) == b"1"
    assert await read_all(await pool.send(request_of())) == b"1"
    assert await read_all(await pool.send(request_of(), owner=anna)) == b"0"
    assert await read_all(await pool.send(request_of(b"POST"), b"x", owner=anna)) == b"0"
    assert await read_all(await pool.send(request_of(b"GET", b"/", NTLM), owner=bert)) == b"1"
    assert await read_all(await pool.send(request_of())) == b"2"


async def test_without_ntlm_owners_share_connections(scripted, pool_for, request_of, read_all):
    server = await scripted(serve)
    pool = pool_for(server)
    for client in (Client(), Client(), None):
        basic = request_of(b"GET", b"/", (b"Authorization", b"Basic YTpi"))
        assert await read_all(await pool.send(basic, owner=client)) == b"0"


async def test_without_an_owner_an_authenticated_connection_closes(scripted, pool_for, request_of, read_all):
    pool = pool_for(await scripted(serve))
    assert await read_all(await pool.send(request_of(b"GET", b"/challenge"))) == b"0"
    assert not pool._connections
    assert await read_all(await pool.send(request_of())) == b"1"


async def test_it_closes_when_its_owner_goes_away(scripted, pool_for, request_of, read_all):
    gone = asyncio.Event()

    async def script(wire):
        await wire.head()
        wire.answer(b"0")
        await wire.gone()
        gone.set()

    pool = pool_for(await scripted(script))
    anna = Client()
    await read_all(await pool.send(request_of(b"GET", b"/", NTLM), owner=anna))
    anna.release()
    await asyncio.wait_for(gone.wait(), HANG)
    assert not pool._connections
    assert not pool._owners._owned
    assert pool._slots.shares.held == 0


async def test_it_closes_when_another_session_is_seen(scripted, pool_for, request_of, read_all):
    pool, ownership = pool_for(await scripted(serve)), Ownership()
    anna = Owner("anna's session", "192.0.2.1", "192.0.2.1")
    ownership.change(anna)
    assert await read_all(await pool.send(request_of(b"GET", b"/", NTLM), owner=anna)) == b"0"
    assert ownership.find("anna's session", "192.0.2.1") is anna
    assert await read_all(await pool.send(request_of(), owner=anna)) == b"0"
    for other in (("bert's session", "192.0.2.1"), (None, "192.0.2.1"), ("anna's session", "192.0.2.2")):
        assert ownership.find(*other) is None
    ownership.change(Owner("bert's session", "192.0.2.1", "192.0.2.1"))
    assert not pool._connections
    assert ownership.find("anna's session", "192.0.2.1") is None


async def test_it_closes_when_its_session_ends(scripted, pool_for, request_of, read_all):
    pool, end, ownership = pool_for(await scripted(serve)), Ending(), Ownership()
    anna = Owner("anna's session", None)
    anna.watch(end.watch)
    ownership.change(anna)
    await read_all(await pool.send(request_of(), owner=anna))
    assert end.told == []  # nothing is bound, so nothing is to be closed
    assert await read_all(await pool.send(request_of(b"GET", b"/", NTLM), owner=anna)) == b"0"
    (on_end,) = end.told
    on_end()
    assert not pool._connections
    assert (end.told, ownership.find("anna's session", "")) == ([], None)
    # What was on its way meanwhile gets a connection that nobody keeps.
    assert await read_all(await pool.send(request_of(b"GET", b"/", NTLM), owner=anna)) == b"1"
    assert not pool._connections


async def test_answer_in_flight_outlives_its_session_but_its_connection_does_not(scripted, pool_for, request_of):
    go = asyncio.Event()

    async def script(wire):
        await wire.head()
        wire.send(b"HTTP/1.1 401 No\r\nWWW-Authenticate: Negotiate\r\nContent-Length: 2\r\n\r\n")
        await go.wait()
        wire.send(b"ok")
        await wire.gone()

    pool, end = pool_for(await scripted(script)), Ending()
    anna = Owner("anna's session", None)
    anna.watch(end.watch)
    response = await pool.send(request_of(), owner=anna)
    end.told[0]()
    go.set()
    assert await response.read() == b"ok"
    assert not pool._connections
    assert pool._slots.shares.held == 0


async def test_pinned_connections_count_in_the_share(scripted, pool_for, request_of, read_all, until):
    """A session that pins as many as it may waits for its own, and nobody else waits with it."""
    pool = pool_for(await scripted(serve), connections=12)
    owners = [Owner("anna's session", None) for _ in range(9)]
    for owner in owners[:8]:
        await read_all(await pool.send(request_of(b"GET", b"/", NTLM), owner=owner))
    ninth = asyncio.create_task(pool.send(request_of(), owner=owners[8]))
    await until(lambda: pool._slots.waiting)
    assert await read_all(await pool.send(request_of(), owner=Owner("bert's session", None)))
    assert not ninth.done()
    owners[0].release()
    assert (await ninth).status == 200


async def test_one_under_way_breaks_when_its_owner_goes_away(scripted, pool_for, request_of):
    async def script(wire):
        await wire.head()
        wire.send(b"HTTP/1.1 401 No\r\nWWW-Authenticate: Negotiate\r\nContent-Length: 9\r\n\r\n")
        await wire.gone()

    pool = pool_for(await scripted(script))
    anna = Client()
    response = await pool.send(request_of(), owner=anna)
    Client().release()
    assert not response.complete
    anna.release()
    with pytest.raises(UpstreamBroken):
        await response.read()


async def test_owned_connections_give_way_when_nothing_else_is_left(scripted, pool_for, request_of, read_all, until):
    server = await scripted(serve)
    pool = pool_for(server, connections=1)
    anna = Client()
    await read_all(await pool.send(request_of(b"GET", b"/", NTLM), owner=anna))
    waiting = asyncio.create_task(pool.send(request_of()))
    await until(lambda: pool._slots.waiting)
    pool._look()
    assert not waiting.done()  # a handshake may be under way
    (connection,) = pool._connections
    connection.deadline -= OWNED_GRACE
    pool._look()
    assert await read_all(await waiting) == b"1"
    assert await read_all(await pool.send(request_of(), owner=anna)) == b"1"
