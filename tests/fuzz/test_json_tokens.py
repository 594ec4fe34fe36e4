"""JSON Web Tokens: mutated ones are refused by a word, and signed nonsense passes only where it keeps every rule."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import TokenRefused
from proxy.tokens.jwt import (
    AccessTokenExpectation,
    IdTokenExpectation,
    LogoutTokenExpectation,
    verify_access_token,
    verify_id_token,
    verify_logout_token,
)
from support.fuzzing import attempt, corpus, fuzz, mutated
from support.logout import EVENT
from support.tokens import (
    ACCESS_CLAIMS,
    ACCESS_TOKEN_ISSUER,
    CLIENT,
    ID_CLAIMS,
    ISSUER,
    NONCE,
    NOW,
    RESOURCE,
    changed,
    jwk,
    keys_of,
    rsa_key,
    sign,
)

KEYS = keys_of(jwk(rsa_key()))
LEEWAY = 60.0
LOGOUT_CLAIMS = {name: ID_CLAIMS[name] for name in ("iss", "aud", "sub", "iat", "exp")} | {
    "jti": "token-1",
    "sid": "one",
    "events": {EVENT: {}},
}
KINDS = {
    "id": (verify_id_token, IdTokenExpectation(issuer=ISSUER, client_id=CLIENT, nonce=NONCE), ID_CLAIMS),
    "access": (
        verify_access_token,
        AccessTokenExpectation(issuers=(ISSUER, ACCESS_TOKEN_ISSUER), audiences=(RESOURCE,)),
        ACCESS_CLAIMS,
    ),
    "logout": (verify_logout_token, LogoutTokenExpectation(issuer=ISSUER, client_id=CLIENT), LOGOUT_CLAIMS),
}
HEADER = {"alg": "RS256", "kid": "one", "typ": "JWT"}
TOKENS = {kind: sign(HEADER, claims, rsa_key()) for kind, (_, _, claims) in KINDS.items()}
NONE = "eyJhbGciOiJub25lIn0"
WORDS = (".", "..", "=", "A", "_", "-", "+", "/", "\0", "\xe9", NONE, f"{NONE}.", "e30", "bnVsbA", "W10", "Ig")

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
TIMES = st.integers(int(NOW) - 90_000, int(NOW) + 90_000) | st.sampled_from([10**400, -1, 0, 253402300800, 1e308])
NAMES = sorted({*ID_CLAIMS, *ACCESS_CLAIMS, *LOGOUT_CLAIMS, "nbf", "azp", "at_hash", "amr", "acr"})
CLAIMS = st.dictionaries(st.sampled_from(NAMES), VALUES | TIMES | st.just(...), max_size=4)
HEADERS = st.dictionaries(
    st.sampled_from(["alg", "kid", "typ", "x5t", "crit", "jwk", "jku", "b64"]), VALUES, max_size=2
)


def judged(kind: str, token: str):
    """Return (claims, None), or (None, the refusal) of a token in a place where this kind belongs."""
    verify, expected, _ = KINDS[kind]
    return attempt(lambda: verify(token, KEYS, expected, NOW), TokenRefused)


@fuzz
@given(kind=st.sampled_from(sorted(KINDS)), token=mutated(tuple(TOKENS.values()), WORDS))
def test_a_mutated_token_is_refused(kind, token):
    claims, refused = judged(kind, token)
    if token == TOKENS[kind]:
        assert claims
    else:
        assert refused.reason.replace("_", "").isalnum()


def test_each_kind_is_accepted_in_its_own_place_alone():
    accepted = [(kind, other) for kind in KINDS for other, token in TOKENS.items() if judged(kind, token)[0]]
    assert accepted == [(kind, kind) for kind in KINDS]


@fuzz
@given(text=mutated((*TOKENS.values(), ""), WORDS) | st.text(max_size=40))
@corpus("json_tokens", "text")
def test_any_text_is_refused_or_a_token_of_ours(text):
    for kind in KINDS:
        claims, _ = judged(kind, text)
        assert (claims is not None) is (text == TOKENS[kind])


@fuzz(cost=3)
@given(kind=st.sampled_from(sorted(KINDS)), changes=CLAIMS, header=HEADERS)
def test_signed_nonsense_passes_only_where_it_keeps_the_rules(kind, changes, header):
    claims = changed(KINDS[kind][2], **changes)
    found, refused = judged(kind, sign(HEADER | header, claims, rsa_key()))
    if refused:
        assert changes or header
        return
    assert claims["iss"] in (ISSUER, ACCESS_TOKEN_ISSUER)
    audience = RESOURCE if kind == "access" else CLIENT
    assert claims["aud"] == audience or audience in claims["aud"]
    assert claims["exp"] + LEEWAY > NOW
    assert claims["iat"] <= NOW + LEEWAY
    assert (HEADER | header)["alg"] == "RS256"
    match kind:
        case "id":
            assert (found, claims["nonce"]) == (claims, NONCE)
        case "access":
            assert found == claims
            assert "nonce" not in claims
        case _:
            assert (found.token_id, found.provider_session, found.subject) == (
                claims["jti"],
                claims.get("sid"),
                claims.get("sub"),
            )
            assert isinstance(claims["events"][EVENT], dict)
