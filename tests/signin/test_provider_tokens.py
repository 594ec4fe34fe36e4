"""The token endpoint: what it is told, and what of its answers is believed."""

import base64
import json
from urllib.parse import unquote_plus

import pytest
from aiohttp import web

from proxy.errors import ProviderMisconfigured, ProviderUnavailable, SignInRefused, TokenRefused
from proxy.model.provider import ClientAuthentication, SecretText
from support import tokens

CALLBACK = "https://crm.contoso.com/.claims/callback"
SECRET = "a client's secret+"
ASKED = {
    "grant_type": "authorization_code",
    "code": "the-code",
    "redirect_uri": CALLBACK,
    "code_verifier": "the-verifier",
}


def exchange(provider):
    return provider.exchange("the-code", "the-verifier", CALLBACK)


async def test_client_secret_post_puts_the_secret_into_the_body_alone(client, openid):
    await exchange(client())
    headers, form = openid.posted[0]
    assert form == ASKED | {"client_id": tokens.CLIENT, "client_secret": SECRET}
    assert "Authorization" not in headers


async def test_client_secret_basic_puts_the_secret_into_the_header_alone(client, openid):
    await exchange(client(client_id="a:b", client_authentication=ClientAuthentication.SECRET_BASIC))
    headers, form = openid.posted[0]
    assert form == ASKED
    scheme, encoded = headers["Authorization"].split(" ")
    # RFC 6749, section 2.3.1: both are form-encoded, so a colon or a plus in them is not mistaken.
    name, secret = base64.b64decode(encoded).decode().split(":")
    assert (scheme, unquote_plus(name), unquote_plus(secret)) == ("Basic", "a:b", SECRET)


async def test_a_token_response_is_read(client, openid):
    openid.granted |= {"refresh_token": "a-refresh-token"}
    response = await exchange(client())
    assert response.id_token == openid.granted["id_token"]
    assert response.access_token == openid.granted["access_token"]
    assert response.refresh_token == "a-refresh-token"
    assert "a-refresh-token" not in repr(response)


@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
@pytest.mark.parametrize("value", [None, 7, ["a"]])
async def test_an_optional_token_that_is_no_text_is_none(client, openid, name, value):
    openid.granted[name] = value
    assert getattr(await exchange(client()), name) is None


@pytest.mark.parametrize("value", [None, 7, {}])
async def test_without_an_id_token_the_provider_is_misconfigured(client, openid, value):
    openid.granted["id_token"] = value
    with pytest.raises(ProviderMisconfigured, match="id_token"):
        await exchange(client())


@pytest.mark.parametrize("error", ["invalid_client", "unauthorized_client", "unsupported_grant_type"])
async def test_what_no_further_attempt_mends_is_a_fault_of_the_configuration(client, openid, error):
    body = {"error": error, "error_description": "SECRET-DETAIL"}
    openid.answers["token"] = web.Response(status=401, body=json.dumps(body).encode())
    with pytest.raises(ProviderMisconfigured, match=f"{error}: check client_id and client_secret") as caught:
        await exchange(client())
    assert "SECRET-DETAIL" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "document", "shown"),
    [
        (400, {"error": "invalid_grant", "error_description": "SECRET-DETAIL"}, "400: invalid_grant"),
        (200, {"error": "invalid_grant", "id_token": "SECRET-DETAIL"}, "200: invalid_grant"),
        (400, {"error": "<b>SECRET-DETAIL</b>"}, r"400: \(no error code\)"),
        (400, {"error": ["SECRET-DETAIL"]}, r"400: \(no error code\)"),
        (403, {"message": "SECRET-DETAIL"}, r"403: \(no error code\)"),
        (302, {"id_token": "SECRET-DETAIL"}, r"302: \(no error code\)"),
    ],
)
async def test_a_refusal_tells_its_code_and_nothing_else_of_the_body(client, openid, status, document, shown):
    openid.answers["token"] = web.Response(status=status, body=json.dumps(document).encode())
    with pytest.raises(SignInRefused, match=shown) as caught:
        await exchange(client())
    assert caught.value.reason == "provider_refused"
    assert "SECRET-DETAIL" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (500, b"{}", ProviderUnavailable),
        (503, b"SECRET-DETAIL", ProviderUnavailable),
        (200, b"SECRET-DETAIL", ProviderMisconfigured),
        (400, b"<html>SECRET-DETAIL", ProviderMisconfigured),
        (200, b"x" * (1024 * 1024 + 1), ProviderMisconfigured),
    ],
)
async def test_an_answer_that_is_none_is_the_provider_s_fault(client, openid, status, body, error):
    openid.answers["token"] = web.Response(status=status, body=body)
    with pytest.raises(error) as caught:
        await exchange(client())
    assert "SECRET-DETAIL" not in str(caught.value)


async def test_a_redirect_of_the_token_endpoint_takes_the_code_nowhere(client, openid):
    openid.answers["token"] = web.Response(status=307, body=b"{}", headers={"Location": "/adfs/elsewhere"})
    with pytest.raises(SignInRefused):
        await exchange(client())
    assert openid.asked["elsewhere"] == 0


async def test_a_provider_that_is_down_is_unavailable(client, openid):
    one = client()
    await one.metadata()
    await openid.stop()
    with pytest.raises(ProviderUnavailable) as caught:
        await exchange(one)
    assert "the-code" not in str(caught.value)


async def test_an_id_token_alone_says_who_it_is(client, openid, clock):
    one = client()
    token = await one.verify(await exchange(one), tokens.NONCE, clock())
    assert token.principal.upn == "alice@contoso.com"
    assert token.ends_at == tokens.ID_CLAIMS["exp"]
    assert token.authenticated_at == tokens.ID_CLAIMS["auth_time"]


async def test_with_a_resource_the_access_token_has_the_claims_and_the_end(client, openid, clock):
    one = client(resource=tokens.RESOURCE)
    openid.granted["access_token"] = tokens.access_token(primarysid=tokens.SID, group=["Sales"])
    token = await one.verify(await exchange(one), tokens.NONCE, clock())
    assert token.principal.key == f"adfs|sid|{tokens.SID}"
    assert token.principal.groups == ("Sales",)
    assert token.ends_at == tokens.ACCESS_CLAIMS["exp"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://evil.example/adfs"}, "issuer"),
        ({"aud": "another-client"}, "audience"),
        ({"nonce": "another-nonce"}, "nonce"),
        ({"exp": int(tokens.NOW) - 61}, "expired"),
    ],
)
async def test_an_id_token_that_breaks_a_rule_is_refused(client, openid, clock, changes, reason):
    one = client()
    openid.granted["id_token"] = openid.id_token()
    assert await one.verify(await exchange(one), tokens.NONCE, clock())
    openid.granted["id_token"] = openid.id_token(**changes)
    with pytest.raises(TokenRefused) as caught:
        await one.verify(await exchange(one), tokens.NONCE, clock())
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"aud": "https://another.contoso.com/"}, "audience"),
        ({"iss": "https://evil.example/adfs"}, "issuer"),
        ({"upn": "bob@contoso.com"}, "subject_mismatch"),
    ],
)
async def test_an_access_token_that_breaks_a_rule_is_refused_where_it_is_asked_for(
    client, openid, clock, changes, reason
):
    openid.granted["access_token"] = tokens.access_token(**changes)
    asks, does_not = client(resource=tokens.RESOURCE), client()
    with pytest.raises(TokenRefused) as caught:
        await asks.verify(await exchange(asks), tokens.NONCE, clock())
    assert caught.value.reason == reason
    assert await does_not.verify(await exchange(does_not), tokens.NONCE, clock()), "nobody reads it here"


async def test_a_resource_without_an_access_token_is_misconfigured(client, openid, clock):
    del openid.granted["access_token"]
    asks, does_not = client(resource=tokens.RESOURCE), client()
    with pytest.raises(ProviderMisconfigured, match="access token"):
        await asks.verify(await exchange(asks), tokens.NONCE, clock())
    assert await does_not.verify(await exchange(does_not), tokens.NONCE, clock())


async def test_a_rollover_between_question_and_answer_is_no_failed_sign_in(client, openid, clock):
    one = client()
    await one.keys()
    openid.jwks["keys"].append(tokens.jwk(tokens.rsa_key(nth=1), kid="two"))
    claims = tokens.changed(tokens.ID_CLAIMS, iss=openid.issuer)
    openid.granted["id_token"] = tokens.sign({"alg": "RS256", "kid": "two"}, claims, tokens.rsa_key(nth=1))
    assert await one.verify(await exchange(one), tokens.NONCE, clock())
    assert openid.asked["keys"] == 2


async def test_the_secret_shows_itself_nowhere(client):
    one = client(client_secret=SecretText("hide-me"))
    assert "hide-me" not in repr(one.settings)
