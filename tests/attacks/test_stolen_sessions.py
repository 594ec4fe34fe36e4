"""What a thief of cookies, or one who plants them, tries."""

import pytest

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
