"""Proofs of Device Bound Session Credentials: only the challenge that its key has signed comes out of one."""

import json

from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import TokenRefused
from proxy.tokens.dbsc import read_refresh, read_registration
from support.device import Device
from support.fuzzing import attempt, corpus, fuzz, mutated

URL, CHALLENGE, SESSION = "https://crm.contoso.com/.claims/device/register", "a-challenge", "tag.hash"
DEVICE, RSA, OTHER = Device(), Device(bits=2048), Device()
JWK = json.dumps(DEVICE.jwk, sort_keys=True, separators=(",", ":"))
PROOFS = {device.proof(CHALLENGE, brings_key=True): device for device in (DEVICE, RSA, OTHER)}
REFRESH = DEVICE.proof(CHALLENGE)
WORDS = (".", "..", "=", "A", "_", "-", "+", "\0", "\xe9", '"', "eyJhbGciOiJub25lIn0", "e30", "bnVsbA")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
KEY_MEMBERS = st.dictionaries(
    st.sampled_from(["kty", "crv", "x", "y", "n", "e", "d", "k", "alg", "use", "kid", "key_ops"]), VALUES, max_size=3
)
HEADERS = st.dictionaries(st.sampled_from(["alg", "typ", "kid", "jku", "crit"]), VALUES, max_size=2)
CLAIMS = st.dictionaries(st.sampled_from(["jti", "aud", "sub", "iat"]), VALUES, max_size=2)


@fuzz
@given(text=mutated((*PROOFS, REFRESH), WORDS) | st.text(max_size=30))
@corpus("device_proofs", "text")
def test_a_mutated_proof_proves_nothing(text):
    registered, _ = attempt(lambda: read_registration(text, url=URL), TokenRefused)
    if text in PROOFS:
        assert (registered.challenge, json.loads(registered.jwk)) == (CHALLENGE, PROOFS[text].jwk)
    else:
        assert registered is None
    challenge, _ = attempt(lambda: read_refresh(text, JWK, url=URL, session=SESSION), TokenRefused)
    assert challenge == (CHALLENGE if text == REFRESH else None)


@fuzz
@given(members=KEY_MEMBERS, header=HEADERS, claims=CLAIMS)
def test_a_registration_with_any_members_yields_the_public_key_alone(members, header, claims):
    proof = DEVICE.proof(CHALLENGE, header={"jwk": DEVICE.jwk | members} | header, claims=claims)
    registered, refused = attempt(lambda: read_registration(proof, url=URL), TokenRefused)
    if refused:
        assert members or header or claims
        return
    jwk = json.loads(registered.jwk)
    assert not {"d", "k"} & set(jwk)
    assert {name: jwk[name] for name in DEVICE.jwk} == DEVICE.jwk
    assert registered.challenge == (CHALLENGE if claims.get("jti") is None else claims["jti"])
    # What was kept is a key by which the same device proves itself.
    assert read_refresh(REFRESH, registered.jwk, url=URL, session=SESSION) == CHALLENGE
    _, foreign = attempt(
        lambda: read_refresh(OTHER.proof(CHALLENGE), registered.jwk, url=URL, session=SESSION), TokenRefused
    )
    assert foreign is not None
