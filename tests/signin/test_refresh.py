"""Silent renewal against a provider in a test's hand: when it is begun, and whom it ends."""

import asyncio
from dataclasses import replace

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from proxy.model.session import EndReason
from proxy.model.settings import TimeRules
from support import tokens
from support.desk import Desk
from support.office import CONTOSO, HOUR, Office


async def test_a_session_is_renewed_with_new_claims_and_its_signed_in_instant(office):
    await office.due(group=["Sales", "Managers"])
    await office.ask()
    before, after = office.created.session, await office.session()
    assert after.token_end == office.clock() + HOUR
    assert after.principal.name == "Alice Archer"
    assert after.principal.groups == ("Sales", "Managers")
    kept = ("reference", "organization", "signed_in_at", "credentials_at", "subject", "client_kind", "last_activity")
    assert [getattr(after, name) for name in kept] == [getattr(before, name) for name in kept]


async def test_nothing_is_asked_before_it_is_due(office):
    office.clock.advance(3280)
    office.grant()
    await office.ask()
    assert office.asked == 0
    office.clock.advance(10)
    await office.ask()
    assert office.asked == 1


async def test_it_is_renewed_again_and_again(office):
    for number in range(1, 5):
        await office.due()
        await office.ask()
        office.created = replace(office.created, session=await office.session())
        assert office.asked == number
        assert office.created.session.token_end == office.clock() + HOUR


async def test_the_refresh_token_of_a_provider_that_rotates_takes_the_place_of_the_old_one(office):
    await office.due()
    office.openid.granted["refresh_token"] = "refresh-2"
    await office.ask()
    assert await office.refresh_token() == "refresh-2"


async def test_the_refresh_token_of_ad_fs_stays(office):
    await office.due()
    await office.ask()
    assert await office.refresh_token() == "refresh-1"


async def test_the_new_access_token_s_end_counts_where_a_resource_is_asked_for(clock, openid, client):
    desk = Desk("memory:", clock)
    one = Office(desk, openid, client(refresh=True, resource=tokens.RESOURCE))
    await one.sign_in()
    now = int(clock.advance(1790 - 300))
    openid.granted["id_token"] = openid.id_token(iat=now, exp=now + HOUR, nonce=...)
    openid.granted["access_token"] = tokens.access_token(iat=now, exp=now + 1800, role="Sales Manager")
    await one.ask()
    after = await one.session()
    assert (after.token_end, after.principal.roles) == (now + 1800, ("Sales Manager",))


@pytest.mark.parametrize(
    ("rules", "asked"),
    [
        (TimeRules(), 1),
        (TimeRules(session_length=86_400.0), 0),
        (TimeRules(inactivity=3290.0), 0),
        (TimeRules(inactivity=3291.0), 1),
    ],
)
async def test_custom_timeouts_and_idle_sessions_are_not_renewed(office, rules, asked):
    office.rules = rules
    await office.due()
    await office.ask()
    assert office.asked == asked


async def test_a_session_at_its_end_is_not_renewed(office):
    await office.due()
    office.clock.advance(300)
    office.grant()
    await office.ask()
    assert office.asked == 0


async def test_a_provider_whose_refresh_is_off_is_not_asked(office, client):
    office.provider = client(refresh=False)
    await office.due()
    await office.ask(refresher=office.another_worker(office.desk))
    assert office.asked == 0


async def test_a_bearer_s_session_is_not_renewed(office):
    await office.due()
    office.refresher.wanted(replace(office.created.session, reference=None), CONTOSO, None, "")
    await office.ask(cookie=None)
    assert office.asked == 0


async def test_a_hundred_requests_make_one_call(office):
    await office.due()
    session, cookie = await office.session(), office.created.cookie
    others = [office.another_worker(office.desk) for _ in range(3)]
    for _ in range(100):
        for one in (office.refresher, *others):
            one.wanted(session, CONTOSO, cookie, "")
    await asyncio.gather(*(one.idle() for one in (office.refresher, *others)))
    assert office.asked == 1
    assert (await office.session()).token_end == office.clock() + HOUR


async def test_a_user_whom_the_provider_refuses_is_out_with_a_reason_and_an_audit_event(office):
    await office.due()
    office.openid.answers["token"] = web.json_response({"error": "invalid_grant"}, status=400)
    with capture_logs() as lines:
        await office.ask()
    assert await office.reason() is EndReason.REFRESH_REFUSED
    assert office.audited == [("refresh_refused", "contoso", "refresh_refused")]
    [event] = [line for line in lines if line.get("event") == "refresh_refused"]
    assert (event["principal"], event["client_address"], event["rule"]) == (
        "alice@contoso.com",
        "192.0.2.17",
        "invalid_grant",
    )
    assert event["session"] == office.created.session.reference.id_hash
    assert "refresh-1" not in repr(lines)


@pytest.mark.parametrize(
    ("claims", "rule"),
    [({"upn": "mallory@contoso.com"}, "principal"), ({"sub": "another"}, "subject"), ({"sub": ...}, None)],
)
async def test_tokens_of_somebody_else_end_the_session(office, claims, rule):
    await office.due(**claims)
    with capture_logs() as lines:
        await office.ask()
    ended = await office.reason()
    rules = [line["rule"] for line in lines if line.get("event") == "refresh_refused"]
    assert (ended, rules) == ((EndReason.REFRESH_REFUSED, [rule]) if rule else (None, []))


async def test_a_upn_in_other_letters_is_the_same_user(office):
    await office.due(upn="ALICE@contoso.com")
    await office.ask()
    assert (await office.session()).principal.upn == "ALICE@contoso.com"
