"""Device Bound Session Credentials in a real browser, over https with a certificate that it trusts."""

import os

import pytest
from playwright.async_api import async_playwright

from support.patience import until

FEATURES = (
    "--enable-features=DeviceBoundSessions:ForceEnableForTesting/true,"
    "EnableBoundSessionCredentialsSoftwareKeysForManualTesting"
)
WHO, BOUND = "/api/data/v9.2/WhoAmI", "__Host-claims-device"


@pytest.fixture
async def able(chromium_path, trusted_home):
    """A browser with keys of its own; each of its contexts is as apart as another computer."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    environment = {**os.environ, "HOME": str(trusted_home)}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium_path, args=["--disable-gpu", FEATURES, *sandbox], env=environment
        )
        yield browser
        await browser.close()


async def status(page) -> int:
    return await page.evaluate(f"fetch('{WHO}').then(answer => answer.status)")


async def ours(context) -> list:
    """Our cookies: the provider's own, stolen with them, would sign a thief in there."""
    return [cookie for cookie in await context.cookies() if cookie["name"].startswith("__Host-claims-")]


async def has_bound_cookie(context) -> bool:
    return BOUND in {cookie["name"] for cookie in await ours(context)}


async def test_a_stolen_cookie_dies_with_its_bound_cookie_and_the_owner_works_on(
    world, able, trusted_certificate, clock
):
    one = await world(listen={"tls": trusted_certificate}, binding={"device_bound_sessions": "auto"})
    owner = await able.new_context()
    page = await owner.new_page()
    await page.goto(one.url("/main.aspx"))
    await page.check("input[value^=alice]")
    await page.fill("input[name=Password]", "any will do")
    await page.click("button, input[type=submit]")
    await page.wait_for_url(one.url("/main.aspx"))
    await until(lambda: has_bound_cookie(owner))

    thief = await able.new_context()
    await thief.add_cookies(await ours(owner))
    stolen = await thief.new_page()
    await stolen.goto(one.url("/main.aspx"))
    assert stolen.url == one.url("/main.aspx")
    assert await status(stolen) == 200

    for _ in range(3):
        # The browser's copy ends by the wall's clock, the proxy's view of it by the test's.
        clock.advance(331)
        await owner.clear_cookies(name=BOUND)
        assert await status(page) == 200
        assert await has_bound_cookie(owner)
        assert await status(stolen) == 401
    await page.goto(one.url("/main.aspx"))
    assert page.url == one.url("/main.aspx")
    await stolen.goto(one.url("/main.aspx"))
    assert "/adfs/" in stolen.url
    assert await status(page) == 200
