"""What goes wrong at a renewal: the provider, its answers, the store, a sign-out and a stop meanwhile."""

import asyncio
from dataclasses import replace

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from proxy.errors import StoreUnavailable
from proxy.model.decision import Ending
from proxy.model.session import EndReason
from support.desk import Desk
from support.office import CONTOSO, HOUR, Office

TROUBLE = {
    "500": web.Response(status=500),
    "503": web.json_response({"error": "invalid_grant"}, status=503),
    "429": web.json_response({"error": "slow_down"}, status=429),
    "invalid_client": web.json_response({"error": "invalid_client"}, status=401),
    "no JSON": web.Response(text="maintenance"),
}


@pytest.mark.parametrize("answer", TROUBLE.values(), ids=TROUBLE)
async def test_a_provider_in_trouble_ends_nobody_and_is_tried_again(office, answer):
    await office.due()
    office.openid.answers["token"] = answer
    await office.ask()
    assert await office.session() == office.created.session
    del office.openid.answers["token"]
    await office.ask()
    assert office.asked == 1, "it is left alone for a while"
    office.clock.advance(5)
    await office.ask()
    assert office.asked == 2
    assert (await office.session()).token_end > office.created.session.token_end


async def test_a_provider_that_is_gone_ends_nobody_before_the_token_s_own_end(office):
    await office.due()
    await office.openid.stop()
    for _ in range(29):
        await office.ask()
        assert await office.session() == office.created.session
        office.clock.advance(10)
    assert await office.refresh_token() == "refresh-1"


async def test_the_pauses_grow_and_hold_for_all_workers(office):
    await office.due()
    office.openid.answers["token"] = web.Response(status=500)
    other, calls = office.another_worker(office.desk), []
    for second in range(299):
        before = office.asked
        await office.ask()
        await office.ask(refresher=other)
        calls += [second] * (office.asked - before)
        office.clock.advance(1)
    assert calls == [0, 5, 10, 20, 40, 80, 140, 200, 260]


UNUSABLE = {"expired": {"exp": -10}, "foreign audience": {"aud": "another"}, "other nonce": {"nonce": "another"}}


@pytest.mark.parametrize("claims", UNUSABLE.values(), ids=UNUSABLE)
async def test_an_answer_that_breaks_the_rules_changes_nothing_but_the_refresh_token(office, claims):
    await office.due(**claims)
    office.openid.granted["refresh_token"] = "refresh-2"
    await office.ask()
    assert await office.session() == office.created.session
    assert await office.refresh_token() == "refresh-2", "the one before it is spent"


async def test_a_token_that_ends_no_later_is_no_renewal(office):
    await office.due(exp=int(office.created.session.token_end))
    await office.ask()
    assert await office.session() == office.created.session
    office.clock.advance(5)
    office.grant()
    await office.ask()
    assert (await office.session()).token_end == office.clock() + HOUR


async def test_a_sign_out_while_the_provider_answers_wins(office, monkeypatch):
    await office.due()
    office.openid.document["revocation_endpoint"] = f"{office.openid.issuer}/revoke"
    office.openid.answers["revoke"] = web.Response(status=200)
    office.provider._metadata_due = 0.0
    office.openid.granted["refresh_token"] = "refresh-2"
    verify = office.provider.verify

    async def sign_out_meanwhile(*args, **kwargs):
        over = Ending(EndReason.SIGNED_OUT, office.clock(), owes_credentials=False)
        assert await office.desk.sessions.end(office.created.session, over)
        return await verify(*args, **kwargs)

    monkeypatch.setattr(office.provider, "verify", sign_out_meanwhile)
    await office.ask()
    assert await office.reason() is EndReason.SIGNED_OUT
    assert office.openid.posted[-1][1]["token"] == "refresh-2", "what came for an ended session is given back"


async def test_a_dropped_refresh_token_is_revoked_and_trouble_with_it_is_no_trouble(office):
    office.openid.document["revocation_endpoint"] = f"{office.openid.issuer}/revoke"
    office.openid.answers["revoke"] = web.Response(status=500)
    office.provider._metadata_due = 0.0
    with capture_logs() as lines:
        office.refresher.drop(CONTOSO, await office.desk.sessions.tokens(office.created.cookie, "contoso"))
        await office.refresher.idle()
    assert office.openid.asked["revoke"] == 1
    assert [line["event"] for line in lines] == ["refresh_token_not_revoked"]


@pytest.mark.parametrize("other", [{"client_id": "another"}, {"issuer": "https://another.contoso.com"}])
async def test_what_one_provider_gave_goes_to_no_other(office, openid, monkeypatch, other):
    """A reload may give an organization another provider, or another client there, while sessions go on."""
    await office.due()
    refresher, mine = office.refresher, office.provider.settings
    monkeypatch.setattr(office.provider, "settings", replace(mine, **other))
    await office.ask()
    refresher.drop(CONTOSO, await office.desk.sessions.tokens(office.created.cookie, "contoso"))
    await refresher.idle()
    assert (office.asked, openid.posted) == (0, [])
    assert await office.reason() is None
    monkeypatch.setattr(office.provider, "settings", mine)
    office.clock.advance(60)
    await office.ask()
    assert office.asked == 1


async def test_tokens_for_somebody_else_are_given_back(office):
    await office.due(sub="another")
    office.openid.document["revocation_endpoint"] = f"{office.openid.issuer}/revoke"
    office.openid.answers["revoke"] = web.Response(status=200)
    office.provider._metadata_due = 0.0
    office.openid.granted["refresh_token"] = "refresh-2"
    await office.ask()
    assert await office.reason() is EndReason.REFRESH_REFUSED
    assert office.openid.posted[-1][1]["token"] == "refresh-2"


async def test_a_write_whose_answer_was_lost_revokes_nothing(office, monkeypatch):
    await office.due()
    office.openid.document["revocation_endpoint"] = f"{office.openid.issuer}/revoke"
    office.openid.answers["revoke"] = web.Response(status=200)
    office.provider._metadata_due = 0.0
    office.openid.granted["refresh_token"] = "refresh-2"
    renew, answers = office.desk.store.renew, []

    async def lost_once(renewal):
        answers.append(await renew(renewal))
        if len(answers) == 1:
            raise StoreUnavailable("the answer was lost")
        return answers[-1]

    monkeypatch.setattr(office.desk.store, "renew", lost_once)
    await office.ask()
    assert answers == [True, False]
    assert office.openid.asked["revoke"] == 0
    assert await office.refresh_token() == "refresh-2"
    assert (await office.session()).token_end == office.clock() + HOUR


async def test_a_store_that_stays_away_is_tried_until_the_session_s_end(office, monkeypatch):
    await office.due()
    tried = []

    async def away(_renewal):
        tried.append(office.clock())
        office.clock.advance(100)
        raise StoreUnavailable("away")

    monkeypatch.setattr(office.desk.store, "renew", away)
    monkeypatch.setattr("proxy.signin.refresh._WRITE_AGAIN_AFTER", (0.0, 0.0))
    monkeypatch.setattr("proxy.signin.refresh._AND_THEN_EVERY", 0.0)
    with capture_logs() as lines:
        await office.ask()
    assert len(tried) == 3
    assert [line["event"] for line in lines] == ["session_not_refreshed"]


async def test_a_lease_that_ran_out_while_the_store_was_away_has_no_token_used_twice(office, monkeypatch):
    """A provider that renews its refresh tokens takes all of them back when it sees a spent one."""
    await office.due()
    office.openid.granted["refresh_token"] = "refresh-2"
    renew, place = office.desk.store.renew, office.created.session.reference
    tried, refused = [], web.json_response({"error": "invalid_grant"}, status=400)

    async def back_after_a_minute(renewal):
        tried.append(renewal)
        if len(tried) > 1:
            return await renew(renewal)
        office.clock.advance(61)
        await office.desk.store.lease(renewal.place, renewal.owner, 0, office.clock())
        office.openid.answers["token"] = refused
        office.refresher.wanted(office.created.session, CONTOSO, office.created.cookie, "192.0.2.17")
        await asyncio.sleep(0.05)
        raise StoreUnavailable("away")

    monkeypatch.setattr(office.desk.store, "renew", back_after_a_minute)
    await office.ask()
    assert (office.asked, await office.reason()) == (1, None)
    assert await office.refresh_token() == "refresh-2"
    assert place == (await office.session()).reference


async def test_a_stop_waits_for_a_renewal_under_way(office, monkeypatch):
    await office.due()
    verify, going_on = office.provider.verify, asyncio.Event()

    async def slow(*args, **kwargs):
        going_on.set()
        await asyncio.sleep(0.05)
        return await verify(*args, **kwargs)

    monkeypatch.setattr(office.provider, "verify", slow)
    office.refresher.wanted(await office.session(), CONTOSO, office.created.cookie, "")
    await going_on.wait()
    await office.refresher.close()
    assert (await office.session()).token_end == office.clock() + HOUR


async def test_a_store_that_was_away_for_a_moment_still_gets_the_new_refresh_token(clock, openid, client, own_redis):
    desk = Desk(own_redis.url, clock)
    one = Office(desk, openid, client(refresh=True))
    await one.sign_in()
    await one.due()
    openid.granted["refresh_token"] = "refresh-2"
    renew, failed = desk.store.renew, []

    async def away_once(renewal):
        if not failed:
            failed.append(renewal)
            await desk.store._link.run("CLIENT", "NO-SUCH-COMMAND")
        return await renew(renewal)

    desk.store.renew = away_once
    await one.ask()
    assert len(failed) == 1
    assert await one.refresh_token() == "refresh-2"
    await desk.sessions.close()
