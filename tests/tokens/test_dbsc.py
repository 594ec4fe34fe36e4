"""Proofs of a device: what passes, and what of it must not be missing."""

import json

import pytest

from proxy.errors import TokenRefused
from proxy.tokens.dbsc import read_refresh, read_registration
from support.device import Device

URL, CHALLENGE, SESSION = "https://crm.contoso.com/.claims/device/register", "a-challenge", "tag.hash"
# Sent by Chromium 156 for the challenge «chal1».
CHROMIUM = (
    "eyJhbGciOiJFUzI1NiIsImp3ayI6eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6Ilo3YWE5S3ZLekdHb3lvTXZodm1JV3BnZVZIRGJacm1i"
    "ZE83SjdRTXpVSzAiLCJ5IjoidlJGY19SWlQwMlF3a1FBT2Z0Vkhfc0NYN2xKd2dQTnk0UGF0aGRhaUJGUSJ9LCJ0eXAiOiJkYnNjK2p3dCJ9"
    ".eyJqdGkiOiJjaGFsMSJ9"
    ".nismHBOfguogwI6VXStlQ0Mi7jEbyXMfYzJv9Zjq3QiL1tY46cEu1ze6OwcOth3IVs2i4PubiXS_FDlelxoAtg"
)


@pytest.fixture(scope="module")
def device() -> Device:
    return Device()


@pytest.fixture(scope="module")
def other() -> Device:
    return Device()


def jwk_of(device: Device) -> str:
    return json.dumps(device.jwk, sort_keys=True, separators=(",", ":"))


def test_chromium_s_registration_is_read():
    registered = read_registration(CHROMIUM, url=URL)
    assert registered.challenge == "chal1"
    assert json.loads(registered.jwk)["x"] == "Z7aa9KvKzGGoyoMvhvmIWpgeVHDbZrmbdO7J7QMzUK0"


@pytest.mark.parametrize("bits", [None, 2048])
def test_a_key_that_was_registered_proves_itself(bits):
    device = Device(bits=bits)
    registered = read_registration(device.proof(CHALLENGE, brings_key=True), url=URL)
    assert (registered.challenge, registered.jwk) == (CHALLENGE, jwk_of(device))
    assert read_refresh(device.proof("next"), registered.jwk, url=URL, session=SESSION) == "next"


@pytest.mark.parametrize(
    ("claims", "fits"),
    [({"aud": URL}, True), ({"aud": "https://evil.example/"}, False), ({"sub": SESSION}, True), ({"sub": "x"}, False)],
)
def test_what_earlier_drafts_said_beside_must_be_right_where_it_is_said(device, claims, fits):
    proof = device.proof(CHALLENGE, claims=claims)
    if fits:
        assert read_refresh(proof, jwk_of(device), url=URL, session=SESSION) == CHALLENGE
    else:
        with pytest.raises(TokenRefused):
            read_refresh(proof, jwk_of(device), url=URL, session=SESSION)


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"typ": "JWT"}, "type"),
        ({"typ": None}, "type"),
        ({"alg": "none"}, "algorithm"),
        ({"alg": "HS256"}, "algorithm"),
        ({"alg": "ES384"}, "algorithm"),
        ({"alg": "RS256"}, "unknown_key"),
        ({"jku": "https://evil.example/keys"}, "header"),
        ({"crit": ["b64"], "b64": False}, "header"),
        ({"jwk": None}, "jwk"),
        ({"jwk": "text"}, "jwk"),
        ({"jwk": {"kty": "oct", "k": "AAAA"}}, "jwk"),
        ({"jwk": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}}, "jwk"),
        ({"jwk": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}}, "jwk"),
    ],
)
def test_a_registration_that_breaks_a_rule_is_refused(device, header, reason):
    assert read_registration(device.proof(CHALLENGE, brings_key=True), url=URL).challenge == CHALLENGE
    with pytest.raises(TokenRefused) as refused:
        read_registration(device.proof(CHALLENGE, brings_key=True, header=header), url=URL)
    assert refused.value.reason == reason


@pytest.mark.parametrize("claims", [{"jti": None}, {"jti": 7}, {"jti": ""}, {"jti": "x" * 2049}])
def test_a_proof_without_a_challenge_proves_nothing(device, claims):
    with pytest.raises(TokenRefused) as refused:
        read_refresh(device.proof(CHALLENGE, claims=claims), jwk_of(device), url=URL, session=SESSION)
    assert refused.value.reason == "challenge"


def test_nobody_registers_a_key_that_he_does_not_hold(device, other):
    with pytest.raises(TokenRefused) as refused:
        read_registration(device.proof(CHALLENGE, brings_key=True, header={"jwk": other.jwk}), url=URL)
    assert refused.value.reason == "signature"


def test_another_device_s_proof_is_refused_and_so_is_one_that_brings_its_own_key(device, other):
    for proof, reason in ((other.proof(CHALLENGE), "signature"), (other.proof(CHALLENGE, brings_key=True), "header")):
        with pytest.raises(TokenRefused) as refused:
            read_refresh(proof, jwk_of(device), url=URL, session=SESSION)
        assert refused.value.reason == reason


@pytest.mark.parametrize("token", ["", "a.b", "x" * 9000, "a.b.c.d", "..", "é.é.é"])
def test_what_is_no_token_is_refused(token):
    with pytest.raises(TokenRefused):
        read_registration(token, url=URL)


def test_a_private_key_is_not_taken(device):
    with pytest.raises(TokenRefused) as refused:
        read_registration(device.proof(CHALLENGE, brings_key=True, header={"jwk": device.jwk | {"d": "AAAA"}}), url=URL)
    assert refused.value.reason == "jwk"
