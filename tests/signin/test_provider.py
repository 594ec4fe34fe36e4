"""Discovery and keys: what is believed, for how long, and what is asked for how often."""

import asyncio
import json

import pytest
from aiohttp import web

from proxy.errors import ProviderMisconfigured, ProviderUnavailable, TokenRefused
from proxy.model.bearer import BearerSettings
from proxy.tokens.keys import UnknownKey
from support import tokens
from support.logout import EVENT
from support.patience import HANG

HOUR = 3600.0
DISCOVERY, KEYS = "openid-configuration", "keys"
LIMIT = 1024 * 1024


def bearer(kid="one", key=None, **changes) -> str:
    claims = tokens.changed(tokens.ACCESS_CLAIMS, aud=tokens.CLIENT, **changes)
    return tokens.sign({"alg": "RS256", "kid": kid, "typ": "JWT"}, claims, key or tokens.rsa_key())


async def opened(one, token, now):
    """A bearer token of a client whose id is its audience, as an organization accepts it that says so."""
    return await one.bearer_token(token, BearerSettings(accept_id_tokens=True), now)


def padded(document, size: int) -> bytes:
    """The document as JSON of this many bytes."""
    text = json.dumps(document).encode()
    return text + b" " * (size - len(text))


async def test_discovery_says_where_everything_is(client, openid):
    metadata = await client().metadata()
    assert metadata.issuer == openid.issuer
    assert metadata.authorization_endpoint == f"{openid.issuer}/authorize"
    assert metadata.end_session_endpoint == f"{openid.issuer}/logout"
    assert metadata.access_token_issuer == tokens.ACCESS_TOKEN_ISSUER


async def test_nothing_is_asked_before_it_is_needed(client, openid):
    assert client().known_metadata is None
    assert not openid.asked


@pytest.mark.parametrize("issuer", ["https://evil.example/adfs", "", None, 7, "slash"])
async def test_discovery_of_another_issuer_is_not_believed(client, openid, issuer):
    assert await client().metadata()
    openid.document["issuer"] = f"{openid.issuer}/" if issuer == "slash" else issuer
    with pytest.raises(ProviderMisconfigured, match="issuer"):
        await client().metadata()


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri", "end_session_endpoint"])
@pytest.mark.parametrize(
    ("address", "passes"),
    [
        ("https://adfs.contoso.com/x", True),
        ("http://127.0.0.1:1/x", True),
        ("http://[::1]:1/x", True),
        ("http://localhost/x", True),
        ("http://adfs.contoso.com/x", False),
        ("http://127.0.0.1.evil.example/x", False),
        ("javascript:alert(1)", False),
        ("https:///x", False),
        ("https://[::1/x", False),
        ("https://user:secret@adfs.contoso.com/x", False),
        ("/x", False),
        (None, False),
        (["https://adfs.contoso.com/x"], False),
    ],
)
async def test_an_endpoint_is_https_or_on_loopback(client, openid, name, address, passes):
    openid.document[name] = address
    if passes:
        assert getattr(await client().metadata(), name) == address
    else:
        with pytest.raises(ProviderMisconfigured, match=name):
            await client().metadata()


async def test_a_provider_need_not_know_how_to_sign_out(client, openid):
    del openid.document["end_session_endpoint"]
    assert (await client().metadata()).end_session_endpoint is None


@pytest.mark.parametrize(
    ("stated", "used"),
    [
        (["RS256", "ES256"], ("RS256", "ES256")),
        (["none", "HS256", "PS256"], ("PS256",)),
        (["none"], ("RS256",)),
        (None, ("RS256",)),
        ("RS512", ("RS256",)),
    ],
)
async def test_neither_none_nor_hmac_is_ever_an_algorithm(client, openid, stated, used):
    openid.document["id_token_signing_alg_values_supported"] = stated
    assert (await client().metadata()).id_token_signing_algs == used


@pytest.mark.parametrize(
    ("configured", "listed", "accepted"),
    [
        ((), ["RS256", "ES256"], ("RS256",)),
        ((), ["ES256", "PS256"], ("ES256", "PS256")),
        ((), None, ("RS256",)),
        (("ES256",), ["RS256", "ES256"], ("ES256",)),
        (("ES256", "RS256"), None, ("ES256", "RS256")),
    ],
)
async def test_id_tokens_have_the_algorithm_of_this_client(client, openid, configured, listed, accepted):
    openid.document["id_token_signing_alg_values_supported"] = listed
    one = client(id_token_algorithms=configured)
    assert (await one.metadata()).id_token_algorithms(one.settings) == accepted


@pytest.mark.parametrize("name", [DISCOVERY, KEYS])
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((302, b"", {"Location": "/elsewhere"}), ProviderMisconfigured),
        ((307, b"", {"Location": "/elsewhere"}), ProviderMisconfigured),
        ((404, b"{}", {}), ProviderMisconfigured),
        ((200, b"<html>", {}), ProviderMisconfigured),
        ((200, b"[]", {}), ProviderMisconfigured),
        ((200, b'{"a":1,"a":2}', {}), ProviderMisconfigured),
        ((200, b"\xff\xfe", {}), ProviderMisconfigured),
        ((500, b"{}", {}), ProviderUnavailable),
        ((503, b"", {"Retry-After": "5"}), ProviderUnavailable),
    ],
)
async def test_an_answer_that_is_none_is_refused(client, openid, name, answer, error):
    status, body, headers = answer
    openid.answers[name] = web.Response(status=status, body=body, headers=headers)
    with pytest.raises(error):
        await client().keys()
    assert openid.asked["elsewhere"] == 0, "redirects are not followed"
    openid.answers.clear()
    assert len((await client().keys()).keys) == 1


@pytest.mark.parametrize("name", [DISCOVERY, KEYS])
async def test_an_answer_has_one_mebibyte_at_most(client, openid, name):
    document = openid.document if name == DISCOVERY else openid.jwks
    openid.answers[name] = web.Response(body=padded(document, LIMIT))
    assert len((await client().keys()).keys) == 1
    openid.answers[name] = web.Response(body=padded(document, LIMIT + 1))
    with pytest.raises(ProviderMisconfigured, match="more than 1048576 bytes"):
        await client().keys()


async def test_a_refused_connection_is_an_unavailable_provider(client, openid):
    assert await client().metadata()
    await openid.stop()
    with pytest.raises(ProviderUnavailable):
        await client().metadata()


async def test_discovery_is_asked_every_twelve_hours(client, openid, clock):
    one = client()
    for _ in range(3):
        await one.metadata()
    clock.advance(12 * HOUR - 1)
    await one.metadata()
    assert openid.asked[DISCOVERY] == 1
    clock.advance(1)
    await one.metadata()
    assert openid.asked[DISCOVERY] == 2


async def test_the_last_good_discovery_is_kept_while_it_fails(client, openid, clock):
    one = client()
    first = await one.metadata()
    clock.advance(12 * HOUR)
    openid.answers[DISCOVERY] = web.Response(status=503)
    assert await one.metadata() == first
    assert await one.metadata() == first
    assert openid.asked[DISCOVERY] == 2, "a provider in trouble is not asked by every request"
    openid.answers.clear()
    openid.document["token_endpoint"] = f"{openid.issuer}/moved"
    clock.advance(300)
    assert (await one.metadata()).token_endpoint == f"{openid.issuer}/moved"


async def test_a_hundred_at_once_ask_once(client, openid):
    one = client()
    await asyncio.gather(*(one.keys() for _ in range(100)))
    assert openid.asked == {DISCOVERY: 1, KEYS: 1}


async def test_keys_are_asked_every_hour(client, openid, clock):
    one = client()
    await one.keys()
    clock.advance(HOUR - 1)
    await one.keys()
    assert openid.asked[KEYS] == 1
    clock.advance(1)
    await one.keys()
    assert openid.asked[KEYS] == 2


async def test_the_last_good_keys_serve_for_one_hour_more_and_no_longer(client, openid, clock):
    one = client()
    first = await one.keys()
    openid.answers[KEYS] = web.Response(status=503)
    clock.advance(HOUR)
    assert await one.keys() == first
    clock.advance(HOUR - 1)
    assert await one.keys() == first
    clock.advance(1)
    with pytest.raises(ProviderUnavailable):
        await one.keys()
    openid.answers.clear()
    assert (await one.keys()).keys == first.keys


async def test_a_key_that_the_provider_took_back_opens_nothing_after_an_hour(client, openid, clock):
    one = client()
    assert await opened(one, bearer(), clock())
    openid.jwks = {"keys": [tokens.jwk(tokens.rsa_key(nth=1), kid="two")]}
    clock.advance(HOUR)
    fresh = {"iat": int(clock()) - 1, "exp": int(clock()) + 600}
    with pytest.raises(UnknownKey):
        await opened(one, bearer(**fresh), clock())
    assert await opened(one, bearer("two", tokens.rsa_key(nth=1), **fresh), clock())


async def test_a_thousand_random_key_names_ask_the_provider_once_more_in_five_minutes(client, openid, clock):
    one = client()
    await one.keys()
    for turn in range(1000):
        clock.advance(0.299)
        with pytest.raises(UnknownKey):
            await opened(one, bearer(f"random-{turn}"), clock())
    assert openid.asked[KEYS] == 2
    clock.advance(1.4)
    with pytest.raises(UnknownKey):
        await opened(one, bearer("random"), clock())
    assert openid.asked[KEYS] == 3
    assert await opened(one, bearer(), clock()), "meanwhile the known key opens as ever"


async def test_a_token_signed_with_a_key_just_published_is_accepted_at_once(client, openid, clock):
    one = client()
    await one.keys()
    clock.advance(60)
    with pytest.raises(UnknownKey):
        await opened(one, bearer("two", tokens.rsa_key(nth=1)), clock())
    clock.advance(300)
    openid.jwks["keys"].append(tokens.jwk(tokens.rsa_key(nth=1), kid="two"))
    assert await opened(one, bearer("two", tokens.rsa_key(nth=1)), clock())
    with pytest.raises(TokenRefused, match="signature"):
        await opened(one, bearer("two"), clock())


async def test_random_key_names_ask_a_provider_in_trouble_no_more_than_every_five_seconds(client, openid, clock):
    one = client()
    await one.keys()
    openid.answers[KEYS] = web.Response(status=503)
    for turn in range(100):
        clock.advance(0.1)
        with pytest.raises((ProviderUnavailable, UnknownKey)):
            await opened(one, bearer(f"random-{turn}"), clock())
    assert openid.asked[KEYS] == 1 + 2, "ten seconds, two attempts"
    assert await opened(one, bearer(), clock()), "the known key opens as ever"
    openid.answers.clear()
    openid.jwks["keys"].append(tokens.jwk(tokens.rsa_key(nth=1), kid="two"))
    clock.advance(5)
    assert await opened(one, bearer("two", tokens.rsa_key(nth=1)), clock())


def rolled_over(openid, turn: int, *, published: bool = True) -> None:
    """The provider signs with another key, which it has published or not yet."""
    key, kid = tokens.rsa_key(nth=turn), f"rolled-{turn}"
    if published:
        openid.jwks = {"keys": [tokens.jwk(key, kid=kid)]}
    claims = tokens.changed(tokens.ID_CLAIMS, iss=openid.issuer)
    openid.granted = {"id_token": tokens.sign({"alg": "RS256", "kid": kid}, claims, key), "token_type": "bearer"}


async def signed_in(one, clock):
    return await one.verify(await one.exchange("code", "verifier", "https://crm"), tokens.NONCE, clock())


@pytest.mark.parametrize("junk", ["bearer", "logout token"])
async def test_a_strangers_junk_does_not_delay_the_sign_ins_after_a_rollover(client, openid, clock, junk):
    one = client()
    await one.keys()

    async def verify(token, now):
        return await (opened(one, token, now) if junk == "bearer" else one.logout_token(token, now))

    with pytest.raises(UnknownKey):
        await verify(bearer("random"), clock())
    assert openid.asked[KEYS] == 2, "the junk has spent its fetch of these five minutes"
    for turn in (1, 2, 3):
        rolled_over(openid, turn)
        assert await signed_in(one, clock)
        assert openid.asked[KEYS] == 2 + turn
        clock.advance(5)
    with pytest.raises(UnknownKey):
        await verify(bearer("random"), clock())
    assert openid.asked[KEYS] == 5


async def test_an_issued_token_whose_key_is_not_published_yet_is_unavailable(client, openid, clock):
    one = client()
    await one.keys()
    rolled_over(openid, 1, published=False)
    for _ in range(2):
        with pytest.raises(ProviderUnavailable, match="not published"):
            await signed_in(one, clock)
    assert openid.asked[KEYS] == 2, "five seconds lie between two fetches"
    rolled_over(openid, 1)
    clock.advance(5)
    assert await signed_in(one, clock)
    assert openid.asked[KEYS] == 3


async def test_a_known_key_does_not_wait_for_a_fetch_that_is_shared(client, openid, clock):
    one = client()
    await one.keys()
    openid.held = asyncio.Event()
    waiting = [asyncio.ensure_future(opened(one, bearer(f"random-{turn}"), clock())) for turn in range(20)]
    async with asyncio.timeout(HANG):
        await openid.reached.wait()
        assert await opened(one, bearer(), clock())
        assert not any(task.done() for task in waiting)
        openid.held.set()
        found = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(each, UnknownKey) for each in found)
    assert openid.asked[KEYS] == 2


async def test_id_and_logout_tokens_of_another_algorithm_are_refused(client, openid, clock):
    """The provider offers ES256 to other clients, and publishes a key for it."""
    key = tokens.ec_key()
    openid.document["id_token_signing_alg_values_supported"] = ["RS256", "ES256"]
    openid.jwks["keys"].append(tokens.jwk(key, kid="ec"))
    claims = tokens.changed(tokens.ID_CLAIMS, iss=openid.issuer)
    said = tokens.changed(claims, jti="1", events={EVENT: {}}, nonce=..., exp=int(tokens.NOW) + 100)
    head = {"alg": "ES256", "kid": "ec"}
    openid.granted = {"id_token": tokens.sign(head, claims, key, "ES256"), "token_type": "bearer"}
    logout = tokens.sign(head, said, key, "ES256")
    default, registered = client(), client(id_token_algorithms=("ES256",))
    for attempt in (signed_in(default, clock), default.logout_token(logout, clock())):
        with pytest.raises(TokenRefused) as refused:
            await attempt
        assert refused.value.reason == "algorithm"
    assert await signed_in(registered, clock)
    assert (await registered.logout_token(logout, clock())).subject == claims["sub"]
