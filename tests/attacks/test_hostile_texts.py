"""Property tests of every parser of strangers' text: any input is read, or refused by a documented error."""

import base64
import contextlib
import copy
import json
import random

import pytest
import xmlsec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from proxy.demo.adfs_saml import federation_metadata
from proxy.errors import TokenRefused
from proxy.model.provider import IdentityProvider, SecretText
from proxy.tokens.claims import verified_token
from proxy.tokens.dbsc import read_refresh, read_registration
from proxy.tokens.federation_metadata import read_metadata
from proxy.tokens.jwt import IdTokenExpectation, LogoutTokenExpectation, read_unverified, verify_id_token
from proxy.tokens.jwt import verify_logout_token as verify_logout
from proxy.tokens.saml import verify_response
from proxy.tokens.strict import authentication_instant, encode_base64url, iso_date, numeric_date, parse_object
from proxy.tokens.wstrust import SAML11, SAML20
from support import tokens
from support.device import Device
from support.saml_tokens import ISSUER, NOW, as_text, assertion, expected, pinned, response, sealed, signed, signing_key

MANY = settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
OIDC = IdentityProvider(name="default", issuer=tokens.ISSUER, client_id=tokens.CLIENT, client_secret=SecretText(""))
URL = "https://crm.contoso.com/.claims/device/register"
HEADER = {"alg": "RS256", "kid": "one", "typ": "JWT"}

NASTY = [
    "",
    " ",
    "\t\n",
    "\u00e9",
    "\u0661\u0662\u0663",
    "\uff11",
    "\U0001f600",
    "\ufffe",
    "AAA",
    "AAAA",
    "=",
    "AA==AA==",
    "-1",
    "0",
    "9" * 400,
    "1" + "0" * 5000,
    "1e999",
    "NaN",
    "x" * 20_000,
    "0000-00-00T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999999Z",
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59",
    "http://[::1",
    "http://[v1.x]:99999/",
    "//\u2100@x",
    "urn:\u0130",
    "#" * 70_000,
]
DATES = [
    "0001-01-01T00:00:00",
    "9999-12-31T23:59:59.999999",
    "1969-12-31T23:59:59",
    "2026-W01-1T00:00",
    "20260101T0000",
]
ZONES = ["", "Z", "+23:59", "-23:59", "+23:59:59.999999", "-24:00"]
nasty = st.sampled_from(NASTY) | st.text(max_size=30)
numbers = st.integers() | st.floats() | st.sampled_from([10**400, -(10**400), 2**63, 1e308, 0, -1])
values = st.recursive(
    st.none() | st.booleans() | numbers | nasty,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(nasty, inner, max_size=4),
    max_leaves=12,
)


# XML: one element, attribute or text of a good document becomes another, or any bytes do.


def xml_text(text: str) -> str:
    """The text as XML can hold it."""
    return "".join(
        letter for letter in text if letter in "\t\n\r" or " " <= letter <= "\ud7ff" or letter > "\U00010000"
    )


def mutate(root: etree._Element, chance: random.Random, text: str) -> etree._Element:
    """A copy with one thing changed."""
    root = copy.deepcopy(root)
    elements = list(root.iter())
    one, other = chance.choice(elements), chance.choice(elements)
    parent = one.getparent()
    match chance.randrange(8):
        case 0:
            one.text = xml_text(text)
        case 1:
            one.tail = xml_text(text)
        case 2 if one.attrib:
            one.set(chance.choice(list(one.attrib)), xml_text(text))
        case 3 if one.attrib:
            del one.attrib[chance.choice(list(one.attrib))]
        case 4 if parent is not None:
            parent.remove(one)
        case 5 if parent is not None:
            parent.append(copy.deepcopy(one))
        case 6:
            one.append(copy.deepcopy(other))
        case _:
            one.tag = other.tag
    return root


def spliced(data: bytes, chance: random.Random, piece: bytes) -> bytes:
    """The bytes with a piece in place of some of them."""
    begin = chance.randrange(len(data))
    return data[:begin] + piece + data[begin + chance.choice([0, 0, 1, 4, 64]) :]


GOOD = {
    f"{namespace.rpartition(':')[0][-3:]} {made.__name__}": response(made(signed(assertion(namespace))))
    for namespace in (SAML11, SAML20)
    for made in (copy.copy, sealed)
}
METADATA = etree.fromstring(
    federation_metadata(
        entity_id=ISSUER,
        endpoint="https://adfs.contoso.com/adfs/ls/",
        signing=signing_key(),
        published=[signing_key()],
    )
)
for unsigned in METADATA.findall("{http://www.w3.org/2000/09/xmldsig#}Signature"):
    UNSIGNED = copy.deepcopy(METADATA)
    UNSIGNED.remove(UNSIGNED.find(unsigned.tag))


def take(wresult: str) -> None:
    """Verify, and let nothing but the documented refusals through."""
    with contextlib.suppress(TokenRefused):
        verify_response(wresult, pinned(), expected(), NOW)


@pytest.mark.parametrize("good", GOOD)
@MANY
@given(chance=st.randoms(use_true_random=False), text=nasty)
def test_changed_response_is_read_or_refused(good, chance, text):
    take(as_text(mutate(GOOD[good], chance, text)))


@pytest.mark.parametrize("good", GOOD)
@MANY
@given(chance=st.randoms(use_true_random=False), piece=st.binary(max_size=40) | nasty.map(lambda text: text.encode()))
def test_response_with_any_bytes_is_read_or_refused(good, chance, piece):
    take(spliced(as_text(GOOD[good]).encode(), chance, piece).decode("utf-8", "surrogateescape"))


@MANY
@given(text=st.text())
def test_any_text_as_response_is_refused(text):
    with pytest.raises(TokenRefused):
        verify_response(text, pinned(), expected(), NOW)


@pytest.mark.parametrize("namespace", [SAML11, SAML20])
@MANY
@given(chance=st.randoms(use_true_random=False), text=nasty, hides=st.booleans())
def test_any_assertion_that_the_provider_signs_is_read_or_refused(namespace, chance, text, hides):
    root = mutate(assertion(namespace), chance, text)
    if root.nsmap.get(None) == namespace.strip("{}") and len(as_text(root)) < 60_000:
        # Some changes leave nothing that xmlsec would sign.
        with contextlib.suppress(xmlsec.Error):
            root = signed(root)
    take(as_text(response(sealed(root) if hides else root)))


@pytest.mark.parametrize("document", [METADATA, UNSIGNED], ids=["signed", "unsigned"])
@MANY
@given(chance=st.randoms(use_true_random=False), text=nasty, piece=st.binary(max_size=40))
def test_any_metadata_are_read_or_refused(document, chance, text, piece):
    whole = etree.tostring(document)
    for data in (etree.tostring(mutate(document, chance, text)), spliced(whole, chance, piece), piece):
        with contextlib.suppress(ValueError):
            read_metadata(data, NOW)


@pytest.mark.parametrize("shape", ["unknown algorithm", "broken", "not base64", "other alphabet"])
def test_metadata_whose_certificate_cannot_be_read_say_so(shape):
    """A certificate that a provider publishes beside a good one is left out; one that is no base64 is refused."""
    der = bytearray(signing_key().certificate)
    if shape == "unknown algorithm":
        at = bytes(der).index(bytes.fromhex("2a864886f70d010101"))
        der[at + 8] = 0x63
    text = {"broken": "AAAA", "not base64": "!!", "other alphabet": "\u00e9\u00e9"}.get(
        shape, base64.b64encode(bytes(der)).decode()
    )
    root = copy.deepcopy(UNSIGNED)
    certificate = next(root.iter("{http://www.w3.org/2000/09/xmldsig#}X509Certificate"))
    data = certificate.getparent()
    data.append(copy.deepcopy(certificate))
    assert read_metadata(etree.tostring(root), NOW).keys
    data[-1].text = text
    if shape in ("unknown algorithm", "broken"):
        assert len(read_metadata(etree.tostring(root), NOW).left_out) == 1
    else:
        with pytest.raises(ValueError, match="base64"):
            read_metadata(etree.tostring(root), NOW)


# JWTs: any claims that the provider signs, and any text.


def good_keys():
    return tokens.keys_of(tokens.jwk(tokens.rsa_key()))


ID = IdTokenExpectation(issuer=tokens.ISSUER, client_id=tokens.CLIENT, nonce=tokens.NONCE)
LOGOUT = LogoutTokenExpectation(issuer=tokens.ISSUER, client_id=tokens.CLIENT)
LOGOUT_CLAIMS = {
    **{name: tokens.ID_CLAIMS[name] for name in ("iss", "aud", "iat", "exp", "sub")},
    "jti": "1",
    "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
}


def read_id(token: str) -> None:
    with contextlib.suppress(TokenRefused):
        verified_token(verify_id_token(token, good_keys(), ID, NOW), OIDC)


def read_logout(token: str) -> None:
    try:
        read_unverified(token)
        verify_logout(token, good_keys(), LOGOUT, NOW)
    except TokenRefused:
        pass


JWTS = pytest.mark.parametrize(
    ("read", "claims"), [(read_id, tokens.ID_CLAIMS), (read_logout, LOGOUT_CLAIMS)], ids=["id token", "logout token"]
)


@JWTS
@MANY
@given(data=st.data())
def test_any_claims_that_the_provider_signs_are_read_or_refused(read, claims, data):
    name = data.draw(
        st.sampled_from([*claims, "azp", "nbf", "sid", "amr", "at_hash", "groups", "email", "name"]) | nasty
    )
    header = data.draw(st.sampled_from([{}, {"typ": 1}, {"alg": None}]) | st.dictionaries(nasty, values, max_size=2))
    read(tokens.sign({**HEADER, **header}, {**claims, name: data.draw(values)}, tokens.rsa_key()))


@JWTS
@MANY
@given(header=values, claims_of=values, payload=st.binary(max_size=40))
def test_any_json_as_token_is_read_or_refused(read, claims, header, claims_of, payload):
    for body in (json.dumps(claims_of).encode(), payload, b'{"a":' * 700 + b"1" + b"}" * 700):
        read(f"{tokens.part(json.dumps(header).encode())}.{encode_base64url(body)}.AAAA")
        read(tokens.sign(HEADER, body, tokens.rsa_key()))


@JWTS
@MANY
@given(chance=st.randoms(use_true_random=False), piece=nasty, anything=st.text())
def test_any_text_as_token_is_read_or_refused(read, claims, chance, piece, anything):
    good = tokens.sign(HEADER, claims, tokens.rsa_key())
    read(spliced(good.encode(), chance, piece.encode()).decode("utf-8", "surrogateescape"))
    read(anything)


@MANY
@given(value=values, raw=st.binary(max_size=60), depth=st.integers(0, 3000))
def test_any_bytes_are_a_json_object_or_refused(value, raw, depth):
    for text in (json.dumps({"a": value}).encode(), raw, b'{"a":' * depth + b"1" + b"}" * depth, b"[" * depth):
        try:
            found = parse_object(text)
        except ValueError:
            continue
        json.dumps(found)


@MANY
@given(value=values | st.datetimes().map(str) | st.sampled_from([f"{date}{zone}" for date in DATES for zone in ZONES]))
def test_any_value_is_an_instant_or_none(value):
    for instant in (numeric_date(value), iso_date(value), authentication_instant(value)):
        assert instant is None or -1e12 < instant < 1e12


@pytest.mark.parametrize(("levels", "is_read"), [(32, True), (33, False)])
def test_thirty_two_levels_of_json_are_read(levels, is_read):
    text = b'{"a":' * levels + b'"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["' + b"}" * levels
    if is_read:
        assert parse_object(text)
    else:
        with pytest.raises(ValueError, match="too deeply"):
            parse_object(text)


# Proofs of a device.

DEVICE = Device()


def read_proof(token: str) -> None:
    for read in (
        lambda: read_registration(token, url=URL),
        lambda: read_refresh(token, json.dumps(DEVICE.jwk), url=URL, session="tag.hash"),
    ):
        with contextlib.suppress(TokenRefused):
            read()


@MANY
@given(data=st.data())
def test_any_proof_that_a_device_signs_is_read_or_refused(data):
    header = data.draw(
        st.dictionaries(st.sampled_from(["alg", "typ", "jwk", "kid", "x5t"]) | nasty, values, max_size=2)
    )
    key = {**DEVICE.jwk, data.draw(st.sampled_from([*DEVICE.jwk, "n", "e", "use", "kid", "alg", "key_ops", "x5t"])): 1}
    changed = {**DEVICE.jwk, data.draw(st.sampled_from([*key])): data.draw(values)}
    claims = data.draw(st.dictionaries(st.sampled_from(["jti", "aud", "sub"]) | nasty, values, max_size=2))
    for more in (header, {"jwk": key}, {"jwk": changed}):
        read_proof(DEVICE.proof("challenge", brings_key=True, header=more, claims=claims))


@MANY
@given(chance=st.randoms(use_true_random=False), piece=nasty, anything=st.text())
def test_any_text_as_proof_is_read_or_refused(chance, piece, anything):
    good = DEVICE.proof("challenge", brings_key=True).encode()
    read_proof(spliced(good, chance, piece.encode()).decode("utf-8", "surrogateescape"))
    read_proof(anything)


@pytest.mark.parametrize(("bits", "is_read"), [(4096, True), (4104, False)])
def test_device_key_of_4096_bits_is_read_and_a_longer_one_refused(bits, is_read):
    proof = Device(bits=bits).proof("challenge", brings_key=True)
    if is_read:
        assert read_registration(proof, url=URL).challenge == "challenge"
    else:
        with pytest.raises(TokenRefused, match="4096 at most"):
            read_registration(proof, url=URL)
