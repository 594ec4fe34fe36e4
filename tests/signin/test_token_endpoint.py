"""Refresh tokens at the token endpoint: what is sent, and which answers speak of the user."""

import pytest
from aiohttp import web

from proxy.errors import ProviderMisconfigured, ProviderUnavailable, RefreshRefused, TokenRefused
from proxy.model.provider import ClientAuthentication
from proxy.signin.oidc import scopes_of
from support import tokens

SECRET = "a client's secret+"
ASKED = {"grant_type": "refresh_token", "refresh_token": "the-refresh-token"}


def refresh(provider):
    return provider.tokens.refresh("the-refresh-token")


def error(code, status=400):
    return web.json_response({"error": code}, status=status)


async def test_a_refresh_names_the_token_and_the_client(client, openid):
    await refresh(client())
    assert openid.posted[0][1] == ASKED | {"client_id": tokens.CLIENT, "client_secret": SECRET}


async def test_a_refresh_asks_for_the_resource_of_the_sign_in(client, openid):
    await refresh(client(resource=tokens.RESOURCE, client_authentication=ClientAuthentication.SECRET_BASIC))
    headers, form = openid.posted[0]
    assert form == ASKED | {"resource": tokens.RESOURCE}
    assert headers["Authorization"].startswith("Basic ")


async def test_a_refresh_is_read(client, openid):
    openid.granted |= {"refresh_token": "the-next"}
    response = await refresh(client())
    assert (response.id_token, response.refresh_token) == (openid.granted["id_token"], "the-next")


async def test_a_refresh_token_is_kept_even_where_no_id_token_came_with_it(client, openid, clock):
    provider = client()
    openid.granted |= {"refresh_token": "the-next"}
    del openid.granted["id_token"]
    response = await refresh(provider)
    assert (response.id_token, response.refresh_token) == ("", "the-next")
    with pytest.raises(TokenRefused):
        await provider.verify(response, None, clock(), refreshed=True)


async def test_invalid_grant_speaks_of_the_user(client, openid):
    openid.answers["token"] = error("invalid_grant")
    with pytest.raises(RefreshRefused) as refused:
        await refresh(client())
    assert refused.value.rule == "invalid_grant"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error("invalid_grant", 503), ProviderUnavailable),
        (error("server_error", 500), ProviderUnavailable),
        (error("slow_down", 429), ProviderUnavailable),
        (error("temporarily_unavailable"), ProviderUnavailable),
        (error("invalid_request"), ProviderUnavailable),
        (error("invalid_client", 401), ProviderMisconfigured),
        (error("unauthorized_client"), ProviderMisconfigured),
        (web.Response(status=400, text="<html>invalid_grant</html>"), ProviderMisconfigured),
        (web.Response(status=302, headers={"Location": "https://evil.example/"}), ProviderMisconfigured),
    ],
    ids=str,
)
async def test_any_other_trouble_says_nothing_of_the_user(client, openid, answer, kind):
    openid.answers["token"] = answer
    with pytest.raises(kind):
        await refresh(client())


async def test_a_provider_that_is_down_says_nothing_of_the_user(client, openid):
    provider = client()
    await provider.metadata()
    await openid.stop()
    with pytest.raises(ProviderUnavailable):
        await refresh(provider)


async def test_a_refresh_token_is_given_back(client, openid):
    openid.document["revocation_endpoint"] = f"{openid.issuer}/revoke"
    openid.answers["revoke"] = web.Response(status=200)
    assert await client().tokens.revoke("the-refresh-token")
    form = {"token": "the-refresh-token", "token_type_hint": "refresh_token"}
    assert openid.posted[0][1] == form | {"client_id": tokens.CLIENT, "client_secret": SECRET}
    openid.answers["revoke"] = error("unsupported_token_type")
    with pytest.raises(ProviderUnavailable):
        await client().tokens.revoke("the-refresh-token")


async def test_a_provider_without_a_revocation_endpoint_is_not_asked(client, openid):
    assert not await client().tokens.revoke("the-refresh-token")
    assert not openid.posted


async def test_a_revocation_endpoint_over_plain_http_gets_no_token(client, openid):
    openid.document["revocation_endpoint"] = "http://elsewhere.example/revoke"
    with pytest.raises(ProviderMisconfigured):
        await client().tokens.revoke("the-refresh-token")


@pytest.mark.parametrize(
    ("listed", "refreshes", "offered"),
    [
        (["openid", "offline_access"], True, True),
        (["openid"], True, False),
        (["openid", "offline_access"], False, False),
    ],
)
async def test_offline_access_is_asked_for_where_it_is_offered_and_of_use(client, openid, listed, refreshes, offered):
    openid.document["scopes_supported"] = listed
    provider = client(refresh=refreshes)
    assert ("offline_access" in scopes_of(provider.settings, await provider.metadata())) is offered


@pytest.mark.parametrize(
    ("carried", "known", "taken"),
    [
        (..., tokens.NONCE, True),
        (tokens.NONCE, tokens.NONCE, True),
        ("other", tokens.NONCE, False),
        ("any", None, True),
    ],
)
async def test_a_refreshed_id_token_carries_no_nonce_or_the_sign_in_s(client, openid, *, clock, carried, known, taken):
    openid.granted["id_token"] = openid.id_token(nonce=carried)
    provider = client()
    response = await refresh(provider)
    if taken:
        assert (await provider.verify(response, known, clock(), refreshed=True)).subject == tokens.ID_CLAIMS["sub"]
    else:
        with pytest.raises(TokenRefused, match="nonce"):
            await provider.verify(response, known, clock(), refreshed=True)


@pytest.mark.parametrize(("nonce", "known"), [(..., tokens.NONCE), (tokens.NONCE, None)])
async def test_a_sign_in_s_id_token_carries_its_nonce(client, openid, clock, nonce, known):
    openid.granted["id_token"] = openid.id_token(nonce=nonce)
    provider = client()
    with pytest.raises(TokenRefused, match=r"nonce|claim_missing"):
        await provider.verify(await refresh(provider), known, clock())
