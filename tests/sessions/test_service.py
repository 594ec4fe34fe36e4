import asyncio
from dataclasses import replace

import pytest

from proxy.model.decision import Ending
from proxy.model.session import Ended, EndReason, Live, NoSession, Session
from proxy.model.settings import TimeRules
from proxy.sessions.refresh import Tokens
from proxy.sessions.service import Created, CredentialsOwed
from support.desk import ALICE
from support.patience import HANG

SIGNED_OUT, TIMED_OUT = EndReason.SIGNED_OUT, EndReason.SESSION_TIMEOUT


def signed_out(clock) -> Ending:
    return Ending(SIGNED_OUT, clock(), owes_credentials=False)


async def test_a_session_is_loaded_as_it_was_made_then_from_the_worker_s_own_copy(desk):
    who = replace(ALICE, subject="sub")
    created = await desk.sign_in(principal=who, provider_session="sid", subject="sub")
    assert await desk.sessions.load(created.cookie, "contoso") == Live(created.session, from_store=True)
    assert await desk.sessions.load(created.cookie, "contoso") == Live(created.session, from_store=False)
    assert await desk.sessions.load(created.cookie, "contoso", past_cache=True) == Live(
        created.session, from_store=True
    )
    assert desk.sessions.cached(created.cookie, "contoso") == created.session


@pytest.mark.parametrize("cookie", [None, "", "x", "a.b.c", "é" * 22 + ".b.c", "../..", "a" * 22 + "." + "b" * 45])
async def test_a_malformed_cookie_is_no_session_without_asking_the_store(desk, cookie, monkeypatch):
    monkeypatch.setattr(desk.store, "read", None)
    assert await desk.sessions.load(cookie, "contoso") == NoSession()


async def test_a_session_of_another_organization_is_none(desk):
    created = await desk.sign_in()
    assert await desk.sessions.load(created.cookie, "fabrikam") == NoSession()
    assert await desk.lives(created)
    await desk.sessions.end(created.session, signed_out(desk.clock))
    assert await desk.sessions.load(created.cookie, "fabrikam") == NoSession()


async def test_the_right_id_with_another_secret_opens_nothing(desk):
    created = await desk.sign_in()
    forged = created.cookie[:-1] + ("B" if created.cookie[-1] == "A" else "A")
    assert await desk.sessions.load(forged, "contoso") == NoSession()
    assert await desk.lives(created)


async def test_an_ended_session_tells_why(desk):
    created = await desk.sign_in()
    await desk.sessions.end(created.session, signed_out(desk.clock))
    await desk.sessions.end(created.session, Ending(TIMED_OUT, desk.clock(), owes_credentials=False))
    found = await desk.sessions.load(created.cookie, "contoso")
    assert isinstance(found, Ended)
    assert (found.tombstone.reason, found.tombstone.ended_at) == (SIGNED_OUT, desk.clock())


async def test_activity_is_seen_at_once_here_and_soon_by_others(desk):
    created = await desk.sign_in()
    await desk.lives(created)
    desk.sessions.note_activity(created.session, desk.clock.advance(3), None)
    found = await desk.sessions.load(created.cookie, "contoso")
    assert found.session.last_activity == desk.clock()
    found = await desk.sessions.load(created.cookie, "contoso", past_cache=True)
    assert found.session.last_activity == desk.clock()


async def test_a_last_activity_in_the_future_buys_no_time(desk):
    created = await desk.sign_in()
    mine = desk.store._tags[created.session.reference.tag].sessions
    mine[created.session.reference.id_hash] = replace(mine[created.session.reference.id_hash], seen=desk.clock() + 9999)
    found = await desk.sessions.load(created.cookie, "contoso")
    assert found.session.last_activity == desk.clock()


async def test_a_session_found_idle_lives_on_where_another_worker_saw_its_user(workers):
    one, two = workers
    created = await one.sign_in()
    await two.lives(created)
    two.sessions.note_activity(created.session, one.clock.advance(250), 300.0)
    await two.sessions._activity.write_all()
    idle = Ending(EndReason.INACTIVITY_TIMEOUT, one.clock.advance(60), owes_credentials=True)
    await one.sessions.end(created.session, idle)
    found = await one.sessions.load(created.cookie, "contoso", past_cache=True)
    assert isinstance(found, Live)
    await one.sessions.end(found.session, idle)
    assert not await one.lives(created)


async def test_the_end_of_a_session_reaches_the_other_worker_s_copy_and_its_watchers(workers):
    one, two = workers
    created = await one.sign_in()
    assert await two.lives(created)
    told = asyncio.get_running_loop().create_future()
    two.sessions.watch(created.session, told.set_result)
    await one.sessions.end(created.session, signed_out(one.clock))
    assert await asyncio.wait_for(told, HANG) is SIGNED_OUT
    assert two.sessions.cached(created.cookie, "contoso") is None
    assert isinstance(await two.sessions.load(created.cookie, "contoso"), Ended)


async def test_a_watcher_that_stopped_hears_nothing(desk):
    created, heard = await desk.sign_in(), []
    stop = desk.sessions.watch(created.session, heard.append)
    desk.sessions.watch(created.session, heard.append)
    stop()
    stop()
    await desk.sessions.end(created.session, signed_out(desk.clock))
    assert heard == [SIGNED_OUT]


async def test_an_end_between_a_load_and_the_watch_is_told_all_the_same(desk):
    created = await desk.sign_in()
    await desk.lives(created)
    await desk.sessions.end(created.session, signed_out(desk.clock))
    told = asyncio.get_running_loop().create_future()
    desk.sessions.watch(created.session, told.set_result)
    assert await asyncio.wait_for(told, HANG) is SIGNED_OUT


async def test_a_watcher_that_fails_keeps_no_other_from_hearing(desk):
    created, heard = await desk.sign_in(), []

    def fails(_reason):
        raise RuntimeError

    desk.sessions.watch(created.session, fails)
    desk.sessions.watch(created.session, heard.append)
    await desk.sessions.end(created.session, signed_out(desk.clock))
    assert heard == [SIGNED_OUT]


async def test_the_id_token_opens_with_its_cookie_alone(desk):
    created = await desk.sign_in(id_token="eyJ.eyJ.sig")
    assert (await desk.sessions.tokens(created.cookie, "contoso")).id_token == "eyJ.eyJ.sig"
    assert await desk.sessions.tokens(created.cookie, "fabrikam") == Tokens()
    assert await desk.sessions.tokens("garbage", "contoso") == Tokens()
    without = await desk.sign_in()
    assert await desk.sessions.tokens(without.cookie, "contoso") == Tokens()


async def test_a_bearer_issued_before_the_sign_out_can_be_told(desk):
    created = await desk.sign_in()
    key = created.session.principal.key
    assert await desk.sessions.signed_out_after(key, "contoso") is None
    await desk.sessions.end(created.session, signed_out(desk.clock))
    assert await desk.sessions.signed_out_after(key, "contoso") == desk.clock()
    assert await desk.sessions.signed_out_after(key, "fabrikam") is None


async def test_a_bearer_s_end_raises_its_mark_alone(desk):
    created = await desk.sign_in()
    bearer: Session = replace(created.session, reference=None)
    desk.sessions.note_activity(bearer, desk.clock(), 300.0)
    await desk.sessions.end(bearer, Ending(TIMED_OUT, desk.clock(), owes_credentials=True))
    assert await desk.lives(created)
    rules = TimeRules(session_length=3600.0)
    assert await desk.sessions.create(desk.new(rules=rules)) == CredentialsOwed(desk.clock())


async def test_sessions_are_listed_and_ended_by_administrators(desk):
    first = await desk.sign_in(authenticated_at=None)
    desk.clock.advance(5)
    second = await desk.sign_in(organization="fabrikam")
    page = await desk.sessions.listing(limit=1)
    assert [summary.reference for summary in page.sessions] == [second.session.reference]
    page = await desk.sessions.listing(limit=2, cursor=page.cursor)
    assert [(summary.name, summary.upn) for summary in page.sessions] == [("Alice", "alice@contoso.example")]
    assert await desk.sessions.end_listed(page.sessions[0], EndReason.REVOKED, desk.clock(), owes_credentials=True)
    assert not await desk.lives(first)
    assert (await desk.sessions.listing("contoso")).sessions == ()


@pytest.mark.parametrize("cursor", ["x", "-1", "²", "9" * 5000])
async def test_a_cursor_that_is_none_of_ours_is_the_beginning(desk, cursor):
    created = await desk.sign_in()
    page = await desk.sessions.listing(cursor=cursor)
    assert [summary.reference for summary in page.sessions] == [created.session.reference]


def by_provider(desk, provider="adfs", **named):
    named = {"provider_session": None, "subject": None} | named
    return desk.sessions.signed_out_by_provider(provider, now=desk.clock(), **named)


async def test_a_provider_s_sign_out_finds_its_sessions(desk):
    created = await desk.sign_in(provider="adfs", provider_session="sid-1", subject="sub-1")
    (by_session,) = await by_provider(desk, provider_session="sid-1")
    assert by_session.reference == created.session.reference
    assert await by_provider(desk, subject="sub-1") == (by_session,)
    for unknown in ({"provider_session": "sid-2", "subject": "sub-1"}, {}):
        assert await by_provider(desk, **unknown) == ()
    assert await by_provider(desk, "another", provider_session="sid-1") == ()


@pytest.mark.parametrize("name", ["provider_session", "subject"])
async def test_an_authentication_of_before_a_provider_s_sign_out_makes_no_session(desk, name):
    facts = {"provider": "adfs", "provider_session": "sid-1", "subject": "sub-1"}
    await by_provider(desk, **{name: facts[name]})
    out = desk.clock()
    desk.clock.advance(5)
    assert await desk.sessions.create(desk.new(authenticated_at=out - 1, **facts)) == CredentialsOwed(out)
    assert await desk.sessions.create(desk.new(authenticated_at=out, **facts)) == CredentialsOwed(out)
    assert (await desk.sessions.listing()).sessions == ()
    for other in ({"provider": "another"}, {"provider_session": "sid-2", "subject": "sub-2"}):
        assert isinstance(await desk.sessions.create(desk.new(authenticated_at=out - 1, **facts | other)), Created)
    assert await desk.sessions.create(desk.new(authenticated_at=out + 60, **facts)) == CredentialsOwed(out)
    assert isinstance(await desk.sessions.create(desk.new(authenticated_at=out + 61, **facts)), Created)


async def test_where_no_instant_is_stated_a_provider_s_sign_out_stops_what_was_under_way(desk):
    facts = {"provider": "adfs", "provider_session": "sid-1", "authenticated_at": None}
    under_way = desk.new(**facts)
    desk.clock.advance(1)
    await by_provider(desk, provider_session="sid-1")
    assert isinstance(await desk.sessions.create(under_way), CredentialsOwed)
    desk.clock.advance(1)
    assert isinstance(await desk.sessions.create(desk.new(**facts)), Created)


async def test_all_sessions_of_a_principal_end_by_name(desk):
    here, there = await desk.sign_in(), await desk.sign_in(organization="fabrikam")
    key, now = here.session.principal.key, desk.clock()
    ended = await desk.sessions.end_everywhere(key, "contoso", EndReason.SIGNED_OUT, now, owes_credentials=True)
    assert [(each.reference, each.organization) for each in ended] == [(here.session.reference, "contoso")]
    ended = await desk.sessions.end_everywhere(key, None, EndReason.SIGNED_OUT, now, owes_credentials=True)
    assert [(each.reference, each.organization) for each in ended] == [(there.session.reference, "fabrikam")]


async def test_all_sessions_of_a_principal_end_by_one_that_ended_before(desk):
    here, there = await desk.sign_in(), await desk.sign_in(organization="fabrikam")
    await desk.sessions.end(here.session, Ending(EndReason.TOKEN_LIFETIME, desk.clock(), owes_credentials=False))
    whose, now = here.session.reference, desk.clock()
    ended = await desk.sessions.end_everywhere(whose, None, EndReason.SIGNED_OUT, now, owes_credentials=True)
    assert [(each.reference, each.organization) for each in ended] == [(there.session.reference, "fabrikam")]


async def test_a_name_is_used_once(desk):
    assert await desk.sessions.use_once("ticket", 30)
    assert not await desk.sessions.use_once("ticket", 30)
    desk.clock.advance(31)
    assert await desk.sessions.use_once("ticket", 30)
