"""Hostile SAML tokens, each beside one that differs in nothing else and is accepted."""

import base64
import copy
import hmac
import os

import pytest
import xmlsec
from lxml import etree
from xmlsec import constants

from proxy.errors import TokenRefused
from proxy.tokens import xml
from proxy.tokens.keys import UnknownKey
from proxy.tokens.saml import verify_response
from proxy.tokens.wstrust import SAML11, SAML20
from proxy.tokens.xml_encryption import XENC, DecryptionKey
from proxy.tokens.xml_signature import DSIG, EXCLUSIVE
from support.saml_tokens import (
    NOW,
    TRUST_2005,
    as_text,
    assertion,
    decryption_key,
    expected,
    other_key,
    pem_of,
    pinned,
    response,
    sealed,
    signed,
    signing_key,
)

BOTH = pytest.mark.parametrize("namespace", [SAML11, SAML20])


def good(namespace: str = SAML11) -> str:
    return as_text(response(signed(assertion(namespace))))


def upn_of(text: str, **changes) -> str:
    return verify_response(text, pinned(), expected(**changes), NOW).token.principal.upn


def reason_of(text: str, **changes) -> str:
    with pytest.raises(TokenRefused) as refused:
        verify_response(text, pinned(), expected(**changes), NOW)
    return refused.value.reason


@BOTH
def test_the_twin_of_all_is_accepted(namespace):
    assert upn_of(good(namespace)) == "alice@contoso.com"


@BOTH
@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("alice@contoso.com", "admin@contoso.com", "signature"),
        ("alice@contoso.com", "alice@contoso.com<!---->.evil.com", "markup_in_text"),
        ("alice@contoso.com", "alice@contoso.com<?x?>.evil.com", "markup_in_text"),
        ("<ds:DigestValue>", "<ds:DigestValue><!-- x -->", "markup_in_text"),
        ('URI="#_original"', 'URI=""', "signature_shape"),
        ('URI="#_original"', "URI=\"#xpointer(id('_original'))\"", "signature_shape"),
        ('URI="#_original"', 'URI="#_other"', "signature_shape"),
        ('URI="#_original"', 'Uri="#_original"', "signature_shape"),
        ("xmldsig-more#rsa-sha256", "xmldsig-more#hmac-sha256", "algorithm"),
        (
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
            "algorithm",
        ),
        ("http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2000/09/xmldsig#sha1", "algorithm"),
        ("http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2001/04/xmldsig-more#md5", "algorithm"),
        (
            "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
            "http://www.w3.org/TR/1999/REC-xslt-19991116",
            "algorithm",
        ),
        (
            "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
            "http://www.w3.org/TR/1999/REC-xpath-19991116",
            "algorithm",
        ),
    ],
)
def test_a_change_is_refused_for_what_it_is(namespace, old, new, reason):
    text = good(namespace)
    assert old in text
    assert reason_of(text.replace(old, new)) == reason


@pytest.mark.parametrize(
    "opening",
    [
        "<!DOCTYPE x>",
        '<!DOCTYPE x [<!ENTITY e "admin@contoso.com">]>',
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">',
        '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x"> %p;]>',
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
    ],
)
def test_any_doctype_is_refused_before_anything_is_parsed(opening, monkeypatch):
    text = opening + good().replace("alice@contoso.com", "&e;")
    monkeypatch.setattr(xml.etree, "fromstring", lambda *_: pytest.fail("it was parsed"))
    assert reason_of(text) == "doctype"


def test_an_entity_that_nobody_declared_is_refused():
    assert reason_of(good().replace("alice@contoso.com", "&e;")) == "malformed"


@BOTH
def test_two_assertions_are_refused(namespace):
    one = signed(assertion(namespace))
    assert reason_of(as_text(response(one, copy.deepcopy(one)))) == "duplicate_id"
    other = signed(assertion(namespace, "_second", "admin@contoso.com"))
    assert reason_of(as_text(response(signed(assertion(namespace)), other))) == "several_tokens"


@BOTH
def test_an_assertion_beside_an_encrypted_one_is_refused(namespace):
    hidden = sealed(signed(assertion(namespace)))
    assert upn_of(as_text(response(copy.deepcopy(hidden)))) == "alice@contoso.com"
    root = response(hidden)
    root.append(assertion(namespace, "_forged", "admin@contoso.com"))
    assert reason_of(as_text(root)) == "several_tokens"


def change_signature(namespace: str, change) -> str:
    root = response(signed(assertion(namespace)))
    change(root.find(f".//{DSIG}Signature"))
    return as_text(root)


@BOTH
def test_two_of_what_should_be_one_are_refused(namespace):
    def twice(name):
        def change(signature):
            element = signature.find(f".//{DSIG}{name}")
            element.addnext(copy.deepcopy(element))

        return change

    for name in ("SignedInfo", "Reference", "SignatureMethod", "SignatureValue", "Transform", "DigestValue"):
        assert reason_of(change_signature(namespace, twice(name))) in {"signature_shape", "algorithm"}
    with_two = response(signed(assertion(namespace)))
    signature = with_two.find(f".//{DSIG}Signature")
    signature.addnext(copy.deepcopy(signature))
    assert reason_of(as_text(with_two)) == "signature_shape"


@BOTH
@pytest.mark.parametrize("where", ["Advice", "AttributeStatement", "Conditions"])
def test_a_signature_elsewhere_is_none(namespace, where):
    root = response(signed(assertion(namespace)))
    signature = root.find(f".//{DSIG}Signature")
    root.find(f".//{namespace}{where}").append(signature)
    assert reason_of(as_text(root)) == "signature_shape"
    signature.getparent().remove(signature)
    assert reason_of(as_text(root)) == "unsigned"


@BOTH
def test_an_attacker_s_certificate_in_key_info_is_not_trusted(namespace):
    text = as_text(response(signed(assertion(namespace), other_key())))
    with pytest.raises(UnknownKey):
        verify_response(text, pinned(), expected(), NOW)
    assert verify_response(text, pinned(other_key()), expected(), NOW).token.principal.upn == "alice@contoso.com"
    # Neither where it names ours.
    ours, theirs = (base64.b64encode(key.certificate).decode() for key in (signing_key(), other_key()))
    assert reason_of(text.replace(theirs, ours)) == "signature"


def test_a_mac_keyed_with_the_public_certificate_is_refused():
    root = response(signed(assertion(SAML11)))
    method = root.find(f".//{DSIG}SignatureMethod")
    method.set("Algorithm", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256")
    info = etree.tostring(root.find(f".//{DSIG}SignedInfo"), method="c14n", exclusive=True)
    value = hmac.digest(signing_key().certificate, info, "sha256")
    root.find(f".//{DSIG}SignatureValue").text = base64.b64encode(value).decode()
    assert reason_of(as_text(root)) == "algorithm"


def test_a_truncated_mac_is_refused_by_its_parameter():
    def shorten(signature):
        method = signature.find(f".//{DSIG}SignatureMethod")
        etree.SubElement(method, f"{DSIG}HMACOutputLength").text = "1"

    assert reason_of(change_signature(SAML11, shorten)) == "algorithm"


def test_what_cannot_be_canonicalized_is_refused():
    text = good().replace("<Advice/>", '<Advice xmlns:n="1"/>')
    assert reason_of(text) in {"signature", "malformed", "unknown_key"}


@BOTH
def test_an_inclusive_canonicalization_is_refused(namespace):
    text = good(namespace).replace(
        f'Algorithm="{EXCLUSIVE}"', 'Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"'
    )
    assert reason_of(text) == "algorithm"
    with_comments = good(namespace).replace(f'Algorithm="{EXCLUSIVE}"', f'Algorithm="{EXCLUSIVE}WithComments"')
    assert reason_of(with_comments) == "algorithm"


def test_sha1_is_taken_only_where_it_is_allowed():
    root = assertion(SAML11)
    signed(root)
    signature = root.find(f"{DSIG}Signature")
    signature.find(f".//{DSIG}SignatureMethod").set("Algorithm", "http://www.w3.org/2000/09/xmldsig#rsa-sha1")
    signature.find(f".//{DSIG}DigestMethod").set("Algorithm", "http://www.w3.org/2000/09/xmldsig#sha1")
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(pem_of(signing_key()), constants.KeyDataFormatPem)
    context.register_id(root, "AssertionID")
    context.sign(signature)
    text = as_text(response(root))
    assert reason_of(text) == "algorithm"
    assert upn_of(text, provider={"allow_sha1": True}) == "alice@contoso.com"


@pytest.mark.parametrize("size", [260 * 1024, 10 * 1024 * 1024])
def test_a_token_that_is_too_large_is_not_parsed(size, monkeypatch):
    text = good()
    monkeypatch.setattr(xml.etree, "fromstring", lambda *_: pytest.fail("it was parsed"))
    assert reason_of(text.replace("<Advice/>", f"<Advice>{'x' * size}</Advice>")) == "too_large"


# Encryption: one refusal, whatever went wrong.


def refusal_of(text: str, **changes) -> tuple[str, str]:
    with pytest.raises(TokenRefused) as refused:
        verify_response(text, pinned(), expected(**changes), NOW)
    return refused.value.reason, str(refused.value)


def cipher_values(root: etree._Element) -> list[etree._Element]:
    return list(root.iter(f"{XENC}CipherValue"))


def spoiled(which: int, change) -> str:
    root = response(sealed(signed(assertion(SAML11))))
    value = cipher_values(root)[which]
    value.text = base64.b64encode(change(bytearray(base64.b64decode(value.text)))).decode()
    return as_text(root)


def flip(at: int):
    def change(data: bytearray) -> bytes:
        data[at] ^= 1
        return bytes(data)

    return change


def test_every_failure_to_decrypt_is_one_and_the_same_refusal():
    other = DecryptionKey.from_pem(pem_of(signing_key()))
    told = {
        refusal_of(spoiled(0, flip(10))),  # the wrapped key
        refusal_of(spoiled(0, lambda data: bytes(data[:-1]))),
        refusal_of(spoiled(1, flip(-20))),  # padding, most likely
        refusal_of(spoiled(1, flip(40))),  # what is no XML any more
        refusal_of(spoiled(1, lambda data: bytes(data[:-7]))),
        refusal_of(spoiled(1, lambda data: os.urandom(len(data)))),
        refusal_of(as_text(response(sealed(signed(assertion(SAML11))))), decryption_keys=(other,)),
    }
    assert len(told) == 1
    assert next(iter(told))[0] == "decryption"


def test_a_key_that_is_not_named_is_found_among_several():
    ours, other = decryption_key(), DecryptionKey.from_pem(pem_of(signing_key()))
    text = as_text(response(sealed(signed(assertion(SAML11)))))
    assert upn_of(text, decryption_keys=(other, ours)) == "alice@contoso.com"
    root = response(sealed(signed(assertion(SAML20))))
    for info in list(root.iter(f"{DSIG}KeyInfo")):
        if info.getparent().tag == f"{XENC}EncryptedKey":
            info.getparent().remove(info)
    assert upn_of(as_text(root), decryption_keys=(other, ours)) == "alice@contoso.com"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("xmlenc#rsa-oaep-mgf1p", "xmlenc#rsa-1_5"),
        ("xmlenc#aes256-cbc", "xmlenc#tripledes-cbc"),
        ("http://www.w3.org/2000/09/xmldsig#sha1", "http://www.w3.org/2001/04/xmldsig-more#md5"),
    ],
)
def test_other_ways_to_encrypt_are_refused_by_name(old, new):
    text = as_text(response(sealed(signed(assertion(SAML11))), trust=TRUST_2005))
    assert old in text
    assert reason_of(text.replace(old, new)) == "algorithm"


def test_an_encrypted_token_without_a_key_of_ours_says_what_to_set():
    text = as_text(response(sealed(signed(assertion(SAML11)))))
    with pytest.raises(TokenRefused, match=r"decryption_keys has no key"):
        verify_response(text, pinned(), expected(decryption_keys=()), NOW)
