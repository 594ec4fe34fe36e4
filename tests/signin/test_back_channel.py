"""Back-channel logout: a token that breaks any rule ends nothing, and the same without the fault ends the session."""

import aiohttp
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from support import tokens
from support.logout import EVENT, is_in, logout_token, one, sids_of, subject_of
from support.world import free_port

__all__ = ["one"]

FORM = "application/x-www-form-urlencoded"


async def post(one, data, *, path="/.claims/backchannel-logout", method="POST", **headers):
    """What the provider's server sends: (status, headers, body). It has no cookie of anybody's."""
    async with (
        aiohttp.ClientSession() as client,
        client.request(method, one.url(path), data=data, headers=headers) as answer,
    ):
        return answer.status, answer.headers, await answer.text()


async def send(one, token: str, **more) -> int:
    return (await post(one, {"logout_token": token}, **more))[0]


def foreign_key(_):
    return {"key": tokens.rsa_key(nth=7)}


def public_key_as_secret(one):
    public = one.adfs.state.keys.signing.private.public_key()
    return {"algorithm": "HS256", "key": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)}


NOW = int(tokens.NOW)
BROKEN = {
    "alg none": ({"algorithm": "none"}, "algorithm"),
    "alg none over a signature": ({"header": {"alg": "none"}}, "algorithm"),
    "another alg than the provider's": ({"algorithm": "RS384"}, "algorithm"),
    "hs256 with the public key": (public_key_as_secret, "algorithm"),
    "another's key": (foreign_key, "signature"),
    "a key from the header": ({"header": {"jku": "https://evil.example/keys"}}, "header"),
    "an access token's type": ({"header": {"typ": "at+jwt"}}, "type"),
    "a type that is no text": ({"header": {"typ": None}}, "type"),
    "no issuer": ({"iss": ...}, "claim_missing"),
    "another issuer": ({"iss": "https://evil.example/adfs"}, "issuer"),
    "no audience": ({"aud": ...}, "claim_missing"),
    "another audience": ({"aud": "another-client"}, "audience"),
    "no iat": ({"iat": ...}, "claim_missing"),
    "iat a text": ({"iat": str(NOW)}, "claim_malformed"),
    "issued in the future": ({"iat": NOW + 90}, "issued_in_future"),
    "no exp": ({"exp": ...}, "claim_missing"),
    "expired": ({"iat": NOW - 300, "exp": NOW - 61}, "expired"),
    "good for two days": ({"exp": NOW + 2 * 86400}, "lifetime"),
    "no jti": ({"jti": ...}, "claim_missing"),
    "an empty jti": ({"jti": ""}, "claim_malformed"),
    "a jti that is a number": ({"jti": 1}, "claim_malformed"),
    "an endless jti": ({"jti": "j" * 1025}, "claim_malformed"),
    "no events": ({"events": ...}, "claim_missing"),
    "another event": ({"events": {"http://schemas.openid.net/event/other": {}}}, "events"),
    "an event that is nearly it": ({"events": {EVENT + "/": {}}}, "events"),
    "an event's value that is no object": ({"events": {EVENT: True}}, "events"),
    "an event's value that is null": ({"events": {EVENT: None}}, "events"),
    "events a text": ({"events": EVENT}, "events"),
    "events a list": ({"events": [EVENT]}, "events"),
    "with a nonce": ({"nonce": "n"}, "nonce_present"),
    "with an empty nonce": ({"nonce": None}, "nonce_present"),
    "neither sid nor sub": ({"sid": ...}, "claim_missing"),
    "a sid that is a number": ({"sid": 1}, "claim_malformed"),
    "a sid that is a list": ({"sid": ["a"]}, "claim_malformed"),
    "an empty sub beside the sid": ({"sub": ""}, "claim_malformed"),
}


@pytest.mark.parametrize("fault", BROKEN)
async def test_a_token_that_breaks_a_rule_ends_nothing(one, browser, fault):
    broken, reason = BROKEN[fault]
    token = logout_token(one.adfs, **(broken(one) if callable(broken) else broken))
    status, headers, body = await post(one, {"logout_token": token})
    assert (status, headers["Cache-Control"], headers["Content-Type"]) == (
        400,
        "no-store",
        "application/json; charset=utf-8",
    )
    assert body == f'{{"error": "invalid_request", "error_description": "logout_token: {reason}"}}'
    assert await is_in(one, browser)
    assert await send(one, logout_token(one.adfs)) == 200, "the jti was not used up by what was refused"
    assert not await is_in(one, browser)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"header": {"typ": ...}},
        {"header": {"typ": "JWT"}},
        {"header": {"typ": "application/logout+jwt"}},
        {"aud": ["another", "6731de76-14a6-49ae-97bc-6eba6914391e"]},
        {"events": {EVENT: {"more": 1}, "http://schemas.openid.net/event/other": {}}},
        {"iat": NOW + 30},
        {"iat": NOW - 160, "exp": NOW - 40},
        {"sub": "nobody we know: the sid is what counts"},
    ],
)
async def test_a_token_that_keeps_the_rules_ends_the_session(one, browser, changes):
    status, headers, body = await post(one, {"logout_token": logout_token(one.adfs, **changes)})
    assert (status, headers["Cache-Control"], body) == (200, "no-store", "")
    refused = await browser.fetch(one.url("/api/data/v9.2/WhoAmI"))
    assert (refused.status, refused.json()["error"]) == (401, "signed_out")


async def test_a_token_is_taken_once(one, browser, clock):
    token = logout_token(one.adfs)
    assert await send(one, token) == 200
    clock.advance(5)
    await browser.sign_in(one.url("/main.aspx"))
    assert (await post(one, {"logout_token": token}))[2].endswith('"logout_token: replayed"}')
    assert await is_in(one, browser)


async def test_its_name_is_remembered_for_as_long_as_it_could_be_taken(one, clock):
    token = logout_token(one.adfs)
    assert await send(one, token) == 200
    for seconds in (1, 119, 59):
        clock.advance(seconds)
        assert await send(one, token) == 400
    assert await send(one, logout_token(one.adfs, "token-2")) == 200


async def test_a_sid_ends_one_browser_s_sessions_and_a_sub_all_of_the_person_s(one, browser, other_browser):
    await other_browser.sign_in(one.url("/main.aspx"))
    here, there = sids_of(one.adfs)
    assert await send(one, logout_token(one.adfs, sid=there, sub=subject_of(one.adfs))) == 200
    assert (await is_in(one, browser), await is_in(one, other_browser)) == (True, False)
    assert await send(one, logout_token(one.adfs, "token-2", sid=..., sub=subject_of(one.adfs, "bob"))) == 200
    assert await is_in(one, browser)
    assert await send(one, logout_token(one.adfs, "token-3", sid=..., sub=subject_of(one.adfs))) == 200
    assert not await is_in(one, browser)
    assert here != there


async def test_a_sid_that_nobody_has_is_answered_likewise(one, browser):
    assert await send(one, logout_token(one.adfs, sid="unknown")) == 200
    assert await is_in(one, browser)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("logout_token={0}&logout_token={0}", FORM),
        ("logout_token={0}&logout_token=", FORM),
        ("", FORM),
        ("another={0}", FORM),
        ("logout_token=", FORM),
        ("logout_token={0}", "text/plain"),
        ("&".join(["logout_token={0}", *(f"n{number}=" for number in range(30))]), FORM),
        ("logout_token={0}&pad=" + "p" * 300_000, FORM),
        ('{{"logout_token": "{0}"}}', "application/json"),
    ],
)
async def test_there_is_one_token_in_a_form(one, browser, body, content_type):
    token = logout_token(one.adfs)
    status, headers, text = await post(one, body.format(token), **{"Content-Type": content_type})
    assert (status, headers["Cache-Control"]) == (400, "no-store")
    assert token[:20] not in text
    assert await is_in(one, browser)
    assert (await post(one, f"logout_token={token}&more=1", **{"Content-Type": FORM}))[0] == 200


async def test_a_body_without_a_length_has_a_bound_too(one, browser):
    async def endless():
        for _ in range(40):
            yield b"x" * 65_536

    status, _, _ = await post(one, endless(), **{"Content-Type": FORM})
    assert status in (400, 413)
    assert await is_in(one, browser)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
async def test_only_a_post_is_taken(one, browser, method):
    path = f"/.claims/backchannel-logout?logout_token={logout_token(one.adfs)}"
    status, headers, _ = await post(one, None, path=path, method=method)
    assert (status, headers["Allow"]) == (405, "POST")
    assert await is_in(one, browser)


async def test_a_token_in_the_url_is_refused(one, browser):
    token = logout_token(one.adfs)
    path = f"/.claims/backchannel-logout?logout_token={token}"
    assert (await post(one, {"logout_token": token}, path=path))[0] == 400
    assert await is_in(one, browser)


async def test_where_the_store_is_away_nothing_is_taken_and_the_provider_is_told(world, browser, own_redis):
    one = await world(state=own_redis.url)
    await browser.sign_in(one.url("/main.aspx"))
    token = logout_token(one.adfs)
    own_redis.stop()
    status, headers, body = await post(one, {"logout_token": token})
    assert (status, headers["Retry-After"], headers["Cache-Control"]) == (503, "5", "no-store")
    assert '"temporarily_unavailable"' in body


async def test_where_the_keys_cannot_be_had_nothing_is_taken(world, browser, redis_url):
    one = await world(state=redis_url)
    await browser.sign_in(one.url("/main.aspx"))
    token, issuer = logout_token(one.adfs), f"http://127.0.0.1:{free_port()}/adfs"
    one.keys["provider"] = {"issuer": issuer}
    elsewhere = await one.start_proxy(free_port())
    async with (
        aiohttp.ClientSession() as client,
        client.post(
            f"http://127.0.0.1:{elsewhere.port}/.claims/backchannel-logout", data={"logout_token": token}
        ) as got,
    ):
        assert got.status == 503
    assert await is_in(one, browser)


async def test_keys_that_rolled_over_are_fetched(one, browser, clock):
    await one.adfs.state.keys.publish_next(clock())
    await one.adfs.state.keys.promote(clock())
    assert await send(one, logout_token(one.adfs)) == 200
    assert not await is_in(one, browser)


async def test_no_token_reaches_the_log(one, logged):
    good, bad = logout_token(one.adfs), logout_token(one.adfs, aud="another")
    assert [await send(one, token) for token in (bad, good, good)] == [400, 200, 400]
    out = "\n".join(logged())
    assert "back_channel_refused" in out
    for secret in (good, bad, *good.split("."), *bad.split(".")):
        assert secret not in out


async def test_where_no_openid_provider_is_there_is_no_such_endpoint(world):
    one = await world(federated=True)
    assert await send(one, logout_token(one.adfs)) == 404
