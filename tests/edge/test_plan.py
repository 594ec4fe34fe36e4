"""A head that comes again is not read again; whether it passes is asked each time all the same."""

from dataclasses import replace

import pytest

from proxy.model.principal import Principal
from proxy.model.session import Live, NoSession
from proxy.model.settings import TimeRules
from support.patience import until
from support.stage import ALICE


@pytest.fixture
async def again(stage, ask):
    """(A stage, and what asks for the very same once more on the same connection.)"""
    one = await stage()
    client = await one.connect()
    request = ask(b"/main.aspx", one.cookie)
    return one, lambda: client.ask(request)


async def test_the_same_head_passes_again_and_again(again, to_full_lane):
    one, once_more = again
    assert [(await once_more()).status for _ in range(4)] == [200] * 4
    first, *others = one.upstream.requests
    assert [message.headers for message in others] == [first.headers] * 3
    assert to_full_lane == []


async def test_it_passes_until_the_instant_of_its_session_s_end(again, clock):
    one, once_more = again
    assert (await once_more()).status == 200
    clock.now = one.session.token_end - 0.001
    assert (await once_more()).status == 200
    clock.now = one.session.token_end
    assert (await once_more()).status == 401


async def test_a_shorter_limit_acts_on_the_next_one(again, clock):
    one, once_more = again
    assert (await once_more()).status == 200
    clock.advance(600)
    assert (await once_more()).status == 200
    one.current.gateway.judge._rules_for = lambda _: TimeRules(session_length=600.0)
    assert (await once_more()).status == 401


async def test_a_session_that_is_gone_is_no_session(again):
    one, once_more = again
    assert (await once_more()).status == 200
    one.sessions.known["alice"] = NoSession()
    assert (await once_more()).status == 401
    one.sessions.known["alice"] = Live(one.session, from_store=False)
    assert (await once_more()).status == 200


async def test_claims_that_were_read_anew_go_upstream(again):
    one, once_more = again
    await once_more()
    renamed = replace(one.session, principal=Principal(**{**_fields(ALICE), "upn": "alice.b@contoso.com"}))
    one.sessions.known["alice"] = Live(renamed, from_store=False)
    await once_more()
    names = [message.value("X-Forwarded-User") for message in one.upstream.requests]
    assert names == [b"alice@contoso.com", b"alice.b@contoso.com"]


async def test_another_configuration_judges_anew(stage, again):
    one, once_more = again
    assert (await once_more()).status == 200
    other = await stage()
    other.sessions.known.clear()
    one.current.replace(other.current.gateway)
    assert (await once_more()).status == 401


async def test_each_request_of_a_person_counts_as_activity(stage, ask):
    one = await stage()
    client = await one.connect()
    click = ask(b"/main.aspx", one.cookie, b"Accept: text/html\r\n")
    for _ in range(3):
        assert (await client.ask(click)).status == 200
    assert len(one.sessions.active) == 3


async def test_a_client_with_many_heads_is_served_and_few_are_kept(stage, ask, to_full_lane):
    one = await stage()
    client = await one.connect()
    for _ in range(2):
        for number in range(20):
            assert (await client.ask(ask(b"/%d" % number, one.cookie))).status == 200
    (connection,) = one.server._connections.clients
    assert len(connection._known._plans) <= 4
    assert to_full_lane == []


async def test_a_client_that_takes_nothing_holds_up_nobody_else(stage, ask):
    one = await stage()
    one.upstream.reply = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000
    slow, quick = await one.connect(), await one.connect()
    request = ask(b"/", one.cookie)
    slow.send(request * 400)
    await until(lambda: any(each.is_writing_paused for each in one.server._connections.clients))
    for _ in range(3):
        assert len((await quick.ask(request)).body) == 100_000


def _fields(principal: Principal) -> dict[str, object]:
    return {name: getattr(principal, name) for name in principal.__dataclass_fields__}
