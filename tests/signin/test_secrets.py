"""No secret of a sign-in reaches a log, not even the place where logs are redacted."""

from urllib.parse import parse_qsl, urlsplit

import pytest
import structlog

from proxy.signin.provider import Provider
from support.world import CLIENT_SECRET, SECRET

SESSION = "claims-session"
# What travels in addresses and forms and belongs to one sign-in alone.
PARAMETERS = {"code", "state", "nonce", "code_challenge", "id_token_hint"}


@pytest.fixture
def exchanged(monkeypatch):
    """What went to token endpoints and came back: codes, verifiers, tokens."""
    secrets: set[str] = set()
    exchange = Provider.exchange

    async def kept(self, code, verifier, redirect_uri):
        response = await exchange(self, code, verifier, redirect_uri)
        secrets.update({code, verifier, response.id_token, response.access_token, response.refresh_token} - {None})
        return response

    monkeypatch.setattr(Provider, "exchange", kept)
    return secrets


def seen_by(browser) -> set[str]:
    """Cookie values and parameters that a browser was given or gave on."""
    found = set()
    for hop in browser.hops:
        found.update(cookie.partition("=")[2].partition(";")[0] for cookie in hop.set_cookies)
        for url in (str(hop.url), hop.location):
            found.update(value for name, value in parse_qsl(urlsplit(url).query) if name in PARAMETERS)
    # Double quotes and short values (an expired cookie's, a loop's count) are no secrets and stand everywhere.
    return {value for value in found if len(value) > 15}


def leaked(lines: list[str], secrets: set[str]) -> list[str]:
    """Lines that hold a secret or, where it is long, a telling part of it."""
    return [line for line in lines for secret in secrets if secret[:40] in line or secret[-40:] in line]


@pytest.mark.parametrize("mode", ["query", "form_post"])
async def test_a_whole_sign_in_and_out_logs_no_secret(world, browser, logged, exchanged, mode):
    one = await world(provider={"response_mode": mode})
    await browser.sign_in(one.url("/main.aspx?key=secret-of-the-page"))
    await browser.open(one.url("/.claims/sign-out"))
    await browser.submit()
    secrets = seen_by(browser) | exchanged | {CLIENT_SECRET, SECRET, "secret-of-the-page"}
    assert len(exchanged) == 5
    assert len(secrets) > 10
    lines = logged()
    assert any("signed_in" in line for line in lines)
    assert any("signed_out" in line for line in lines)
    assert not leaked(lines, secrets)


async def test_refused_answers_log_no_secret(world, browser, other_browser, *, steps, logged, exchanged):
    one = steps(await world())
    await one.know(browser)
    url = await one.answer(browser)
    await other_browser.open(url)
    await browser.open(url.replace("code=", "code=x"))
    await browser.open(url)
    await browser.open(f"{url}&state=another-secret-state")
    await browser.open(url.replace("state=", "state=xxxx"))
    await browser.open(f"{await one.answer(browser)}&iss=https://evil.example/")
    token = next(secret for secret in exchanged if secret.count(".") == 2)
    altered = token[:-8] + "AAAAAAAA"
    await browser.fetch(one.world.url("/api/data/v9.2/WhoAmI"), headers={"Authorization": f"Bearer {altered}"})
    lines = logged()
    reasons = ("other_browser", "provider_refused", "bad_request", "state_unknown", "'issuer'", "bearer_refused")
    for reason in reasons:
        assert any(reason in line for line in lines), reason
    assert not leaked(lines, seen_by(browser) | seen_by(other_browser) | exchanged | {altered, CLIENT_SECRET, SECRET})


async def test_a_provider_in_trouble_logs_no_secret(world, browser, steps, logged, monkeypatch):
    one = steps(await world())
    await one.know(browser)
    url = await one.answer(browser)
    monkeypatch.setattr("proxy.demo.adfs_token_endpoint.access_token", lambda *_: 1 / 0)
    assert (await browser.open(url)).status == 503
    lines = logged()
    assert any("provider_unavailable" in line for line in lines)
    assert not leaked(lines, seen_by(browser) | {CLIENT_SECRET, SECRET})


async def test_the_search_finds_what_leaks(world, browser, steps, logged, exchanged):
    one = steps(await world())
    await browser.sign_in(one.world.url("/main.aspx"))
    structlog.get_logger("test").info("leak", path=f"/.claims/callback?x={browser.cookie(SESSION)}")
    assert len(leaked(logged(), seen_by(browser))) == 1
