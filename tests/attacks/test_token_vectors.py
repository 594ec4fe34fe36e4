"""Project Wycheproof's vectors for JWS and JWK, run through the signature layer.

Their payloads are no claims, so it is `verify_jws` that sees them. Each vector of an asymmetric key runs with its
group's public keys; one of a symmetric key has no public half, so it runs with the secret as our key set would see it.
"""

import json
from functools import cache

import pytest

from proxy.errors import TokenRefused
from proxy.tokens.jws import verify_jws
from proxy.tokens.keys import SHAPES, KeySet

# Valid to Wycheproof, refused by us: a key that says what it is for and a token that uses it for something else, or a
# key whose `alg` names no algorithm («ES521»; json_web_key vector 19 wants just that refused).
STRICTER = {
    346: "key_algorithm",
    347: "unknown_key",
    350: "key_algorithm",
    351: "unknown_key",
}
# Why the key of each vector about a key is left out; 9's exponent is 1, 22 to 24 are off their curve, 7 is ROCA.
LEFT_OUT = {
    **dict.fromkeys((6, 21), "use"),
    **dict.fromkeys((7, 8, 9), "weak"),
    **dict.fromkeys((19, 20), "algorithm"),
    **dict.fromkeys((22, 23, 24), "malformed"),
}
FILES = ("json_web_signature_test.json", "json_web_key_test.json")


@cache
def vectors(folder, name):
    """Each vector as (id, comment, whether valid, whether asymmetric, JWKS, token)."""
    found = []
    for group in json.loads((folder / "wycheproof" / name).read_text())["testGroups"]:
        published = group.get("public", group["private"])
        entries = published.get("keys", [published])
        asymmetric = any(entry["kty"] != "oct" for entry in entries)
        for vector in group["tests"]:
            row = (vector["tcId"], vector["comment"], vector["result"] == "valid", asymmetric, entries, vector["jws"])
            found.append(row)
    return found


def outcome(entries, token):
    try:
        verify_jws(token, KeySet.from_jwks({"keys": entries}), tuple(SHAPES))
    except TokenRefused as refused:
        return refused.reason
    return "accepted"


@pytest.fixture
def folder(shared_folder):
    return shared_folder / "fixtures"


@pytest.mark.parametrize(("name", "count"), [(FILES[0], 355), (FILES[1], 21)])
def test_every_invalid_vector_is_refused(folder, name, count):
    ran = [(row[0], row[1], outcome(row[4], row[5])) for row in vectors(folder, name) if not row[2]]
    assert not [row for row in ran if row[2] == "accepted"]
    assert len(ran) == count


@pytest.mark.parametrize(("name", "count"), [(FILES[0], 36), (FILES[1], 1)])
def test_every_valid_asymmetric_vector_is_accepted_but_for_those_that_misuse_their_key(folder, name, count):
    ran = {row[0]: outcome(row[4], row[5]) for row in vectors(folder, name) if row[2] and row[3]}
    stricter = STRICTER if name == FILES[0] else {}
    assert {vector: word for vector, word in ran.items() if word != "accepted"} == stricter
    assert len(ran) == count


@pytest.mark.parametrize("name", FILES)
def test_every_symmetric_vector_is_refused_even_the_valid_ones(folder, name):
    ran = [outcome(row[4], row[5]) for row in vectors(folder, name) if not row[3]]
    assert ran
    assert "accepted" not in ran


def test_a_key_is_left_out_for_the_fault_that_its_vector_is_about(folder):
    entries = {row[0]: row[4] for row in vectors(folder, FILES[1])}
    reasons = {
        number: [left_out.reason for left_out in KeySet.from_jwks({"keys": entries[number]}).left_out]
        for number in LEFT_OUT
    }
    assert reasons == {number: [reason] for number, reason in LEFT_OUT.items()}
