"""Several addresses of one application: who is asked, who is left out, and who is asked instead."""

import asyncio

import pytest

from proxy.errors import UpstreamBroken, UpstreamBusy, UpstreamUnreachable
from proxy.gateway.upstream import Owner, UpstreamGroup, parse_address
from proxy.model.deployment import UpstreamTuning
from proxy.model.organization import UpstreamHealth
from support.ports import free_port


@pytest.fixture
async def group_of():
    """`group_of(server or address, …, health=None, **tuning)`: a group towards them, closed at the end."""
    groups = []

    def make(*servers, health=None, **tuning) -> UpstreamGroup:
        urls = [server if isinstance(server, str) else server.url for server in servers]
        group = UpstreamGroup([parse_address(url) for url in urls], UpstreamTuning(**tuning), health)
        groups.append(group)
        return group

    yield make
    for group in groups:
        await group.close()


@pytest.fixture
def named(scripted):
    """`await named(b"one")`: a server that answers with its name."""

    async def make(name: bytes):
        async def script(wire):
            while True:
                await wire.head()
                wire.answer(name)

        return await scripted(script)

    return make


@pytest.fixture
def nowhere() -> str:
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture
def asked(request_of):
    """`await asked(group)`: the body of one answer."""

    async def ask(group: UpstreamGroup, **options) -> bytes:
        return await (await group.send(request_of(), **options)).read()

    return ask


async def test_who_is_equally_busy_is_asked_in_turn(named, group_of, asked):
    group = group_of(await named(b"one"), await named(b"two"))
    assert [await asked(group) for _ in range(4)] == [b"one", b"two", b"one", b"two"]


async def test_the_least_busy_is_asked(scripted, named, group_of, asked, request_of):
    go_on = asyncio.Event()

    async def slow(wire):
        await wire.head()
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
        await go_on.wait()
        wire.send(b"slow")

    group = group_of(await scripted(slow), await named(b"two"))
    held = await group.send(request_of())
    assert [await asked(group) for _ in range(3)] == [b"two"] * 3
    go_on.set()
    assert await held.read() == b"slow"


async def test_the_next_is_asked_where_nobody_listens_and_nobody_notices(named, group_of, asked, nowhere):
    group = group_of(nowhere, await named(b"two"))
    assert [await asked(group) for _ in range(3)] == [b"two"] * 3
    assert [up for _, up in group.states.values()] == [False, True]


async def test_a_body_goes_whole_to_the_one_that_is_there(scripted, group_of, request_of, nowhere):
    async def script(wire):
        await wire.head()
        wire.answer(await wire.reader.readexactly(10))

    async def pieces():
        yield b"01234"
        yield b"56789"

    group = group_of(nowhere, await scripted(script))
    response = await group.send(request_of(b"POST", content_length=10), pieces())
    assert await response.read() == b"0123456789"


async def test_where_nobody_is_there_the_error_says_so(group_of, asked):
    group = group_of(f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(UpstreamUnreachable):
        await asked(group)


async def test_all_are_tried_where_none_is_well(group_of, asked, scripted):
    # Both were away a moment ago, so both rest; one is back before its rest is over.
    places = [f"http://127.0.0.1:{free_port()}" for _ in range(2)]
    group = group_of(*places)
    with pytest.raises(UpstreamUnreachable):
        await asked(group)
    port = int(places[1].rpartition(":")[2])
    server = await asyncio.start_server(_answer_once, "127.0.0.1", port)
    assert await asked(group) == b"back"
    server.close()


async def _answer_once(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nback")
    writer.close()


async def test_who_breaks_three_answers_in_a_row_is_left_out(scripted, named, group_of, asked):
    async def broken(wire):
        await wire.head()

    group = group_of(await scripted(broken), await named(b"two"))
    said = []
    for _ in range(8):
        try:
            said.append(await asked(group))
        except UpstreamBroken:
            said.append(b"broken")
    assert said.count(b"broken") == 3
    assert said[-1] == b"two"
    assert [up for _, up in group.states.values()] == [False, True]


async def test_an_answer_in_between_forgives(scripted, group_of, asked, named):
    async def every_other(wire):
        await wire.head()
        if wire.number % 2:
            wire.answer(b"one")

    group = group_of(await scripted(every_other), keep_alive=0)
    for _ in range(8):
        try:
            await asked(group)
        except UpstreamBroken:
            continue
    assert [up for _, up in group.states.values()] == [True]


async def test_a_full_address_is_no_sick_one(scripted, named, group_of, asked, request_of):
    go_on = asyncio.Event()

    async def slow(wire):
        await wire.head()
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n")
        await go_on.wait()
        wire.send(b"x")

    group = group_of(await scripted(slow), await scripted(slow), connections=1, queue=0)
    held = [await group.send(request_of()) for _ in range(2)]
    with pytest.raises(UpstreamBusy):
        await asked(group)
    assert [up for _, up in group.states.values()] == [True, True]
    go_on.set()
    assert [await each.read() for each in held] == [b"x", b"x"]


async def test_who_is_authenticated_at_an_address_stays_there(scripted, group_of, asked, named):
    async def script(wire):
        while True:
            await wire.head()
            wire.answer(b"one", b"WWW-Authenticate: NTLM" if wire.number == 0 else b"X: y")

    group, client = group_of(await scripted(script), await named(b"two")), Owner("anna", None)
    assert [await asked(group, owner=client) for _ in range(3)] == [b"one"] * 3
    assert await asked(group) == b"two"


async def test_a_connection_is_lent_of_the_least_busy(named, group_of, asked):
    group = group_of(await named(b"one"), await named(b"two"))
    assert group.lend(retryable=True) is None
    for _ in range(2):
        await asked(group)
    lent = [group.lend(retryable=True), group.lend(retryable=True)]
    assert None not in lent
    assert lent[0]._home is not lent[1]._home
    for connection in lent:
        connection.give_back()


async def test_a_check_that_fails_leaves_out_and_one_that_passes_brings_back(scripted, named, group_of, asked, until):
    status = [b"500 Internal Server Error"]

    async def script(wire):
        while True:
            head = await wire.head()
            if head.startswith(b"GET /healthy "):
                wire.send(b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % status[0])
            else:
                wire.answer(b"one")

    group = group_of(
        await scripted(script), await named(b"two"), health=UpstreamHealth("/healthy", interval=0.01), keep_alive=0
    )
    await until(lambda: [up for _, up in group.states.values()] == [False, True])
    assert [await asked(group) for _ in range(3)] == [b"two"] * 3
    status[0] = b"401 Unauthorized"
    await until(lambda: [up for _, up in group.states.values()] == [True, True])
    assert {await asked(group) for _ in range(4)} == {b"one", b"two"}
