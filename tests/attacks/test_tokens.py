"""Hostile tokens, each beside one that differs in nothing else and is accepted."""

import hashlib
import hmac
import json
import secrets

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from proxy.errors import TokenRefused
from proxy.tokens.expectations import AccessTokenExpectation, IdTokenExpectation
from proxy.tokens.jwt import verify_access_token, verify_id_token
from proxy.tokens.keys import UnknownKey
from proxy.tokens.strict import encode_base64url
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
    id_token,
    jwk,
    keys_of,
    part,
    rsa_key,
    sign,
)

# An administrator or a provider's metadata may list anything; what is unsafe is refused all the same.
EXPECTED = IdTokenExpectation(
    issuer=ISSUER,
    client_id=CLIENT,
    nonce=NONCE,
    algorithms=("RS256", "PS256", "HS256", "HS384", "HS512", "none", "None"),
)
HEADER = {"alg": "RS256", "kid": "one", "typ": "JWT"}
PUBLIC = rsa_key().public_key()
PUBLIC_AS_SECRET = {
    "pem": PUBLIC.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    "pem without its last newline": PUBLIC.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).strip(),
    "pem of pkcs1": PUBLIC.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
    "der": PUBLIC.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    "der of pkcs1": PUBLIC.public_bytes(Encoding.DER, PublicFormat.PKCS1),
    "jwk": json.dumps(jwk(rsa_key())).encode(),
    "modulus": jwk(rsa_key())["n"].encode(),
    "nothing": b"",
}


def verify(token, keys=None):
    return verify_id_token(token, keys or keys_of(jwk(rsa_key())), EXPECTED, NOW)


def refusal(token, keys=None):
    with pytest.raises(TokenRefused) as refused:
        verify(token, keys)
    return refused.value.reason


def test_the_twin_of_every_refusal_here_is_accepted():
    assert verify(sign(HEADER, ID_CLAIMS, rsa_key())) == ID_CLAIMS
    assert verify(id_token()) == ID_CLAIMS


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", None])
@pytest.mark.parametrize("signature", ["", "kept"])
def test_a_token_that_says_it_is_unsigned_is_refused(algorithm, signature):
    kept = id_token().rpartition(".")[2] if signature else ""
    unsigned = f"{part(HEADER | {'alg': algorithm})}.{part(ID_CLAIMS)}.{kept}"
    assert refusal(unsigned) == "algorithm"


@pytest.mark.parametrize("form", PUBLIC_AS_SECRET)
@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_the_public_key_is_no_shared_secret(form, algorithm):
    signed = f"{part(HEADER | {'alg': algorithm})}.{part(ID_CLAIMS)}"
    digest = getattr(hashlib, f"sha{algorithm[2:]}")
    mac = hmac.new(PUBLIC_AS_SECRET[form], signed.encode(), digest).digest()
    token = f"{signed}.{encode_base64url(mac)}"
    assert refusal(token) == "algorithm"
    assert (
        refusal(token, keys_of({"kty": "oct", "kid": "one", "k": encode_base64url(PUBLIC_AS_SECRET[form])}))
        == "algorithm"
    )


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("jku", "https://evil.example/jwks.json"),
        ("x5u", "https://evil.example/chain.pem"),
        ("jwk", jwk(rsa_key(nth=1))),
        ("jwk", None),
        ("crit", ["exp"]),
        ("crit", []),
        ("b64", False),
        ("b64", True),
    ],
)
def test_a_token_brings_no_key_and_no_rule_of_its_own(member, value):
    assert refusal(sign(HEADER | {member: value}, ID_CLAIMS, rsa_key(nth=1))) == "header"
    assert refusal(sign(HEADER | {member: value}, ID_CLAIMS, rsa_key())) == "header"


def test_a_chain_in_the_header_is_not_looked_at():
    chain = {"x5c": [encode_base64url(PUBLIC_AS_SECRET["der"])]}
    assert verify(sign(HEADER | chain, ID_CLAIMS, rsa_key()))
    assert refusal(sign(HEADER | chain, ID_CLAIMS, rsa_key(nth=1))) == "signature"


@pytest.mark.parametrize(
    "kid",
    [
        "../../../../dev/null",
        "/etc/passwd",
        "file:///proc/self/environ",
        "https://evil.example/key",
        "one' UNION SELECT 'c2VjcmV0' -- ",
        "one\x00",
        "one\n",
        " one",
        "ONE",
        "",
        "{{7*7}}",
        "k" * 8_000,
    ],
)
def test_a_kid_is_a_name_and_never_a_place(kid):
    with pytest.raises(UnknownKey) as unknown:
        verify(sign(HEADER | {"kid": kid}, ID_CLAIMS, rsa_key()))
    assert len(str(unknown.value)) < 400
    assert "\n" not in str(unknown.value)


@pytest.mark.parametrize("kid", [None, 1, ["one"], {"kid": "one"}, True])
def test_a_kid_is_a_text(kid):
    assert refusal(sign(HEADER | {"kid": kid}, ID_CLAIMS, rsa_key())) == "header"


def test_a_thousand_random_kids_are_a_thousand_unknown_keys():
    keys = keys_of(jwk(rsa_key()))
    for _ in range(1000):
        with pytest.raises(UnknownKey):
            verify(f"{part(HEADER | {'kid': secrets.token_hex(8)})}.{part(ID_CLAIMS)}.{part(b'x')}", keys)
    assert len(keys.keys) == 1


@pytest.mark.parametrize(
    ("entries", "private"),
    [
        ([jwk(rsa_key(1024))], rsa_key(1024)),
        ([jwk(rsa_key(), use="enc")], rsa_key()),
        ([jwk(rsa_key(), key_ops=["encrypt"])], rsa_key()),
        ([jwk(rsa_key()), jwk(rsa_key(nth=1))], rsa_key()),
        ([jwk(rsa_key()), jwk(rsa_key(nth=1))], rsa_key(nth=1)),
        ([], rsa_key()),
    ],
)
def test_a_key_that_nobody_should_trust_verifies_nothing(entries, private):
    assert refusal(sign(HEADER, ID_CLAIMS, private), keys_of(*entries)) == "unknown_key"


def test_without_a_kid_one_key_decides_and_several_do_not():
    nameless = id_token({"kid": ...})
    assert verify(nameless)
    assert refusal(nameless, keys_of(jwk(rsa_key()), jwk(rsa_key(nth=1), kid="two"))) == "key_ambiguous"


@pytest.mark.parametrize("typ", ["logout+jwt", "LOGOUT+JWT", "at+jwt", "secevent+jwt", "dpop+jwt", "jws"])
def test_another_kind_of_token_is_no_id_token(typ):
    assert refusal(id_token({"typ": typ})) == "type"


EXPECTED_ACCESS = AccessTokenExpectation(issuers=(ISSUER, ACCESS_TOKEN_ISSUER), audiences=(RESOURCE, CLIENT))


def test_an_id_token_and_a_logout_token_open_no_api():
    keys = keys_of(jwk(rsa_key()))
    assert verify_access_token(access_token(), keys, EXPECTED_ACCESS, NOW) == ACCESS_CLAIMS
    logout = {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}, "jti": "1", "sid": "s"}
    for token in (id_token(), access_token({"typ": "logout+jwt"}), access_token(**logout)):
        with pytest.raises(TokenRefused) as refused:
            verify_access_token(token, keys, EXPECTED_ACCESS, NOW)
        assert refused.value.reason == "type"


def test_an_access_token_signs_nobody_in():
    assert refusal(access_token()) == "issuer"
    aimed_at_us = {"iss": ISSUER, "aud": CLIENT, "sub": "alice", "auth_time": int(NOW)}
    assert refusal(access_token(**aimed_at_us)) == "claim_missing"
    assert verify(access_token(**aimed_at_us, nonce=NONCE))


def spellings(token):
    """The same token as a lenient reader would still read it."""
    head, body, signature = token.split(".")
    yield "==", f"{token}=="
    yield "padded payload", f"{head}.{body}=.{signature}"
    yield "white space around", f" {token}"
    yield "newline at the end", f"{token}\n"
    yield "newline inside", f"{head}.{body[:9]}\n{body[9:]}.{signature}"
    yield "standard alphabet", token.replace("_", "/").replace("-", "+")
    yield "foreign character", f"{head}.{body}.{signature[:9]}!{signature[9:]}"
    yield "another digit form", f"{head}.{body}.{signature[:9]}٣{signature[9:]}"
    # 256 bytes end in a character of which two bits are spare.
    yield "stray bits", token[:-1] + {"A": "B", "Q": "R", "g": "h", "w": "x"}[token[-1]]


@pytest.mark.parametrize("spelling", [name for name, _ in spellings(id_token())])
def test_a_token_has_one_spelling(spelling):
    assert refusal(dict(spellings(id_token()))[spelling]) == "encoding"


def test_a_token_has_one_form():
    head, body, signature = id_token().split(".")
    flattened = json.dumps({"protected": head, "payload": body, "signature": signature})
    for token in (flattened, f"{id_token()}.", f".{id_token()}", f"{head}.{body}", f"Bearer {id_token()}.", "..", ""):
        assert refusal(token) in {"parts", "json"}


@pytest.mark.parametrize(
    "payload",
    [
        json.dumps(ID_CLAIMS)[:-1] + ', "sub": "mallory"}',
        json.dumps(ID_CLAIMS)[:-1] + ', "\\u0073ub": "mallory"}',
        json.dumps(ID_CLAIMS)[:-1] + ', "n": NaN}',
        json.dumps(ID_CLAIMS)[:-1] + ', "n": "\\ud800"}',
        json.dumps([ID_CLAIMS]),
        "﻿" + json.dumps(ID_CLAIMS),
        json.dumps(ID_CLAIMS) + "x",
        '{"a":' * 30_000,
        "",
    ],
)
def test_a_payload_that_two_readers_could_read_differently_is_refused(payload):
    assert refusal(sign(HEADER, payload, rsa_key())) == "json"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": str(int(NOW) + 60)}, "claim_malformed"),
        ({"exp": 1e300}, "claim_malformed"),
        ({"exp": True}, "claim_malformed"),
        ({"exp": ...}, "claim_missing"),
        ({"iat": ...}, "claim_missing"),
        ({"sub": ...}, "claim_missing"),
        ({"iat": NOW + 3600, "exp": NOW + 7200}, "issued_in_future"),
        ({"exp": NOW + 25 * 3600}, "lifetime"),
        ({"iat": 0, "exp": NOW + 60}, "lifetime"),
        ({"iss": ISSUER.upper()}, "issuer"),
        ({"iss": [ISSUER]}, "claim_malformed"),
        ({"aud": f"{CLIENT} another"}, "audience"),
        ({"aud": [CLIENT, "another"]}, "authorized_party"),
        ({"nonce": NONCE.lower()}, "nonce"),
        ({"nonce": ...}, "claim_missing"),
    ],
)
def test_what_a_library_alone_would_accept_is_refused(changes, reason):
    assert refusal(id_token(**changes)) == reason


def test_a_token_above_250_kib_is_not_read():
    assert verify(id_token(padding="x" * 100_000))
    assert refusal(id_token(padding="x" * 200_000)) == "size"


def test_a_refusal_tells_no_part_of_the_token():
    token = sign(HEADER, json.dumps(ID_CLAIMS | {"secret": "hunter2"}) + "x", rsa_key())
    with pytest.raises(TokenRefused) as refused:
        verify(token)
    told, error = "", refused.value
    while error:
        told, error = told + repr(error), error.__cause__
    assert "hunter2" not in told
    assert token.split(".")[1] not in told


def test_pyjwt_still_knows_the_algorithms_by_these_names():
    assert jwt.get_algorithm_by_name("RS256").verify(b"x", PUBLIC, b"y") is False
