import pytest

from proxy.errors import TokenRefused
from proxy.tokens.jws import MAXIMUM_LENGTH, verify_jws
from proxy.tokens.keys import SHAPES, UnknownKey
from support.tokens import ec_key, ed25519_key, jwk, keys_of, part, rsa_key, sign

EVERY = tuple(SHAPES)
HEADER = {"alg": "RS256", "kid": "one"}


def refusal(token, keys=None, algorithms=("RS256",)):
    with pytest.raises(TokenRefused) as refused:
        verify_jws(token, keys or keys_of(jwk(rsa_key())), algorithms)
    return refused.value.reason


@pytest.mark.parametrize(
    ("algorithm", "private"),
    [
        *((name, rsa_key) for name in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")),
        ("ES256", lambda: ec_key("P-256")),
        ("ES384", lambda: ec_key("P-384")),
        ("ES512", lambda: ec_key("P-521")),
        ("EdDSA", ed25519_key),
    ],
)
def test_every_algorithm_verifies_what_it_signed_and_nothing_else(algorithm, private):
    keys = keys_of(jwk(private()))
    token = sign(HEADER | {"alg": algorithm}, b"payload", private(), algorithm)
    verified = verify_jws(token, keys, EVERY)
    assert (verified.payload, verified.algorithm, verified.header["kid"]) == (b"payload", algorithm, "one")
    head, _, signature = token.split(".")
    assert refusal(f"{head}.{part(b'Payload')}.{signature}", keys, EVERY) == "signature"
    assert refusal(f"{head}.{part(b'payload')}.", keys, EVERY) == "signature"
    assert refusal(f"{head}.{part(b'payload')}.{part(b'short')}", keys, EVERY) == "signature"


def test_an_algorithm_that_was_not_agreed_upon_is_refused():
    token = sign(HEADER | {"alg": "PS256"}, b"x", rsa_key(), "PS256")
    assert verify_jws(token, keys_of(jwk(rsa_key())), ("PS256",)).payload == b"x"
    assert refusal(token) == "algorithm"


@pytest.mark.parametrize("algorithm", ["HS256", "none", "ES256K"])
def test_an_expectation_cannot_allow_what_is_never_accepted(algorithm):
    token = sign(HEADER | {"alg": algorithm}, b"x", rsa_key())
    assert refusal(token, algorithms=(algorithm, "RS256")) == "algorithm"


def test_another_key_does_not_verify():
    token = sign(HEADER, b"x", rsa_key(nth=1))
    assert refusal(token) == "signature"


def test_an_unknown_key_is_told_apart_from_a_bad_signature():
    with pytest.raises(UnknownKey):
        verify_jws(sign(HEADER | {"kid": "two"}, b"x", rsa_key()), keys_of(jwk(rsa_key())), ("RS256",))


@pytest.mark.parametrize("parts", ["", "a", "a.b", "a.b.c.d", "....", "a.b.c.d.e"])
def test_a_token_has_exactly_three_parts(parts):
    assert refusal(parts) == "parts"


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("[]", "json"),
        ("", "json"),
        ('{"alg":"RS256","alg":"none","kid":"one"}', "json"),
        ("{}", "algorithm"),
        ({"alg": None, "kid": "one"}, "algorithm"),
        ({"alg": ["RS256"], "kid": "one"}, "algorithm"),
        ({"alg": "rs256", "kid": "one"}, "algorithm"),
        ({"alg": "RS256", "kid": 1}, "header"),
        ({"alg": "RS256", "kid": None}, "header"),
        ({"alg": "RS256", "kid": "one", "crit": ["exp"]}, "header"),
    ],
)
def test_a_header_that_is_not_as_it_should_be_is_refused(header, reason):
    assert refusal(sign(header, b"x", rsa_key())) == reason


def test_members_that_decide_nothing_are_passed_over():
    token = sign(HEADER | {"x5c": ["MIIB"], "cty": "JWT", "zzz": 1}, b"x", rsa_key())
    assert verify_jws(token, keys_of(jwk(rsa_key())), ("RS256",)).payload == b"x"


def test_the_longest_token_is_250_kib():
    frame = len(sign(HEADER, b"", rsa_key()))
    longest = b"x" * ((MAXIMUM_LENGTH - frame) * 3 // 4)
    keys = keys_of(jwk(rsa_key()))
    assert verify_jws(sign(HEADER, longest, rsa_key()), keys, ("RS256",)).payload == longest
    assert refusal(sign(HEADER, longest + b"xx", rsa_key())) == "size"
