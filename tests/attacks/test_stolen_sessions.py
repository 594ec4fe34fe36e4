"""What a thief of cookies, or one who plants them, tries."""

import pytest
from structlog.testing import capture_logs

from support.trail import Trail
from support.world import custom

WHO = "/api/data/v9.2/WhoAmI"


@pytest.fixture
async def bound(world, browser):
    one = await world(**custom(nonce=True))
    await browser.sign_in(one.url("/main.aspx"))
    return one


def jar(browser, **changes) -> str:
    cookies = {name: browser.cookie(name) for name in ("claims-session", "claims-nonce")} | changes
    return "; ".join(f"{name}={value}" for name, value in cookies.items() if value is not None)


async def ask(browser, one, cookie, **headers):
    return await browser.fetch(one.url(WHO), headers={"Cookie": cookie, **headers}, cookies=False)


async def test_the_jar_itself_passes(bound, browser):
    assert (await ask(browser, bound, jar(browser))).status == 200


@pytest.mark.parametrize("nonce", ["", "x", "null", "n" * 43, "%00", "n" * 3000])
async def test_no_guessed_nonce_passes(bound, browser, nonce):
    answer = await ask(browser, bound, jar(browser, **{"claims-nonce": nonce}))
    assert (answer.status, answer.json()["error"]) == (401, "binding_broken")


async def test_of_two_nonces_one_was_planted(bound, browser):
    answer = await ask(browser, bound, f"{jar(browser)}; claims-nonce={'p' * 43}")
    assert answer.status == 400
    assert (await ask(browser, bound, jar(browser))).status == 200


async def test_another_person_s_nonce_does_not_fit(bound, browser, other_browser):
    await other_browser.sign_in(bound.url("/main.aspx"), "bob")
    answer = await ask(browser, bound, jar(browser, **{"claims-nonce": other_browser.cookie("claims-nonce")}))
    assert answer.status == 401
    assert (await ask(other_browser, bound, jar(other_browser))).status == 200


async def test_a_made_up_bound_cookie_binds_nothing_that_is_not_bound(bound, browser):
    assert (
        await ask(browser, bound, jar(browser, **{"claims-device": "9999999999.aaaaaaaaaaaaaaaaaaaaaa"}))
    ).status == 200


async def sign_out(browser, one, cookie, path="/.claims/sign-out"):
    """The POST of the sign-out page, with these cookies; the Location it is answered with."""
    headers = {"Cookie": cookie, "Origin": one.url("")}
    answer = await browser.fetch(one.url(path), "POST", headers=headers, cookies=False)
    assert answer.status == 303
    return answer.last.location


@pytest.mark.parametrize("path", ["/.claims/sign-out", "/.claims/sign-out?everywhere"])
async def test_a_thief_s_sign_out_ends_the_stolen_session_alone_and_tells_whose_it_was_to_nobody(
    bound, browser, other_browser, path
):
    """The id token goes to the provider through the browser (`id_token_hint`)."""
    await other_browser.sign_in(bound.url("/main.aspx"))
    here, there = jar(browser), jar(other_browser)
    with capture_logs() as lines:
        location = await sign_out(browser, bound, jar(browser, **{"claims-nonce": None}), path)
    assert "/adfs/oauth2/logout" in location
    assert "id_token_hint" not in location
    event = Trail(lines).only("binding_broken")
    assert (event["principal"], event["broken"]) == ("alice@contoso.com", "nonce_absent")
    assert (await ask(browser, bound, here)).json()["error"] == "binding_broken"
    assert "id_token_hint" not in await sign_out(browser, bound, here, "/.claims/sign-out?everywhere")
    assert (await ask(other_browser, bound, there)).status == 200
    assert "id_token_hint" in await sign_out(other_browser, bound, there, path)
    assert (await ask(other_browser, bound, there)).json()["error"] == "signed_out"
