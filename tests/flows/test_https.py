"""Over https, as in production: cookies bound to the host, and form_post across sites."""

import ssl

import pytest
from yarl import URL

from support.browser import Browser
from support.certificates import make_certificate
from support.world import custom


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


BARE = [f"claims-{kind}" for kind in ("session", "nonce", "device", "cleanup", "held", "loop", "login-0")]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/data/v9.2/WhoAmI"),
        ("GET", "/.claims/session"),
        ("POST", "/.claims/activity"),
        ("GET", "/.claims/sign-in?return=/main.aspx"),
        ("GET", "/.claims/held-form"),
        ("GET", "/?wa=wsignoutcleanup1.0"),
        ("POST", "/main.aspx"),
        ("POST", "/.claims/sign-out"),
    ],
)
async def test_planted_bare_cookies_change_no_response_over_https(safe, method, path):
    """A site of the same domain sets them for all of it; only a second cookie of our own name is refused."""
    one = await safe(**custom(nonce=True))
    statuses = []
    planted = "; ".join(f"{name}=planted; {name}=again" for name in BARE)
    for more in ("", f"; {planted}", "; __Host-claims-nonce=planted"):
        async with Browser(tls=safe.trust) as browser:
            await browser.sign_in(one.url("/main.aspx"), "alice")
            jar = browser.cookies.header(URL(one.url(path)), same_site=True, navigation=False, method=method)
            data = {"a": "b"} if method == "POST" else None
            answer = await browser.fetch(one.url(path), method, headers={"Cookie": jar + more}, data=data)
            statuses.append(answer.status)
    assert statuses[0] == statuses[1] != 400
    assert statuses[2] == 400


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
