"""NTLM and Negotiate authenticate a connection: nobody else's request may ever go over it."""

import asyncio
import gc

import pytest

from proxy.errors import UpstreamBroken
from proxy.gateway.upstream.pool import OWNED_GRACE
from support.patience import HANG

NTLM = (b"Authorization", b"NTLM TlRMTVNTUAAB")


class Client:
    """Stands for one client connection."""


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


@pytest.mark.parametrize("how", ["released", "collected"])
async def test_it_closes_when_its_owner_goes_away(how, scripted, pool_for, request_of, read_all):
    gone = asyncio.Event()

    async def script(wire):
        await wire.head()
        wire.answer(b"0")
        await wire.gone()
        gone.set()

    pool = pool_for(await scripted(script))
    anna = Client()
    await read_all(await pool.send(request_of(b"GET", b"/", NTLM), owner=anna))
    if how == "released":
        pool.release(anna)
    else:
        del anna
        gc.collect()
    await asyncio.wait_for(gone.wait(), HANG)
    assert not pool._connections
    assert not pool._owners._owned


async def test_one_under_way_breaks_when_its_owner_goes_away(scripted, pool_for, request_of):
    async def script(wire):
        await wire.head()
        wire.send(b"HTTP/1.1 401 No\r\nWWW-Authenticate: Negotiate\r\nContent-Length: 9\r\n\r\n")
        await wire.gone()

    pool = pool_for(await scripted(script))
    anna = Client()
    response = await pool.send(request_of(), owner=anna)
    pool.release(Client())
    assert not response.complete
    pool.release(anna)
    with pytest.raises(UpstreamBroken):
        await response.read()


async def test_an_id_that_is_used_again_finds_nothing(scripted, pool_for, request_of, read_all):
    pool = pool_for(await scripted(serve))
    anna, bert = Client(), Client()
    await read_all(await pool.send(request_of(b"GET", b"/", NTLM), owner=anna))
    pool._owners._owned[id(bert)] = pool._owners._owned.pop(id(anna))
    assert pool.lend(bert, retryable=True) is None
    assert await read_all(await pool.send(request_of(b"GET", b"/", NTLM), owner=bert)) == b"1"


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
