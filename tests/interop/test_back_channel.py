"""Back-channel logout as a certified OpenID provider does it: it posts a logout token when somebody signs out there."""

import asyncio
import contextlib
import time
from dataclasses import dataclass

import pytest

from proxy.app import start
from proxy.configuration import load
from proxy.demo.crm import crm_application
from support.browser import Browser
from support.patience import HANG
from support.world import CLIENT_ID, CLIENT_SECRET, free_port, served, write_configuration


@dataclass
class Site:
    """A proxy in this loop before a small CRM, and the provider's log."""

    origin: str
    issuer: str
    provider: object

    async def is_in(self, browser) -> bool:
        return (await browser.fetch(f"{self.origin}/api/data/v9.2/WhoAmI")).status == 200

    async def sign_out_at_the_provider(self, browser) -> None:
        """What another application's sign-out does: nobody comes by here."""
        await browser.open(f"{self.issuer}/session/end")
        await browser.submit(browser.page.form_with("logout"), logout="yes")


@pytest.fixture
async def site(tmp_path, openid_provider):
    async with contextlib.AsyncExitStack() as stack:

        async def make(*, by_sid: bool, **settings) -> Site:
            port, crm = free_port(), free_port()
            origin = f"http://127.0.0.1:{port}"
            client = {
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
                "redirect_uris": [f"{origin}/.claims/callback"],
                "post_logout_redirect_uris": [f"{origin}/.claims/signed-out"],
                "token_endpoint_auth_method": "client_secret_post",
                "backchannel_logout_uri": f"{origin}/.claims/backchannel-logout",
                "backchannel_logout_session_required": by_sid,
            }
            provider = openid_provider(clients=[client], **settings)
            await stack.enter_async_context(served(crm_application(time.time), crm))
            config = write_configuration(
                tmp_path, port=port, issuer=provider.issuer, upstream=f"http://127.0.0.1:{crm}"
            )
            running = await start(load(config, {}), clock=time.time)
            stack.push_async_callback(running.close)
            return Site(origin, provider.issuer, provider)

        yield make


@pytest.mark.parametrize("by_sid", [True, False], ids=["sub and sid", "sub alone"])
async def test_signing_out_at_the_provider_ends_the_session_here(site, browser, by_sid):
    one = await site(by_sid=by_sid)
    async with Browser() as elsewhere, Browser() as bobs:
        for each, login in ((browser, "alice"), (elsewhere, "alice"), (bobs, "bob")):
            await each.sign_in(f"{one.origin}/main.aspx", login)
            assert await one.is_in(each)
        await one.sign_out_at_the_provider(browser)
        async with asyncio.timeout(HANG):
            while await one.is_in(browser):
                pass
        refused = await browser.fetch(f"{one.origin}/api/data/v9.2/WhoAmI")
        assert (refused.status, refused.json()["error"]) == (401, "signed_out")
        # A sid names one browser, a sub the person.
        assert await one.is_in(elsewhere) is by_sid
        assert await one.is_in(bobs)
    assert "backchannel.error" not in one.provider.log.read_text()


@pytest.mark.parametrize("algorithm", ["PS256", "ES256", "EdDSA"])
async def test_it_is_signed_by_whatever_the_provider_signs_with(site, browser, algorithm):
    one = await site(by_sid=True, keys=[algorithm])
    await browser.sign_in(f"{one.origin}/main.aspx", "alice")
    await one.sign_out_at_the_provider(browser)
    assert not await one.is_in(browser)
    assert "backchannel.error" not in one.provider.log.read_text()


async def test_our_own_sign_out_is_answered_by_a_logout_token_that_finds_nothing_left(site, browser):
    one = await site(by_sid=True)
    await browser.sign_in(f"{one.origin}/main.aspx", "alice")
    await browser.open(f"{one.origin}/.claims/sign-out")
    page = await browser.submit()
    if page.forms:
        page = await browser.submit(logout="yes")
    assert str(page.url).startswith(f"{one.origin}/.claims/signed-out")
    assert "backchannel.error" not in one.provider.log.read_text()
    page = await browser.sign_in(f"{one.origin}/main.aspx", "alice")
    assert page.status == 200
    assert await one.is_in(browser)
