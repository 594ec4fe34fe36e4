from dataclasses import replace

import pytest

from proxy.errors import TokenRefused
from proxy.tokens.expectations import AccessTokenExpectation, IdTokenExpectation
from proxy.tokens.jwt import verify_access_token, verify_bearer_token, verify_id_token
from support.tokens import (
    ACCESS_CLAIMS,
    ACCESS_TOKEN_ISSUER,
    CLIENT,
    ID_CLAIMS,
    ISSUER,
    NONCE,
    NOW,
    RESOURCE,
    access_token,
    ec_key,
    ed25519_key,
    id_token,
    jwk,
    keys_of,
    rsa_key,
    sign,
)

EXPECTED = IdTokenExpectation(issuer=ISSUER, client_id=CLIENT, nonce=NONCE)
EXPECTED_ACCESS = AccessTokenExpectation(issuers=(ISSUER, ACCESS_TOKEN_ISSUER), audiences=(RESOURCE,))


def verify(token, now=NOW, expected=EXPECTED):
    return verify_id_token(token, keys_of(jwk(rsa_key())), expected, now)


def verify_access(token, now=NOW, expected=EXPECTED_ACCESS):
    return verify_access_token(token, keys_of(jwk(rsa_key())), expected, now)


def refusal(check, *arguments, **named):
    with pytest.raises(TokenRefused) as refused:
        check(*arguments, **named)
    return refused.value.reason


def test_an_id_token_that_keeps_every_rule_is_accepted():
    assert verify(id_token()) == ID_CLAIMS


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": [CLIENT]},
        {"aud": [CLIENT, "another"], "azp": CLIENT},
        {"azp": CLIENT},
        {"nbf": int(NOW) - 10},
        {"nbf": NOW + 60},
        {"iat": NOW + 60},
        {"exp": NOW - 59.9, "iat": NOW - 3600},
        {"iat": NOW - 10, "exp": NOW - 10 + 86400},
        {"iat": NOW - 10.25, "exp": NOW + 0.5},
        {"auth_time": ...},
        {"auth_time": NOW + 60},
        {"sub": "x" * 255},
        {"at_hash": "77QmUPtjPfzWtF2AnpK9RQ"},
    ],
)
def test_what_the_rules_allow_is_accepted(changes):
    assert verify(id_token(**changes))


@pytest.mark.parametrize("header", [{"typ": "JWT"}, {"typ": "jwt"}, {"typ": ...}])
def test_an_id_token_may_say_that_it_is_a_jwt(header):
    assert verify(id_token(header))


@pytest.mark.parametrize("typ", ["logout+jwt", "at+jwt", "application/jwt", "", None, 5, ["JWT"]])
def test_no_other_kind_of_token_is_an_id_token(typ):
    assert refusal(verify, id_token({"typ": typ})) == "type"


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "exp", "iat", "nonce"])
def test_a_required_claim_is_required(claim):
    assert refusal(verify, id_token(**{claim: ...})) == "claim_missing"


@pytest.mark.parametrize(
    "changes",
    [
        *({claim: wrong} for claim in ("iss", "sub", "nonce") for wrong in (None, 5, ["a"], "")),
        *({"aud": wrong} for wrong in (None, 5, [], [5], [CLIENT, None], {"a": CLIENT}, "")),
        *({claim: wrong} for claim in ("exp", "iat", "nbf", "auth_time") for wrong in (None, True, "1790003590", [1])),
        *({"exp": wrong} for wrong in (1e300, 10**400, -1)),
        {"azp": 5},
        {"at_hash": 5},
        {"sub": "x" * 256},
        {"auth_time": "2026-09-21T14:12:40Z"},
    ],
)
def test_a_claim_of_the_wrong_kind_is_refused(changes):
    assert refusal(verify, id_token(**changes)) == "claim_malformed"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": ISSUER + "/"}, "issuer"),
        ({"iss": ACCESS_TOKEN_ISSUER}, "issuer"),
        ({"aud": "another"}, "audience"),
        ({"aud": CLIENT + "/"}, "audience"),
        ({"aud": ["another"]}, "audience"),
        ({"aud": [CLIENT, "another"]}, "authorized_party"),
        ({"aud": [CLIENT, "another"], "azp": "another"}, "authorized_party"),
        ({"azp": "another"}, "authorized_party"),
        ({"iat": NOW + 60.5}, "issued_in_future"),
        ({"nbf": NOW + 60.5}, "not_yet_valid"),
        ({"iat": NOW - 10, "exp": NOW - 10 + 86401}, "lifetime"),
        ({"iat": NOW + 10, "exp": NOW + 10}, "lifetime"),
        ({"auth_time": NOW + 60.5}, "authenticated_in_future"),
        ({"nonce": NONCE + "x"}, "nonce"),
        ({"nonce": "é"}, "nonce"),
    ],
)
def test_a_claim_that_says_something_else_is_refused(changes, reason):
    assert refusal(verify, id_token(**changes)) == reason


def test_an_id_token_expires_at_the_instant_itself_plus_leeway(clock):
    token = id_token()
    clock.now = ID_CLAIMS["exp"] + 60 - 0.001
    assert verify(token, clock())
    clock.advance(0.001)
    assert refusal(verify, token, clock()) == "expired"


def test_without_leeway_an_id_token_ends_at_exp():
    strict = replace(EXPECTED, leeway=0.0)
    assert verify(id_token(), ID_CLAIMS["exp"] - 0.001, strict)
    assert refusal(verify, id_token(), ID_CLAIMS["exp"], strict) == "expired"


def test_a_longer_lifetime_is_accepted_only_where_it_is_configured():
    token = id_token(exp=NOW + 7 * 86400)
    assert verify(token, expected=replace(EXPECTED, maximum_lifetime=8 * 86400.0))
    assert refusal(verify, token) == "lifetime"


def test_an_empty_nonce_is_never_expected():
    assert refusal(verify, id_token(nonce=""), expected=replace(EXPECTED, nonce="")) == "claim_malformed"


# The pair of OpenID Connect Core's own example (section A.3).
OPENID_ACCESS_TOKEN = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"
OPENID_AT_HASH = "77QmUPtjPfzWtF2AnpK9RQ"


def test_at_hash_binds_the_access_token():
    expected = replace(EXPECTED, access_token=OPENID_ACCESS_TOKEN)
    assert verify(id_token(at_hash=OPENID_AT_HASH), expected=expected)
    assert verify(id_token(), expected=expected)
    assert refusal(verify, id_token(at_hash=OPENID_AT_HASH + "="), expected=expected) == "at_hash"
    other = replace(EXPECTED, access_token=OPENID_ACCESS_TOKEN[:-1] + "Z")
    assert refusal(verify, id_token(at_hash=OPENID_AT_HASH), expected=other) == "at_hash"


# The vectors of the OpenID Connect working group's discussion of EdDSA and at_hash; Ed25519 uses SHA-512.
HASHED_ACCESS_TOKEN = "YmJiZTAwYmYtMzgyOC00NzhkLTkyOTItNjJjNDM3MGYzOWIy9sFhvH8K_x8UIHj1osisS57f5DduL"


@pytest.mark.parametrize(
    ("algorithm", "private", "at_hash"),
    [
        ("PS256", rsa_key, "xsZZrUssMXjL3FBlzoSh2g"),
        ("RS384", rsa_key, "adt46pcdiB-l6eTNifgoVM-5AIJAxq84"),
        ("ES512", lambda: ec_key("P-521"), "p2LHG4H-8pYDc0hyVOo3iIHvZJUqe9tbj3jESOuXbkY"),
        ("EdDSA", ed25519_key, "p2LHG4H-8pYDc0hyVOo3iIHvZJUqe9tbj3jESOuXbkY"),
    ],
)
def test_at_hash_uses_the_hash_of_the_id_tokens_algorithm(algorithm, private, at_hash):
    expected = replace(EXPECTED, algorithms=(algorithm,), access_token=HASHED_ACCESS_TOKEN)
    keys = keys_of(jwk(private()))
    for claims, accepted in (({"at_hash": at_hash}, True), ({"at_hash": at_hash[:-2] + "AA"}, False)):
        token = sign({"alg": algorithm, "kid": "one"}, ID_CLAIMS | claims, private(), algorithm)
        if accepted:
            assert verify_id_token(token, keys, expected, NOW)
        else:
            assert refusal(verify_id_token, token, keys, expected, NOW) == "at_hash"


def test_an_access_token_that_keeps_every_rule_is_accepted():
    assert verify_access(access_token()) == ACCESS_CLAIMS


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": ISSUER},
        {"aud": [RESOURCE, "https://other.contoso.com/"]},
        {"auth_time": int(NOW) - 20},
        {"auth_time": ...},
        {"appid": ..., "client_id": CLIENT},
        {"sub": "alice"},
    ],
)
def test_an_access_token_may_say_more_or_less(changes):
    assert verify_access(access_token(**changes))


@pytest.mark.parametrize("typ", ["JWT", "at+jwt", "AT+JWT", "application/at+jwt"])
def test_an_access_token_says_what_it_is(typ):
    assert verify_access(access_token({"typ": typ}))


@pytest.mark.parametrize("typ", [..., "logout+jwt", "id+jwt", "", None])
def test_no_other_kind_of_token_is_an_access_token(typ):
    assert refusal(verify_access, access_token({"typ": typ})) == "type"


@pytest.mark.parametrize("claim", ["nonce", "at_hash", "c_hash", "events"])
def test_what_only_id_and_logout_tokens_carry_is_refused_in_an_access_token(claim):
    assert refusal(verify_access, access_token(**{claim: "x"})) == "type"


@pytest.mark.parametrize("claim", ["iss", "aud", "exp", "iat"])
def test_a_required_claim_of_an_access_token_is_required(claim):
    assert refusal(verify_access, access_token(**{claim: ...})) == "claim_missing"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://evil.example/adfs"}, "issuer"),
        ({"aud": RESOURCE.rstrip("/")}, "audience"),
        ({"aud": "urn:microsoft:userinfo"}, "audience"),
        ({"exp": NOW - 60, "iat": NOW - 3600}, "expired"),
        ({"iat": NOW + 61}, "issued_in_future"),
        ({"nbf": NOW + 61}, "not_yet_valid"),
        ({"exp": NOW + 86400}, "lifetime"),
        ({"exp": "1790001790"}, "claim_malformed"),
        ({"appid": ["a"]}, "claim_malformed"),
        ({"sub": 5}, "claim_malformed"),
        ({"auth_time": "2026-09-21T14:12:40"}, "claim_malformed"),
        ({"auth_time": "2026-09-21T15:12:40Z"}, "authenticated_in_future"),
    ],
)
def test_an_access_token_that_says_something_else_is_refused(changes, reason):
    assert refusal(verify_access, access_token(**changes)) == reason


def test_an_expectation_of_no_audience_accepts_none():
    assert refusal(verify_access, access_token(), expected=replace(EXPECTED_ACCESS, audiences=())) == "audience"


# An application without a resource of its own is known by the proxy's client_id, as in id tokens.
EXPECTED_BEARER = replace(EXPECTED_ACCESS, typed_audiences=(CLIENT,))


def verify_bearer(token, now=NOW, expected=EXPECTED_BEARER):
    return verify_bearer_token(token, keys_of(jwk(rsa_key())), expected, now)


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt"])
def test_access_token_for_the_client_is_accepted_if_it_says_so(typ):
    assert verify_bearer(access_token({"typ": typ}, aud=CLIENT))
    assert refusal(verify_bearer, access_token(aud=CLIENT)) == "type"


@pytest.mark.parametrize("aud", [RESOURCE, [RESOURCE, CLIENT], [CLIENT, RESOURCE]])
def test_access_token_for_the_application_needs_no_type(aud):
    assert verify_bearer(access_token(aud=aud))


def test_refreshed_id_token_is_no_bearer_token():
    assert refusal(verify_bearer, id_token(nonce=...)) == "type"
    assert verify_bearer(id_token({"typ": "at+jwt"}, nonce=...))


# Claims that id tokens carry at several providers, and the payload's `typ` of Keycloak.
ID_TOKEN_SIGNS = [{"nonce": NONCE}, {"at_hash": "x"}, {"c_hash": "x"}, {"s_hash": "x"}, {"typ": "ID"}]


@pytest.mark.parametrize("signs", ID_TOKEN_SIGNS)
@pytest.mark.parametrize("typ", ["JWT", "at+jwt"])
def test_signs_of_an_id_token_are_refused_for_any_audience(signs, typ):
    assert verify_bearer(access_token({"typ": typ}))
    assert refusal(verify_bearer, access_token({"typ": typ}, **signs)) == "type"


@pytest.mark.parametrize("signs", ID_TOKEN_SIGNS)
@pytest.mark.parametrize("typ", ["JWT", ...])
def test_id_tokens_are_accepted_only_where_configured(signs, typ):
    expected = replace(EXPECTED_ACCESS, audiences=(RESOURCE, CLIENT), accept_id_tokens=True)
    assert verify_bearer(id_token({"typ": typ}, **signs), expected=expected)
    logout = {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}}
    assert refusal(verify_bearer, id_token({"typ": typ}, **signs, **logout), expected=expected) == "type"


def test_access_token_of_keycloak_is_accepted_for_a_named_audience():
    claims = {"typ": "Bearer", "azp": "another-client", "scope": "openid", "aud": ["account", RESOURCE]}
    assert verify_bearer(access_token(**claims))
    assert refusal(verify_bearer, access_token(**claims | {"aud": "account"})) == "audience"


@pytest.mark.parametrize("cnf", [{"jkt": "x"}, {"x5t#S256": "x"}, {}, None])
def test_token_bound_to_a_key_is_refused_as_a_plain_bearer_token(cnf):
    assert verify_bearer(access_token())
    assert refusal(verify_bearer, access_token(cnf=cnf)) == "key_bound"
    assert verify_access(access_token(cnf=cnf)), "its own sign-in needs no proof"


def test_bearer_token_ends_at_exp_without_leeway():
    token = access_token()
    assert verify_bearer(token, ACCESS_CLAIMS["exp"] - 0.001)
    assert refusal(verify_bearer, token, ACCESS_CLAIMS["exp"]) == "expired"
