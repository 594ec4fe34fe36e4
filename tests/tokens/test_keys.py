import pytest

from proxy.errors import ProviderMisconfigured, TokenRefused
from proxy.tokens.keys import KeySet, UnknownKey
from support.tokens import ec_key, ed25519_key, jwk, keys_of, rsa_key


@pytest.mark.parametrize(
    ("entry", "shape", "algorithm"),
    [
        (lambda: jwk(rsa_key()), "RSA", "RS256"),
        (lambda: jwk(rsa_key(), alg="PS384"), "RSA", "PS384"),
        (lambda: jwk(ec_key("P-256")), "P-256", "ES256"),
        (lambda: jwk(ec_key("P-384"), key_ops=["verify"]), "P-384", "ES384"),
        (lambda: jwk(ec_key("P-521"), use=None), "P-521", "ES512"),
        (lambda: jwk(ed25519_key(), alg="EdDSA"), "Ed25519", "EdDSA"),
    ],
)
def test_a_sound_key_is_used(entry, shape, algorithm):
    keys = keys_of(entry())
    assert not keys.left_out
    assert keys.find({"kid": "one"}, algorithm).shape == shape


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("a text", "malformed"),
        ({"kid": "one"}, "kind"),
        ({"kty": "oct", "k": "c2VjcmV0", "kid": "one"}, "symmetric"),
        (lambda: jwk(rsa_key(), use="enc"), "use"),
        (lambda: jwk(rsa_key(), use=["sig"]), "use"),
        (lambda: jwk(rsa_key(), key_ops=["encrypt"]), "key_ops"),
        (lambda: jwk(rsa_key(), key_ops="verify"), "key_ops"),
        (lambda: jwk(rsa_key(), d="AQAB"), "private"),
        (lambda: jwk(rsa_key(1024)), "weak"),
        (lambda: jwk(rsa_key(), e="AQ"), "weak"),
        (lambda: jwk(rsa_key(), e="AAAA"), "weak"),
        (lambda: jwk(rsa_key(), e="AgAAAAE"), "weak"),
        (lambda: jwk(rsa_key(), n=None), "malformed"),
        (lambda: jwk(rsa_key(), n=jwk(rsa_key())["n"] + "=="), "malformed"),
        (lambda: jwk(rsa_key(), kid=5), "malformed"),
        (lambda: jwk(rsa_key(), alg="HS256"), "algorithm"),
        (lambda: jwk(rsa_key(), alg="RSA1_5"), "algorithm"),
        (lambda: jwk(rsa_key(), alg="none"), "algorithm"),
        (lambda: jwk(ec_key("P-256"), alg="ES384"), "algorithm"),
        (lambda: jwk(ec_key("P-256"), y=jwk(ec_key("P-256"))["x"]), "malformed"),
        (lambda: jwk(ec_key("P-256"), crv="P-384"), "malformed"),
        (lambda: {**jwk(ec_key("P-256")), "crv": "secp256k1"}, "kind"),
        (lambda: jwk(ed25519_key(), x="AAAA"), "malformed"),
        (lambda: jwk(ed25519_key(), crv="X25519"), "kind"),
    ],
)
def test_a_key_that_nobody_should_trust_is_left_out_alone(entry, reason):
    keys = keys_of(entry() if callable(entry) else entry, jwk(ec_key("P-384"), kid="good"))
    assert [left_out.reason for left_out in keys.left_out] == [reason]
    assert keys.find({"kid": "good"}, "ES384").kid == "good"
    with pytest.raises(UnknownKey):
        keys.find({"kid": "one"}, "RS256")


def test_a_left_out_key_names_itself_for_the_log():
    (left_out,) = keys_of(jwk(rsa_key(1024))).left_out
    assert str(left_out) == "'one': weak (RSA of 1024 bits)"
    (nameless,) = keys_of({}).left_out
    assert nameless.name == "key 1"


def test_two_keys_of_one_kid_are_both_left_out():
    keys = keys_of(jwk(rsa_key()), jwk(rsa_key(nth=1)), jwk(ec_key(), kid="two"))
    assert [left_out.reason for left_out in keys.left_out] == ["duplicate", "duplicate"]
    assert [key.kid for key in keys.keys] == ["two"]


def test_an_encryption_key_of_the_same_kid_is_no_rival():
    keys = keys_of(jwk(rsa_key()), jwk(rsa_key(nth=1), use="enc"))
    assert [left_out.reason for left_out in keys.left_out] == ["use"]
    assert keys.find({"kid": "one"}, "RS256").public.public_numbers() == rsa_key().public_key().public_numbers()


@pytest.mark.parametrize("header", [{"x5t": "thumb"}, {"kid": "thumb"}, {"kid": "unheard", "x5t": "thumb"}])
def test_a_key_with_a_thumbprint_and_no_kid_is_found_by_either(header):
    keys = keys_of(jwk(rsa_key(), kid=None, x5t="thumb"), jwk(rsa_key(nth=1), kid="other"))
    assert keys.find(header, "RS256").thumbprints == {"thumb"}


def test_a_key_is_found_by_its_sha256_thumbprint():
    keys = keys_of(jwk(rsa_key(), kid=None, **{"x5t#S256": "thumb"}), jwk(rsa_key(nth=1), kid="other"))
    assert keys.find({"x5t#S256": "thumb"}, "RS256").thumbprints == {"thumb"}


def test_a_thumbprint_of_two_keys_decides_nothing():
    keys = keys_of(jwk(rsa_key(), kid=None, x5t="thumb"), jwk(rsa_key(nth=1), kid=None, x5t="thumb"))
    with pytest.raises(TokenRefused) as refused:
        keys.find({"x5t": "thumb"}, "RS256")
    assert refused.value.reason == "key_ambiguous"


def test_without_a_name_the_only_key_that_suits_is_taken():
    keys = keys_of(jwk(rsa_key()), jwk(ec_key(), kid="two"))
    assert keys.find({}, "ES256").kid == "two"


def test_without_a_name_two_keys_that_suit_decide_nothing():
    keys = keys_of(jwk(rsa_key()), jwk(rsa_key(nth=1), kid="two"))
    with pytest.raises(TokenRefused) as refused:
        keys.find({}, "RS256")
    assert refused.value.reason == "key_ambiguous"
    assert not isinstance(refused.value, UnknownKey)


def test_without_a_name_a_key_meant_for_another_algorithm_does_not_suit():
    keys = keys_of(jwk(rsa_key(), alg="PS256"), jwk(rsa_key(nth=1), kid="two", alg="RS256"))
    assert keys.find({}, "RS256").kid == "two"


def test_without_a_name_and_without_a_key_that_suits_the_keys_are_to_be_fetched_anew():
    with pytest.raises(UnknownKey) as unknown:
        keys_of(jwk(rsa_key())).find({}, "ES256")
    assert unknown.value.reason == "unknown_key"


@pytest.mark.parametrize(("entry_alg", "algorithm"), [("RS256", "PS256"), ("RS256", "RS512"), (None, "ES256")])
def test_the_named_key_must_be_one_for_the_algorithm(entry_alg, algorithm):
    keys = keys_of(jwk(rsa_key(), alg=entry_alg))
    assert keys.find({"kid": "one"}, "RS256").kid == "one"
    with pytest.raises(TokenRefused) as refused:
        keys.find({"kid": "one"}, algorithm)
    assert refused.value.reason == "key_algorithm"


@pytest.mark.parametrize("document", [{}, {"keys": {}}, {"keys": None}])
def test_what_is_no_jwks_is_the_providers_fault(document):
    with pytest.raises(ProviderMisconfigured, match="keys"):
        KeySet.from_jwks(document)


def test_an_empty_jwks_knows_no_key():
    with pytest.raises(UnknownKey):
        KeySet.from_jwks({"keys": []}).find({"kid": "one"}, "RS256")
