"""A person at work while sessions are renewed: through whole proxies, an AD FS double and a real Redis."""

import asyncio
from collections import Counter
from dataclasses import replace

import aiohttp
import pytest

from proxy.demo.adfs_token_endpoint import TokenEndpoint
from proxy.gateway.judgement import Judge
from support.patience import HANG, until
from support.ports import free_port
from support.world import custom

SESSION = "claims-session"
WHO = "/api/data/v9.2/WhoAmI"
MINUTE = 60.0
ON = {"provider": {"refresh": "on"}}


@pytest.fixture
def asked(monkeypatch):
    """How often AD FS's token endpoint was asked, by grant type; a hook may stand in its way."""
    counts: Counter[str] = Counter()
    tokens = TokenEndpoint._tokens

    def counted(self, client, form):
        counts[form["grant_type"]] += 1
        return tokens(self, client, form)

    monkeypatch.setattr(TokenEndpoint, "_tokens", counted)
    return counts


async def settled(*proxies):
    """Renewals under way have ended."""
    for proxy in proxies:
        await proxy._telling.wired.refresher.idle()


async def left(browser, one) -> float:
    """Seconds to the session's end, as the page's script is told."""
    return (await browser.fetch(one.url("/.claims/session"))).json()["session_ends_in"]


async def heard_of(one, browser):
    """Until the worker trusts its copies, so that the fast lane is used."""

    async def cached():
        await browser.fetch(one.url(WHO))
        return one.proxy.sessions.cached(browser.cookie(SESSION), "contoso")

    await until(cached)


async def test_who_works_on_is_never_sent_to_sign_in_again(world, browser, clock, state, asked):
    one = await world(state=state, **ON)
    await browser.sign_in(one.url("/main.aspx"), "alice")
    cookie = browser.cookie(SESSION)
    for _ in range(40):
        clock.advance(4 * MINUTE)
        assert (await browser.fetch(one.url(WHO))).status == 200
        await settled(one.proxy)
    assert browser.cookie(SESSION) == cookie
    assert asked == {"authorization_code": 1, "refresh_token": 2}
    assert await left(browser, one) == 12 * MINUTE


async def test_without_refresh_a_session_ends_with_its_token(world, browser, clock, asked):
    one = await world()
    await browser.sign_in(one.url("/main.aspx"), "alice")
    clock.advance(56 * MINUTE)
    assert (await browser.fetch(one.url(WHO))).status == 200
    clock.advance(4 * MINUTE)
    assert (await browser.fetch(one.url(WHO))).json()["error"] == "token_lifetime"
    assert asked == {"authorization_code": 1}


async def test_the_fast_lane_begins_a_renewal_too(world, browser, clock, asked, monkeypatch):
    one = await world(**ON)
    await browser.sign_in(one.url("/main.aspx"), "alice")
    await heard_of(one, browser)
    judged, judge = [], Judge.judge

    async def in_full_lane(self, facts, *rest):
        judged.append(facts.path)
        return await judge(self, facts, *rest)

    monkeypatch.setattr(Judge, "judge", in_full_lane)
    clock.advance(56 * MINUTE)
    assert (await browser.fetch(one.url(WHO))).status == 200
    await settled(one.proxy)
    assert asked["refresh_token"] == 1
    assert judged == []


async def test_the_page_s_script_alone_keeps_nobody_waiting_for_a_renewal(world, browser, clock, asked):
    one = await world(**ON)
    await browser.sign_in(one.url("/main.aspx"), "alice")
    clock.advance(56 * MINUTE)
    assert await left(browser, one) == 4 * MINUTE
    await settled(one.proxy)
    assert await left(browser, one) == 60 * MINUTE


async def test_custom_timeouts_rule_alone(world, browser, clock, asked):
    limits = custom(session=60)
    one = await world(**limits, **ON)
    await browser.sign_in(one.url("/main.aspx"), "alice")
    clock.advance(59 * MINUTE)
    assert (await browser.fetch(one.url(WHO))).status == 200
    await settled(one.proxy)
    assert asked == {"authorization_code": 1}
    clock.advance(MINUTE)
    assert (await browser.fetch(one.url(WHO))).json()["error"] == "session_timeout"


async def test_polling_in_an_idle_session_renews_it_and_still_ends_idle(world, browser, clock, state, asked):
    one = await world(state=state, **custom(inactivity=58), **ON)
    await browser.sign_in(one.url("/main.aspx"), "alice")
    clock.advance(57 * MINUTE)
    assert (await browser.fetch(one.url(WHO))).status == 200
    await settled(one.proxy)
    assert asked["refresh_token"] == 1
    clock.advance(MINUTE)
    assert (await browser.fetch(one.url(WHO))).json()["error"] == "inactivity_timeout"


async def test_claims_are_read_anew(world, browser, clock, asked):
    one = await world(**ON, organization={"require": [{"claim": "group", "values": ["Sales"]}]})
    await browser.sign_in(one.url("/main.aspx"), "alice")
    grants = one.adfs.state.refresh_tokens
    for text, grant in grants.items():
        grants[text] = replace(grant, person=replace(grant.person, groups=("Interns",)))
    clock.advance(56 * MINUTE)
    assert (await browser.fetch(one.url(WHO))).status == 200
    await settled(one.proxy)
    assert (await browser.fetch(one.url(WHO))).status == 403


async def test_a_disabled_user_is_out_at_the_next_refresh_and_may_sign_in_again_elsewhere(
    world, browser, clock, state, asked
):
    one = await world(state=state, **ON)
    await browser.sign_in(one.url("/main.aspx"), "alice")
    one.adfs.state.refresh_tokens.clear()
    clock.advance(56 * MINUTE)
    assert (await browser.fetch(one.url(WHO))).status == 200
    await settled(one.proxy)
    refused = await browser.fetch(one.url(WHO))
    assert (refused.status, refused.json()["error"]) == (401, "refresh_refused")
    assert "/adfs/oauth2/authorize" in str((await browser.open(one.url("/main.aspx"))).hops[2].url)


async def test_a_provider_that_hangs_holds_no_request_up_and_ends_nobody(world, browser, clock, monkeypatch):
    one = await world(**ON)
    await browser.sign_in(one.url("/main.aspx"), "alice")
    provider = one.proxy._telling.wired.providers["default"].provider
    released, reached = asyncio.Event(), asyncio.Event()
    post = provider.tokens._ask

    async def hangs(kind, *args, **kwargs):
        if kind == "refresh":
            reached.set()
            await released.wait()
        return await post(kind, *args, **kwargs)

    monkeypatch.setattr(provider.tokens, "_ask", hangs)
    clock.advance(56 * MINUTE)
    async with asyncio.timeout(HANG):
        for _ in range(5):
            assert (await browser.fetch(one.url(WHO))).status == 200
        await reached.wait()
        assert (await browser.fetch(one.url(WHO))).status == 200
    released.set()
    await settled(one.proxy)
    assert await left(browser, one) == 60 * MINUTE


async def test_200_requests_at_3_proxies_make_one_call_and_sign_nobody_out(world, browser, clock, redis_url, asked):
    one = await world(state=redis_url, **ON)
    others = [await one.start_proxy(free_port()) for _ in range(2)]
    proxies = [one.proxy, *others]
    await browser.sign_in(one.url("/main.aspx"), "alice")
    headers = {"Cookie": f"{SESSION}={browser.cookie(SESSION)}"}
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=0)) as client:

        async def get(number: int) -> int:
            port = proxies[number % len(proxies)].port
            async with client.get(f"http://127.0.0.1:{port}{WHO}") as answer:
                return answer.status

        assert [await get(number) for number in range(3)] == [200] * 3
        for round_ in range(1, 4):
            clock.advance(56 * MINUTE)
            statuses = await asyncio.gather(*map(get, range(200)))
            await settled(*proxies)
            assert Counter(statuses) == {200: 200}
            assert asked["refresh_token"] == round_
        clock.advance(59 * MINUTE)
        assert Counter(await asyncio.gather(*map(get, range(200)))) == {200: 200}


async def test_a_sign_out_drops_the_refresh_token_and_nothing_brings_the_session_back(world, browser, clock, state):
    one = await world(state=state, **ON)
    await browser.sign_in(one.url("/main.aspx"), "alice")
    cookie = browser.cookie(SESSION)
    assert (await one.proxy.sessions.tokens(cookie, "contoso")).refresh_token is not None
    clock.advance(56 * MINUTE)
    await browser.open(one.url("/.claims/sign-out"))
    await browser.submit()
    await settled(one.proxy)
    answer = await browser.fetch(one.url(WHO), headers={"Cookie": f"{SESSION}={cookie}"}, cookies=False)
    assert answer.json()["error"] == "signed_out"
    assert (await one.proxy.sessions.tokens(cookie, "contoso")).refresh_token is None
