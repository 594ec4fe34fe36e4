"""The id tokens of a certified OpenID provider, fetched by hand, before our own rules."""

import hashlib
import secrets
import time
from dataclasses import dataclass, replace

import aiohttp
import jwt
import pytest
from yarl import URL

from proxy.errors import TokenRefused
from proxy.model.provider import IdentityProvider, SecretText
from proxy.tokens.claims import verified_token
from proxy.tokens.expectations import AccessTokenExpectation, IdTokenExpectation
from proxy.tokens.jwt import verify_access_token, verify_bearer_token, verify_id_token
from proxy.tokens.keys import KeySet
from proxy.tokens.strict import encode_base64url

# Nobody listens there: the browser is asked for the address that it was sent to, not for what is behind it.
CALLBACK = "http://127.0.0.1:9/.claims/callback"
CLIENT = {
    "client_id": "claims-proxy",
    "client_secret": "s" * 32,
    "redirect_uris": [CALLBACK],
    "post_logout_redirect_uris": ["http://127.0.0.1:9/.claims/signed-out"],
    "token_endpoint_auth_method": "client_secret_post",
}
RESOURCE = "https://crm.contoso.com/"


@dataclass
class RelyingParty:
    """A relying party by hand: authorization code with PKCE, nothing of ours but the verification."""

    issuer: str
    discovery: dict[str, object]
    keys: KeySet

    @classmethod
    async def at(cls, issuer):
        discovery = await get_json(f"{issuer}/.well-known/openid-configuration")
        return cls(issuer, discovery, KeySet.from_jwks(await get_json(discovery["jwks_uri"])))

    async def sign_in(self, browser, *, by="alice", **parameters):
        """Sign in and redeem the code: the token response, the nonce and what stood in the callback's query."""
        verifier, nonce, state = (secrets.token_urlsafe(32) for _ in range(3))
        question = {
            "response_type": "code",
            "client_id": CLIENT["client_id"],
            "redirect_uri": CALLBACK,
            "scope": "openid email profile",
            "state": state,
            "nonce": nonce,
            "code_challenge": encode_base64url(hashlib.sha256(verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        with pytest.raises(aiohttp.ClientConnectorError):
            await browser.sign_in(URL(self.discovery["authorization_endpoint"]).with_query(question | parameters), by)
        answer = URL(browser.hops[-1].location).query
        assert answer.get("state") == state
        if "code" not in answer:
            return answer
        form = {
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": CALLBACK,
            "code_verifier": verifier,
            "client_id": CLIENT["client_id"],
            "client_secret": CLIENT["client_secret"],
        }
        async with (
            aiohttp.ClientSession() as client,
            client.post(self.discovery["token_endpoint"], data=form) as response,
        ):
            return await response.json() | {"nonce": nonce}

    def expectation(self, tokens, algorithm="RS256"):
        return IdTokenExpectation(
            issuer=self.issuer,
            client_id=CLIENT["client_id"],
            nonce=tokens["nonce"],
            algorithms=(algorithm,),
            access_token=tokens["access_token"],
        )


async def get_json(url):
    async with aiohttp.ClientSession() as client, client.get(url) as response:
        assert response.status == 200
        return await response.json()


def now():
    return time.time()


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "ES512", "EdDSA"])
async def test_an_id_token_of_a_certified_provider_keeps_our_rules(openid_provider, browser, algorithm):
    party = await RelyingParty.at(openid_provider(clients=[CLIENT], keys=[algorithm]).issuer)
    assert not party.keys.left_out
    tokens = await party.sign_in(browser)
    expected = party.expectation(tokens, algorithm)
    claims = verify_id_token(tokens["id_token"], party.keys, expected, now())
    assert (claims["sub"], claims["upn"], claims["group"]) == ("alice", "alice@contoso.com", ["Sales", "Staff"])
    assert now() - 60 < claims["auth_time"] <= now()
    assert "at_hash" not in claims or len(claims["at_hash"]) > 20
    for wrong in (
        replace(expected, nonce="another"),
        replace(expected, client_id="another"),
        replace(expected, issuer="x"),
    ):
        with pytest.raises(TokenRefused):
            verify_id_token(tokens["id_token"], party.keys, wrong, now())
    with pytest.raises(TokenRefused, match="expired"):
        verify_id_token(tokens["id_token"], party.keys, expected, now() + 3700)


async def test_pyjwt_reads_the_same_claims(openid_provider, browser):
    party = await RelyingParty.at(openid_provider(clients=[CLIENT]).issuer)
    tokens = await party.sign_in(browser)
    ours = verify_id_token(tokens["id_token"], party.keys, party.expectation(tokens), now())
    theirs = jwt.decode(
        tokens["id_token"], party.keys.keys[0].public, algorithms=["RS256"], audience=CLIENT["client_id"]
    )
    assert ours == theirs


async def test_its_claims_make_a_principal(openid_provider, browser):
    party = await RelyingParty.at(openid_provider(clients=[CLIENT], people={"alice": {"name": "Alice A."}}).issuer)
    tokens = await party.sign_in(browser)
    provider = IdentityProvider("certified", party.issuer, CLIENT["client_id"], SecretText(CLIENT["client_secret"]))
    claims = verify_id_token(tokens["id_token"], party.keys, party.expectation(tokens), now())
    token = verified_token(claims, provider)
    assert token.principal.key == "certified|upn|alice@contoso.com"
    assert (token.principal.name, token.principal.email) == ("Alice A.", "alice@contoso.com")
    assert token.principal.groups == ("Sales", "Staff")
    assert token.methods == ("pwd", claims["acr"])
    assert token.ends_at == token.issued_at + 3600


async def test_its_access_token_for_a_resource_keeps_our_rules_and_is_no_id_token(openid_provider, browser):
    party = await RelyingParty.at(
        openid_provider(clients=[CLIENT], resources=[RESOURCE], ttl={"AccessToken": 1800}).issuer
    )
    tokens = await party.sign_in(browser, resource=RESOURCE)
    expected = AccessTokenExpectation(issuers=(party.issuer,), audiences=(RESOURCE,))
    claims = verify_access_token(tokens["access_token"], party.keys, expected, now())
    assert (claims["upn"], claims["client_id"]) == ("alice@contoso.com", CLIENT["client_id"])
    assert claims["exp"] - claims["iat"] == 1800
    for check in (
        lambda: verify_id_token(tokens["access_token"], party.keys, party.expectation(tokens), now()),
        lambda: verify_access_token(tokens["id_token"], party.keys, expected, now()),
    ):
        with pytest.raises(TokenRefused, match="type"):
            check()


async def test_typed_access_token_is_a_bearer_token_where_an_id_token_is_none(openid_provider, browser):
    """Both are for one audience here; only `typ: at+jwt`, which this provider writes, tells them apart."""
    party = await RelyingParty.at(openid_provider(clients=[CLIENT], resources=[RESOURCE]).issuer)
    tokens = await party.sign_in(browser, resource=RESOURCE)
    both = (RESOURCE, CLIENT["client_id"])
    expected = AccessTokenExpectation(issuers=(party.issuer,), audiences=(), typed_audiences=both)
    assert verify_bearer_token(tokens["access_token"], party.keys, expected, now())["aud"] == RESOURCE
    with pytest.raises(TokenRefused, match="type"):
        verify_bearer_token(tokens["id_token"], party.keys, expected, now())
    accepting = replace(expected, audiences=both, accept_id_tokens=True)
    assert verify_bearer_token(tokens["id_token"], party.keys, accepting, now())


def asked_for_credentials(browser, since):
    return any(hop.method == "POST" and "/interaction/" in hop.url.path for hop in browser.hops[since:])


@pytest.mark.parametrize(
    ("parameters", "asks"),
    [({}, False), ({"prompt": "login"}, True), ({"max_age": "0"}, True), ({"prompt": "none"}, False)],
)
async def test_a_second_sign_in_is_silent_unless_credentials_are_asked_for(openid_provider, browser, parameters, asks):
    party = await RelyingParty.at(openid_provider(clients=[CLIENT]).issuer)
    await party.sign_in(browser)
    since = len(browser.hops)
    tokens = await party.sign_in(browser, **parameters)
    assert verify_id_token(tokens["id_token"], party.keys, party.expectation(tokens), now())
    assert asked_for_credentials(browser, since) is asks


async def test_without_a_session_a_silent_sign_in_is_refused(openid_provider, browser):
    party = await RelyingParty.at(openid_provider(clients=[CLIENT]).issuer)
    assert (await party.sign_in(browser, prompt="none"))["error"] == "login_required"


async def test_a_forgotten_session_cookie_ends_the_silence(openid_provider, browser):
    party = await RelyingParty.at(openid_provider(clients=[CLIENT]).issuer)
    await party.sign_in(browser)
    browser.forget("_session")
    since = len(browser.hops)
    await party.sign_in(browser, by="bob")
    assert asked_for_credentials(browser, since)


async def test_form_post_arrives_as_a_post_that_the_page_makes_itself(openid_provider, browser):
    party = await RelyingParty.at(openid_provider(clients=[CLIENT]).issuer)
    endpoint = URL(party.discovery["authorization_endpoint"])
    challenge = encode_base64url(hashlib.sha256(b"v" * 43).digest())
    question = {
        "response_type": "code",
        "response_mode": "form_post",
        "client_id": CLIENT["client_id"],
        "redirect_uri": CALLBACK,
        "scope": "openid",
        "state": "s",
        "nonce": "n",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    with pytest.raises(aiohttp.ClientConnectorError):
        await browser.sign_in(endpoint.with_query(question))
    form = browser.page.forms[0]
    assert (form.method, form.action) == ("POST", CALLBACK)
    assert form.fields["state"] == "s"
    assert form.fields["iss"] == party.issuer
    assert form.fields["code"]


async def test_sign_out_at_the_provider_comes_back_to_the_registered_address(openid_provider, browser):
    party = await RelyingParty.at(openid_provider(clients=[CLIENT]).issuer)
    tokens = await party.sign_in(browser)
    question = {
        "id_token_hint": tokens["id_token"],
        "post_logout_redirect_uri": CLIENT["post_logout_redirect_uris"][0],
        "state": "bye",
    }
    await browser.open(URL(party.discovery["end_session_endpoint"]).with_query(question))
    with pytest.raises(aiohttp.ClientConnectorError):
        await browser.submit(browser.page.form_with("logout"), logout="yes")
    assert browser.hops[-1].location == f"{CLIENT['post_logout_redirect_uris'][0]}?state=bye"
    assert browser.cookie("_session") is None
