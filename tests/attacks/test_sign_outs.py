"""Sign-outs that nobody asked for, and tokens in one another's place; each beside the one that is accepted."""

import asyncio
from collections import Counter
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web

from proxy.errors import TokenRefused
from proxy.tokens.expectations import IdTokenExpectation, LogoutTokenExpectation
from proxy.tokens.jwt import verify_id_token, verify_logout_token
from support import tokens
from support.logout import EVENT, is_in, logout_token, one, sids_of

__all__ = ["one"]

CHANNEL = "/.claims/backchannel-logout"
LOGOUT = {"sid": "s", "jti": "j", "events": {EVENT: {}}, "exp": int(tokens.NOW) + 120}


async def send(one, browser, token) -> int:
    return (await browser.fetch(one.url(CHANNEL), "POST", data={"logout_token": token}, cookies=False)).status


@pytest.mark.parametrize("path", ["/.claims/sign-out", "/.claims/sign-out?everywhere"])
@pytest.mark.parametrize("destination", ["image", "iframe", "document"])
async def test_no_cross_site_get_signs_anybody_out(one, browser, path, destination):
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": destination, "Referer": "https://evil.example/"}
    answer = await browser.fetch(one.url(path), headers=headers)
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert not answer.last.set_cookies
    assert await is_in(one, browser)
    own = await browser.fetch(one.url(path), "POST", headers={"Origin": one.url("")})
    assert own.status == 303
    assert not await is_in(one, browser)


async def test_an_id_token_is_no_logout_token(one, browser):
    """It travels in a URL (`id_token_hint`), signed by the same key for the same audience."""
    sign_out = await browser.fetch(one.url("/.claims/sign-out"), "POST", headers={"Origin": one.url("")})
    hint = parse_qs(urlsplit(sign_out.last.location).query)["id_token_hint"][0]
    await browser.sign_in(one.url("/main.aspx"))
    assert await send(one, browser, hint) == 400
    assert await is_in(one, browser)
    assert await send(one, browser, logout_token(one.adfs, sid=sids_of(one.adfs)[-1])) == 200
    assert not await is_in(one, browser)


def test_a_logout_token_is_no_id_token_whatever_else_it_says():
    keys = tokens.keys_of(tokens.jwk(tokens.rsa_key()))
    expected = IdTokenExpectation(issuer=tokens.ISSUER, client_id=tokens.CLIENT, nonce=tokens.NONCE)
    logout = LogoutTokenExpectation(issuer=tokens.ISSUER, client_id=tokens.CLIENT)
    both = tokens.id_token(**LOGOUT)
    for token in (both, tokens.id_token({"typ": "logout+jwt"}, **LOGOUT)):
        with pytest.raises(TokenRefused, match="nonce_present"):
            verify_logout_token(token, keys, logout, tokens.NOW)
    real = tokens.id_token({"typ": "logout+jwt"}, **LOGOUT, nonce=...)
    with pytest.raises(TokenRefused, match="type"):
        verify_id_token(real, keys, expected, tokens.NOW)
    with pytest.raises(TokenRefused, match="nonce"):
        verify_id_token(tokens.id_token(**LOGOUT, nonce=...), keys, expected, tokens.NOW)
    assert verify_id_token(tokens.id_token(), keys, expected, tokens.NOW)
    assert verify_logout_token(real, keys, logout, tokens.NOW).provider_session == "s"


async def test_a_logout_token_is_no_bearer_token(one, browser):
    bearer = {"Authorization": f"Bearer {logout_token(one.adfs, aud=one.url('/'))}"}
    answer = await browser.fetch(one.url("/api/data/v9.2/WhoAmI"), headers=bearer, cookies=False)
    assert answer.status == 401


async def test_two_hundred_made_up_kids_ask_the_provider_once(world, browser, monkeypatch):
    asked = Counter()

    async def counted(self, request):
        asked["keys"] += 1
        return web.json_response({"keys": [key.jwk() for key in self.state.keys.published]})

    monkeypatch.setattr("proxy.demo.adfs.AdfsDouble._keys", counted)
    one = await world()
    await browser.sign_in(one.url("/main.aspx"))
    before = asked["keys"]
    made_up = [logout_token(one.adfs, header={"kid": f"kid-{number}"}) for number in range(200)]
    answers = Counter(await asyncio.gather(*(send(one, browser, token) for token in made_up)))
    assert answers == {400: 200}
    assert asked["keys"] - before == 1
    assert await is_in(one, browser)
    assert await send(one, browser, logout_token(one.adfs)) == 200


@pytest.mark.parametrize(
    "sid", ["%00", "%0d%0aSet-Cookie:%20a=b", "*", "sid:*", "x" * 1025, "%ff%fe", "🦊", "' OR 1=1", "{tag}:sessions"]
)
async def test_a_hostile_sid_ends_nothing_and_is_echoed_nowhere(one, browser, sid):
    url = f"/.claims/frontchannel-logout?iss={one.adfs.state.issuer.url}&sid={sid}"
    answer = await browser.fetch(one.url(url), cookies=False)
    assert answer.status in {200, 400}
    assert "Set-Cookie" not in answer.headers
    assert sid not in answer.text
    assert await is_in(one, browser)
