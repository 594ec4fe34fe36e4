"""Over https, as in production: cookies bound to the host, and form_post across sites."""

import ssl

import pytest

from support.browser import Browser
from support.certificates import make_certificate


@pytest.fixture
async def safe(tmp_path, world):
    """A world behind https, and a browser that trusts it: `await safe(**keys)`."""
    files = make_certificate(tmp_path)

    async def make(**keys):
        return await world(listen={"tls": files}, **keys)

    make.trust = ssl.create_default_context(cafile=files["certificate"])
    return make


@pytest.mark.parametrize("mode", ["query", "form_post"])
async def test_cookies_are_bound_to_the_host_and_none_is_dropped(safe, mode):
    one = await safe(provider={"response_mode": mode})
    async with Browser(tls=safe.trust) as browser:
        page = await browser.sign_in(one.url("/main.aspx"), "alice")
        assert (page.status, str(page.url)) == (200, one.url("/main.aspx"))
        set_by_us = [cookie for hop in browser.hops for cookie in hop.set_cookies if "claims-" in cookie]
        assert set_by_us
        for cookie in set_by_us:
            assert cookie.startswith("__Host-claims-")
            attributes = {part.strip() for part in cookie.split(";")[1:]}
            assert {"Path=/", "Secure", "HttpOnly"} <= attributes
            assert not any(part.startswith("Domain") for part in attributes)
        assert browser.cookies.dropped == []


async def test_a_bare_session_cookie_counts_for_nothing_over_https(safe):
    one = await safe()
    async with Browser(tls=safe.trust) as browser:
        await browser.sign_in(one.url("/main.aspx"), "alice")
        value = browser.cookie("__Host-claims-session")
        for name, status in (("claims-session", 401), ("__Host-claims-session", 200)):
            answer = await browser.fetch(
                one.url("/api/data/v9.2/WhoAmI"), headers={"Cookie": f"{name}={value}"}, cookies=False
            )
            assert answer.status == status
