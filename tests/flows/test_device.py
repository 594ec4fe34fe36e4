"""Device Bound Session Credentials over https: registration, refresh, and a jar that is worth nothing elsewhere."""

import asyncio
import re
import ssl

import pytest

from support.browser import Browser
from support.certificates import make_certificate
from support.device import INVITATION, Device, challenge_in
from support.patience import until
from support.ports import free_port
from support.world import custom

WHO, BOUND, SESSION = "/api/data/v9.2/WhoAmI", "__Host-claims-device", "__Host-claims-session"
REGISTER = "/.claims/device/register"


@pytest.fixture
async def safe(tmp_path, world, state):
    """A world behind https: `await safe(mode, **keys)`; `safe.trust` trusts it."""
    files = make_certificate(tmp_path)

    async def make(mode="auto", **keys):
        keys = {"binding": {"device_bound_sessions": mode}, "state": state} | keys
        return await world(listen={"tls": files}, **keys)

    make.trust = ssl.create_default_context(cafile=files["certificate"])
    return make


@pytest.fixture
async def owner(safe):
    async with Browser(tls=safe.trust) as one:
        yield one


@pytest.fixture
async def thief(safe):
    async with Browser(tls=safe.trust) as one:
        yield one


@pytest.fixture
def device() -> Device:
    return Device()


@pytest.fixture
def bound(safe, owner, device):
    """A world whose owner has signed in and registered: `await bound(mode)`."""

    async def make(mode="auto", **keys):
        one = await safe(mode, **keys)
        await owner.sign_in(one.url("/main.aspx"))
        answer = await device.register(owner)
        assert answer.status == 200, answer.text
        return one

    return make


async def test_a_registration_is_answered_with_instructions_and_a_bound_cookie(bound, owner, device):
    one = await bound()
    answer = owner.hops[-1]
    [cookie] = answer.headers.getall("Set-Cookie")
    assert re.fullmatch(rf"{BOUND}=[0-9]+\.[\w-]{{22}}; Path=/; HttpOnly; Max-Age=300; Secure; SameSite=Lax", cookie)
    assert answer.headers["Cache-Control"] == "no-store"
    assert device.refresh_url == "/.claims/device/refresh"
    assert f'"name": "{BOUND}", "attributes": "Path=/; HttpOnly; Secure; SameSite=Lax"' in answer.text
    assert (await owner.fetch(one.url(WHO))).status == 200


async def test_a_stolen_jar_is_worthless_once_its_bound_cookie_has_gone_and_the_owner_works_on(
    bound, owner, thief, device, clock
):
    one = await bound()
    # Ours alone: the provider's own cookies, stolen with them, would sign a thief in there.
    jar = owner.cookies.cookies.items()
    thief.cookies.cookies = {place: each for place, each in jar if each.name.startswith("__Host-claims-")}
    assert (await thief.fetch(one.url(WHO))).status == 200
    for _ in range(3):
        clock.advance(300)
        assert (await device.prove(owner)).status == 200
        clock.advance(31)
        assert (await owner.fetch(one.url(WHO))).status == 200
        answer = await thief.fetch(one.url(WHO))
        assert (answer.status, answer.json()["error"]) == (401, "device_unproven")
    page = await thief.open(one.url("/main.aspx"))
    assert "/adfs/" in str(page.url)
    assert (await owner.fetch(one.url(WHO))).status == 200


async def test_the_page_s_endpoints_ask_for_the_device_too(bound, owner, clock):
    one = await bound(**custom(inactivity=60))
    assert (await owner.fetch(one.url("/.claims/activity"), "POST")).status == 200
    clock.advance(331)
    answer = await owner.fetch(one.url("/.claims/activity"), "POST")
    assert (answer.status, answer.json()) == (401, {"state": "none", "reason": "device_unproven"})


async def test_whoever_lost_his_device_signs_in_and_registers_anew(bound, owner, clock):
    one = await bound()
    clock.advance(400)
    owner.forget(BOUND)
    before = owner.cookie(SESSION)
    assert (await owner.sign_in(one.url("/main.aspx"))).status == 200
    assert owner.cookie(SESSION) != before
    assert (await Device().register(owner)).status == 200
    assert (await owner.fetch(one.url(WHO))).status == 200


async def test_requests_under_way_while_the_key_is_registered_still_pass(bound, owner, clock):
    one = await bound()
    owner.forget(BOUND)
    clock.advance(14)
    assert (await owner.fetch(one.url(WHO))).status == 200
    clock.advance(1)
    assert (await owner.fetch(one.url(WHO))).status == 401


async def test_a_key_is_registered_once_and_in_time(safe, owner, device, clock):
    one = await safe()
    await owner.sign_in(one.url("/main.aspx"))
    clock.advance(59)
    assert (await device.register(owner)).status == 200
    assert (await Device().register(owner)).json() == {"error": "challenge_used"}
    await owner.sign_in(one.url("/.claims/sign-in?return=/main.aspx"))
    owner.forget(SESSION)
    await owner.sign_in(one.url("/main.aspx"))
    clock.advance(60)
    answer = await Device().register(owner)
    assert (answer.status, answer.json()) == (403, {"error": "challenge_expired"})


async def test_only_one_of_many_registrations_with_one_challenge_wins(safe, owner):
    one = await safe()
    await owner.sign_in(one.url("/main.aspx"))
    answers = await asyncio.gather(*(Device().register(owner) for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [200] + [403] * 7


async def test_a_session_that_was_signed_out_takes_no_key_and_gives_no_cookie(bound, owner, device):
    one = await bound()
    asked = challenge_in(await device.refresh(owner))
    await owner.open(one.url("/.claims/sign-out"))
    await owner.submit()
    assert owner.cookie(BOUND) is None
    answer = await owner.fetch(
        one.url(device.refresh_url),
        "POST",
        headers={"Sec-Secure-Session-Id": device.session, "Secure-Session-Response": device.proof(asked)},
    )
    assert (answer.status, answer.json()) == (401, {"error": "session_gone"})


async def test_a_sign_out_without_the_device_ends_the_session_and_shows_no_id_token(bound, owner, thief, device, clock):
    one = await bound()
    jar = owner.cookies.cookies.items()
    thief.cookies.cookies = {place: each for place, each in jar if each.name.startswith("__Host-claims-")}
    clock.advance(331)
    answer = await thief.fetch(one.url("/.claims/sign-out"), "POST", headers={"Origin": one.url("")})
    assert answer.status == 303
    assert "id_token_hint" not in answer.last.location
    assert (await owner.fetch(one.url(WHO))).json()["error"] == "signed_out"
    await owner.sign_in(one.url("/main.aspx"))
    answer = await owner.fetch(one.url("/.claims/sign-out"), "POST", headers={"Origin": one.url("")})
    assert "id_token_hint" in answer.last.location


async def test_a_refresh_without_a_good_proof_gives_no_cookie(bound, owner, device, clock):
    await bound()
    first = challenge_in(await device.refresh(owner))
    assert (await device.refresh(owner, Device().proof(first))).status == 401
    assert (await device.refresh(owner, device.proof("made-up"))).status == 403
    assert (await device.refresh(owner, device.proof(first))).status == 200
    # Once used it asks anew; and so does one that took too long.
    second = challenge_in(await device.refresh(owner, device.proof(first)))
    clock.advance(60)
    third = challenge_in(await device.refresh(owner, device.proof(second)))
    clock.advance(59)
    assert (await device.refresh(owner, device.proof(third))).status == 200


async def test_a_challenge_serves_its_own_session_and_purpose_alone(bound, owner, thief, device):
    one = await bound()
    await thief.sign_in(one.url("/main.aspx"), "bob")
    other = Device()
    invited = next(hop.headers[INVITATION] for hop in thief.hops if INVITATION in hop.headers)
    for_registration = re.search(r'challenge="([^"]+)"', invited)[1]
    assert (await device.refresh(owner, device.proof(for_registration))).status == 403
    assert (await other.register(thief)).status == 200
    theirs = challenge_in(await other.refresh(thief))
    assert (await device.refresh(owner, device.proof(theirs))).status == 403
    assert (await other.refresh(thief, other.proof(theirs))).status == 200


async def test_where_it_is_required_a_browser_without_it_is_refused_after_a_minute(safe, owner, clock):
    one = await safe("required")
    await owner.sign_in(one.url("/main.aspx"))
    clock.advance(59)
    assert (await owner.fetch(one.url(WHO))).status == 200
    clock.advance(1)
    answer = await owner.fetch(one.url(WHO))
    assert (answer.status, answer.json()["error"]) == (403, "device_unregistered")
    page = await owner.open(one.url("/main.aspx"))
    assert page.status == 403
    assert "This browser cannot be used here" in page.text
    # The page's link signs in anew, and a browser that can do it has another minute.
    assert (await owner.sign_in(one.url("/.claims/sign-in?return=/main.aspx"))).status == 200
    assert (await Device().register(owner)).status == 200
    clock.advance(61)
    assert (await owner.fetch(one.url(WHO))).status == 200


async def test_where_it_is_auto_a_browser_without_it_goes_on(safe, owner, clock):
    one = await safe()
    await owner.sign_in(one.url("/main.aspx"))
    clock.advance(3000)
    assert (await owner.fetch(one.url(WHO))).status == 200


async def test_off_invites_nobody_and_has_no_endpoints(safe, owner):
    one = await safe("off")
    await owner.sign_in(one.url("/main.aspx"))
    assert not any(INVITATION in hop.headers for hop in owner.hops)
    assert (await owner.fetch(one.url(REGISTER), "POST")).status == 404


async def test_plain_http_invites_nobody(world, browser):
    one = await world(binding={"device_bound_sessions": "auto"})
    await browser.sign_in(one.url("/main.aspx"))
    assert not any(INVITATION in hop.headers for hop in browser.hops)
    assert (await browser.fetch(one.url(REGISTER), "POST")).status == 404


@pytest.mark.parametrize("state", ["redis"], indirect=True)
async def test_another_node_asks_for_the_device_at_once(safe, owner, device, clock):
    one = await safe()
    await owner.sign_in(one.url("/main.aspx"))
    node = await one.start_proxy(free_port())
    there = f"https://127.0.0.1:{node.port}{WHO}"
    assert (await owner.fetch(there)).status == 200
    assert (await device.register(owner)).status == 200
    clock.advance(20)
    assert (await owner.fetch(there)).status == 200
    owner.forget(BOUND)

    async def refused():
        answer = await owner.fetch(there)
        return answer if answer.status != 200 else None

    assert (await until(refused)).json()["error"] == "device_unproven"
