"""Front-channel logout as a certified OpenID provider did it: its page frames our address, with `iss` and `sid`.

Version 6 of it does; version 7 left front-channel logout out.
"""

import contextlib
import html
import re
import time

import aiohttp
import pytest

from proxy.app import start
from proxy.configuration import load
from proxy.demo.crm import crm_application
from support.browser import Browser
from support.world import CLIENT_ID, CLIENT_SECRET, free_port, served, write_configuration


@pytest.fixture
async def site(tmp_path, front_channel_provider):
    """The origin of a proxy before a small CRM, and its provider's issuer."""
    port, crm = free_port(), free_port()
    origin = f"http://127.0.0.1:{port}"
    client = {
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "redirect_uris": [f"{origin}/.claims/callback"],
        "post_logout_redirect_uris": [f"{origin}/.claims/signed-out"],
        "token_endpoint_auth_method": "client_secret_post",
        "frontchannel_logout_uri": f"{origin}/.claims/frontchannel-logout",
        "frontchannel_logout_session_required": True,
    }
    provider = front_channel_provider(clients=[client])
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(served(crm_application(time.time), crm))
        config = write_configuration(tmp_path, port=port, issuer=provider.issuer, upstream=f"http://127.0.0.1:{crm}")
        running = await start(load(config, {}), clock=time.time)
        stack.push_async_callback(running.close)
        yield origin, provider.issuer


async def is_in(origin, browser) -> bool:
    return (await browser.fetch(f"{origin}/api/data/v9.2/WhoAmI")).status == 200


async def test_signing_out_at_the_provider_ends_the_session_by_its_frame_without_any_cookie(site, browser):
    origin, issuer = site
    async with Browser() as elsewhere:
        for each in (browser, elsewhere):
            await each.sign_in(f"{origin}/main.aspx", "alice")
            assert await is_in(origin, each)
        await browser.open(f"{issuer}/session/end")
        page = await browser.submit(browser.page.form_with("logout"), logout="yes")
        [frame] = [html.unescape(source) for source in re.findall(r'<iframe src="([^"]+)"', page.text)]
        assert frame.startswith(f"{origin}/.claims/frontchannel-logout?")
        assert await is_in(origin, browser)
        # As a browser that blocks cookies of other sites loads it.
        headers = {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": "cross-site"}
        async with aiohttp.ClientSession() as client, client.get(frame, headers=headers) as answer:
            assert answer.status == 200
            assert f"frame-ancestors {issuer}" in answer.headers["Content-Security-Policy"]
        refused = await browser.fetch(f"{origin}/api/data/v9.2/WhoAmI")
        assert (refused.status, refused.json()["error"]) == (401, "signed_out")
        assert await is_in(origin, elsewhere), "a sid names one browser"


async def test_our_own_sign_out_goes_by_the_provider_and_comes_back(site, browser):
    origin, _ = site
    await browser.sign_in(f"{origin}/main.aspx", "alice")
    await browser.open(f"{origin}/.claims/sign-out")
    page = await browser.submit()
    if page.forms:
        page = await browser.submit(logout="yes")
    assert f"{origin}/.claims/signed-out" in page.text or str(page.url).startswith(f"{origin}/.claims/signed-out")
    assert not await is_in(origin, browser)
