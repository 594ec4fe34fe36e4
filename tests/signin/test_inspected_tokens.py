"""`claims-proxy token inspect` and the proxy agree: for each rule one token that breaks it, and one that is accepted.

The proxy's answer comes from the code that serves API requests, callbacks, logout tokens and WS-Federation responses.
"""

import asyncio

import pytest
from click.testing import CliRunner

from proxy.cli import main
from proxy.demo.adfs_saml import federation_metadata
from proxy.errors import SignInRefused, TokenRefused
from proxy.model.bearer import BearerSettings
from proxy.model.organization import Organization
from proxy.model.provider import IdentityProvider, Protocol, SecretText
from proxy.model.session import Live
from proxy.signin.bearer import BearerSessions
from proxy.signin.federation import Federation
from proxy.signin.federation_sign_in import FederationSignIn
from proxy.signin.login_state import LoginSecrets
from proxy.signin.oidc_sign_in import OidcSignIn
from proxy.signin.protocol import Question
from support import saml_tokens as saml
from support import tokens
from support.world import write_configuration

from proxy.tokens.wstrust import SAML11, SAML20  # isort: skip

NOW = int(tokens.NOW)
CRM = "https://crm.contoso.com/"
HELD = LoginSecrets("login", "verifier", tokens.NONCE, tokens.NOW)
QUESTION = Question(HELD, f"{CRM}.claims/wsfed", CRM)
LOGOUT = {"http://schemas.openid.net/event/backchannel-logout": {}}


class NoMarks:
    async def signed_out_after(self, _key, _organization):
        return None


@pytest.fixture
def inspected(tmp_path):
    """`await inspected(text, *options, provider=…, bearer=…)`: (accepted, all that the command says)."""

    async def run(text, *options, provider, bearer=None):
        config = write_configuration(
            tmp_path,
            port=1,
            issuer=tokens.ISSUER,
            upstream="http://127.0.0.1:2",
            provider=provider,
            organization={"hosts": ["crm.contoso.com"], **({"bearer": bearer} if bearer else {})},
        )
        file = tmp_path / "token"
        file.write_text(text)
        words = ["token", "inspect", str(file), "--config", str(config), "--at", str(tokens.NOW), *options]
        result = await asyncio.to_thread(CliRunner().invoke, main, words)
        assert result.exit_code in (0, 1), result.output
        return result.exit_code == 0, result.output

    return run


def signed_with(private, algorithm="RS256", **header):
    """Signs claims with another key or algorithm than the provider's own."""
    return lambda claims: tokens.sign(
        {"alg": algorithm, "kid": "one", "typ": "JWT"} | header, claims, private, algorithm
    )


def usual(claims):
    return signed_with(tokens.rsa_key())(claims)


def typed(typ):
    return signed_with(tokens.rsa_key(), typ=typ)


BEARERS = {
    "good": ({}, usual, True),
    "typed": ({}, typed("at+jwt"), True),
    "another key": ({}, signed_with(tokens.rsa_key(nth=1)), False),
    "unknown key": ({}, signed_with(tokens.rsa_key(), kid="two"), False),
    "another algorithm": ({}, signed_with(tokens.rsa_key(), "PS256"), False),
    "a type of another kind": ({}, typed("logout+jwt"), False),
    "a key in the header": ({}, signed_with(tokens.rsa_key(), jku="https://evil.example/"), False),
    "nonce": ({"nonce": "n"}, usual, False),
    "at_hash": ({"at_hash": "x"}, usual, False),
    "id token of Keycloak": ({"typ": "ID"}, usual, False),
    "logout token": ({"events": LOGOUT}, usual, False),
    "another issuer": ({"iss": "https://evil.example/adfs"}, usual, False),
    "another audience": ({"aud": "https://another.contoso.com/"}, usual, False),
    "one audience of several": ({"aud": [CRM, "x"]}, usual, True),
    "for the client, untyped": ({"aud": tokens.CLIENT}, usual, False),
    "client a list": ({"appid": ["a"]}, usual, False),
    "subject a number": ({"sub": 5}, usual, False),
    "nobody": ({"upn": ...}, usual, False),
    "two people": ({"upn": ["a@contoso.com", "b@contoso.com"]}, usual, False),
    "expired": ({"iat": NOW - 600, "exp": NOW - 61}, usual, False),
    "expired, in the leeway": ({"iat": NOW - 600, "exp": NOW - 1}, usual, False),
    "ends in a second": ({"iat": NOW - 600, "exp": NOW + 1}, usual, True),
    "issued in the future": ({"iat": NOW + 61}, usual, False),
    "not yet valid": ({"nbf": NOW + 61}, usual, False),
    "too long a life": ({"exp": NOW + 2 * 86400}, usual, False),
    "future auth_time": ({"auth_time": NOW + 61}, usual, False),
    "auth_time in the leeway": ({"auth_time": NOW + 59}, usual, True),
    "bound to a key": ({"cnf": {"jkt": "x"}}, usual, False),
}


@pytest.mark.parametrize("name", BEARERS)
async def test_bearer_token_is_told_as_it_is_answered(inspected, client, openid, clock, name):
    changes, sign, accepted = BEARERS[name]
    token = sign(tokens.changed(tokens.ACCESS_CLAIMS, **changes))
    contoso = Organization("contoso", "id", ("crm.contoso.com",), "http://crm", identity_provider="adfs")
    found = await BearerSessions({"adfs": client(resource=CRM)}, NoMarks()).lookup(token, contoso, clock())
    told, said = await inspected(token, "--as", "bearer", provider={"issuer": openid.issuer, **OIDC, "resource": CRM})
    assert (isinstance(found, Live), told) == (accepted, accepted), said


OIDC = {"protocol": "oidc", "client_id": tokens.CLIENT, "client_secret": "a client's secret+"}
ID_TOKENS = {
    "good": ({}, usual, True),
    "another key": ({}, signed_with(tokens.rsa_key(nth=1)), False),
    "another algorithm": ({}, signed_with(tokens.rsa_key(), "RS512"), False),
    "access token": ({}, typed("at+jwt"), False),
    "another issuer": ({"iss": "https://evil.example/adfs"}, usual, False),
    "another audience": ({"aud": "another"}, usual, False),
    "foreign azp": ({"azp": "another"}, usual, False),
    "own azp": ({"azp": tokens.CLIENT}, usual, True),
    "several audiences, no azp": ({"aud": [tokens.CLIENT, "another"]}, usual, False),
    "no subject": ({"sub": ...}, usual, False),
    "expired": ({"iat": NOW - 600, "exp": NOW - 61}, usual, False),
    "issued in the future": ({"iat": NOW + 61}, usual, False),
    "not yet valid": ({"nbf": NOW + 61}, usual, False),
    "too long a life": ({"exp": NOW + 2 * 86400}, usual, False),
    "future auth_time": ({"auth_time": NOW + 61}, usual, False),
    "no nonce": ({"nonce": ...}, usual, False),
    "at_hash a number": ({"at_hash": 5}, usual, False),
    "two people": ({"upn": ["a@contoso.com", "b@contoso.com"]}, usual, False),
}


@pytest.mark.parametrize("name", ID_TOKENS)
async def test_id_token_is_told_as_the_callback_takes_it(inspected, client, openid, clock, name):
    changes, sign, accepted = ID_TOKENS[name]
    token = sign(tokens.changed({**tokens.ID_CLAIMS, "iss": openid.issuer}, **changes))
    openid.granted["id_token"] = token
    taken = await _taken(OidcSignIn(client()).prove({"code": "c"}, QUESTION, clock()))
    told, said = await inspected(token, "--as", "id-token", provider={"issuer": openid.issuer, **OIDC})
    assert (taken, told) == (accepted, accepted), said
    assert "not checked  nonce: only the browser's login knows the one that was sent" in said


LOGOUT_CLAIMS = {
    "iss": ...,
    "aud": tokens.CLIENT,
    "iat": NOW,
    "exp": NOW + 120,
    "jti": "1",
    "sid": "s",
    "events": LOGOUT,
}
LOGOUT_TOKENS = {
    "good": ({}, usual, True),
    "typed": ({}, typed("logout+jwt"), True),
    "another key": ({}, signed_with(tokens.rsa_key(nth=1)), False),
    "another algorithm": ({}, signed_with(tokens.rsa_key(), "PS256"), False),
    "access token": ({}, typed("at+jwt"), False),
    "another issuer": ({"iss": "https://evil.example/adfs"}, usual, False),
    "another audience": ({"aud": "another"}, usual, False),
    "expired": ({"iat": NOW - 600, "exp": NOW - 61}, usual, False),
    "no event": ({"events": {}}, usual, False),
    "nonce": ({"nonce": "n"}, usual, False),
    "nobody": ({"sid": ...}, usual, False),
    "a subject": ({"sid": ..., "sub": "alice"}, usual, True),
    "no jti": ({"jti": ...}, usual, False),
    "sid a number": ({"sid": 5}, usual, False),
}


@pytest.mark.parametrize("name", LOGOUT_TOKENS)
async def test_logout_token_is_told_as_it_is_taken(inspected, client, openid, clock, name):
    changes, sign, accepted = LOGOUT_TOKENS[name]
    token = sign(tokens.changed(LOGOUT_CLAIMS, **{"iss": openid.issuer, **changes}))
    taken = await _taken(client().logout_token(token, clock()))
    told, said = await inspected(token, "--as", "logout-token", provider={"issuer": openid.issuer, **OIDC})
    assert (taken, told) == (accepted, accepted), said


async def test_algorithms_are_those_of_the_provider(inspected, client, openid, clock):
    """Discovery says which: a provider of ES256 has its tokens accepted, and RS256 refused."""
    openid.document["id_token_signing_alg_values_supported"] = ["ES256"]
    openid.jwks["keys"].append(tokens.jwk(tokens.ec_key(), kid="two"))
    contoso = Organization("contoso", "id", ("crm.contoso.com",), "http://crm", identity_provider="adfs")
    for sign, accepted in ((signed_with(tokens.ec_key(), "ES256", kid="two"), True), (usual, False)):
        token = sign(tokens.ACCESS_CLAIMS)
        found = await BearerSessions({"adfs": client(resource=CRM)}, NoMarks()).lookup(token, contoso, clock())
        told, said = await inspected(token, provider={"issuer": openid.issuer, **OIDC, "resource": CRM})
        assert (isinstance(found, Live), told) == (accepted, accepted), said


@pytest.mark.parametrize("audience", ["https://crm/", CRM])
async def test_bearer_settings_of_an_organization_decide(inspected, client, openid, clock, audience):
    bearer = BearerSettings(audiences=("https://crm/",))
    contoso = Organization("contoso", "id", ("crm.contoso.com",), "http://c", identity_provider="adfs", bearer=bearer)
    token = tokens.access_token(aud=audience)
    found = await BearerSessions({"adfs": client(resource=CRM)}, NoMarks()).lookup(token, contoso, clock())
    told, said = await inspected(
        token, provider={"issuer": openid.issuer, **OIDC, "resource": CRM}, bearer={"audiences": ["https://crm/"]}
    )
    assert isinstance(found, Live) is told is (audience == "https://crm/"), said


def recipient(address):
    return ("<SubjectConfirmationData ", f'<SubjectConfirmationData Recipient="{address}" ')


ASSERTIONS = {
    "good": ((), saml.signing_key, True),
    "another key": ((), saml.other_key, False),
    "another issuer": ((saml.ISSUER, "http://evil.example/"), saml.signing_key, False),
    "another audience": ((f"<Audience>{CRM}", "<Audience>https://x/"), saml.signing_key, False),
    "not yet valid": ((saml.text_of(saml.NOW), saml.text_of(saml.NOW + 90)), saml.signing_key, False),
    "expired": ((saml.text_of(saml.NOW + 3600), saml.text_of(saml.NOW - 90)), saml.signing_key, False),
    "too long a life": ((saml.text_of(saml.NOW + 3600), saml.text_of(saml.NOW + 90_000)), saml.signing_key, False),
    "no bearer": ((":cm:bearer", ":cm:holder-of-key"), saml.signing_key, False),
    "foreign recipient": (recipient("https://evil.example/.claims/wsfed"), saml.signing_key, False),
    "own recipient": (recipient(f"{CRM}.claims/wsfed"), saml.signing_key, True),
    "nobody": (("alice@contoso.com", ""), saml.signing_key, False),
}
# SAML 1.1 has no recipient.
BY_VERSION = [
    (name, version)
    for name in ASSERTIONS
    for version in (SAML11, SAML20)
    if "recipient" not in name or version == SAML20
]


@pytest.mark.parametrize(("name", "version"), BY_VERSION)
async def test_wresult_is_told_as_the_sign_in_takes_it(inspected, tmp_path, clock, name, version):
    (old, new), key, accepted = ASSERTIONS[name] if ASSERTIONS[name][0] else (("", ""), *ASSERTIONS[name][1:])
    text = saml.as_text(saml.assertion(version)).replace("<NameID>alice@contoso.com</NameID>", "")
    changed = saml.etree.fromstring(text.replace(old, new) if old else text)
    wresult = saml.as_text(saml.response(saml.signed(changed, key())))
    metadata = tmp_path / "metadata.xml"
    metadata.write_bytes(
        federation_metadata(
            entity_id=saml.ISSUER,
            endpoint="https://adfs.contoso.com/adfs/ls/",
            signing=saml.signing_key(),
            published=[saml.signing_key()],
        )
    )
    own = {"protocol": "ws-federation", "metadata": str(metadata), "realm": CRM}
    settings = IdentityProvider(
        "default", "", "", SecretText(""), protocol=Protocol.WS_FEDERATION, metadata=str(metadata), realm=CRM
    )
    sign_in = FederationSignIn(Federation(settings, None, clock), clock)
    taken = await _taken(sign_in.prove({"wresult": wresult}, QUESTION, clock()))
    told, said = await inspected(wresult, provider=own)
    assert (taken, told) == (accepted, accepted), said


async def _taken(proving) -> bool:
    try:
        await proving
    except (TokenRefused, SignInRefused):
        return False
    return True
