"""Signatures of tokens: which keys verify them, and that SignedInfo is verified before anything is digested."""

import base64
import copy
import datetime as dt

import pytest
import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree
from xmlsec import constants

from proxy.errors import TokenRefused
from proxy.tokens import xml_signature
from proxy.tokens.keys import UnknownKey
from proxy.tokens.wstrust import SAML11, SAML20
from proxy.tokens.xml_signature import DSIG, EXCLUSIVE, PinnedCertificate, verify_signature
from support.saml_tokens import ID, NOW, assertion, other_key, pem_of, pinned, signed, signing_key

CURVES = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
MORE = "http://www.w3.org/2001/04/xmldsig-more#"


def certificate_of(key) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "signing")])
    begins = dt.datetime.fromtimestamp(NOW, dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), begins, begins)
    return builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256()).public_bytes(
        Encoding.DER
    )


def signed_by(key, method: str, prefixes: str | None = None, *, of_signed_info: bool = False) -> etree._Element:
    """An assertion signed by xmlsec with this method, and prefixes for one of its two canonicalizations."""
    root = signed(assertion(SAML11))
    signature = root.find(f"{DSIG}Signature")
    signature.find(f".//{DSIG}SignatureMethod").set("Algorithm", f"{MORE}{method}")
    if prefixes is not None:
        name = "CanonicalizationMethod" if of_signed_info else "Transform"
        element = list(signature.iter(f"{DSIG}{name}"))[-1]
        etree.SubElement(element, f"{{{EXCLUSIVE}}}InclusiveNamespaces", {"PrefixList": prefixes})
    context = xmlsec.SignatureContext()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    context.key = xmlsec.Key.from_memory(pem, constants.KeyDataFormatPem)
    context.register_id(root, "AssertionID")
    context.sign(signature)
    return root


def verify(root: etree._Element, *certificates: bytes) -> None:
    verify_signature(reparsed(root), "AssertionID", [PinnedCertificate(der) for der in certificates])


def reparsed(root: etree._Element) -> etree._Element:
    return etree.fromstring(etree.tostring(root))


def reason_of(root: etree._Element, *certificates: bytes) -> str:
    with pytest.raises(TokenRefused) as refused:
        verify(root, *certificates)
    return refused.value.reason


@pytest.mark.parametrize("bits", [256, 384, 512])
@pytest.mark.parametrize("curve", CURVES)
def test_elliptic_signature_of_every_curve_is_verified(curve, bits):
    key = ec.generate_private_key(CURVES[curve])
    root = signed_by(key, f"ecdsa-sha{bits}")
    verify(root, certificate_of(key))
    assert reason_of(root, certificate_of(ec.generate_private_key(CURVES[curve]))) == "unknown_key"
    value = root.find(f".//{DSIG}SignatureValue")
    for change in (lambda raw: raw[:-1], lambda raw: raw + b"\0", lambda raw: bytes(len(raw)), lambda _: b""):
        changed = copy.deepcopy(root)
        raw = base64.b64decode("".join(value.text.split()))
        changed.find(f".//{DSIG}SignatureValue").text = base64.b64encode(change(raw)).decode()
        assert reason_of(changed, certificate_of(key)) == "unknown_key"


@pytest.mark.parametrize("bits", [256, 384, 512])
def test_rsa_signature_is_verified(bits):
    root = signed_by(signing_key().private, f"rsa-sha{bits}")
    verify(root, signing_key().certificate)
    assert reason_of(root, other_key().certificate) == "unknown_key"


def test_method_of_the_other_kind_of_key_is_refused():
    elliptic = ec.generate_private_key(ec.SECP256R1())
    rsa, curve = signing_key().certificate, certificate_of(elliptic)
    assert reason_of(signed_by(signing_key().private, "rsa-sha256"), curve) == "unknown_key"
    assert reason_of(signed_by(elliptic, "ecdsa-sha256"), rsa) == "signature"
    verify(signed_by(elliptic, "ecdsa-sha256"), rsa, curve)


def test_certificate_without_a_usable_key_is_passed_over():
    edwards = certificate_of(ed25519.Ed25519PrivateKey.generate())
    verify(signed(assertion(SAML11)), b"", b"no certificate", edwards, signing_key().certificate)
    assert PinnedCertificate(edwards).public_key() is None


def test_certificate_that_has_expired_is_accepted():
    key = ec.generate_private_key(ec.SECP256R1())
    assert x509.load_der_x509_certificate(certificate_of(key)).not_valid_after_utc.timestamp() == NOW
    verify(signed_by(key, "ecdsa-sha256"), certificate_of(key))


@pytest.mark.parametrize("of_signed_info", [False, True])
@pytest.mark.parametrize("used", ["ds", "unknown"])
def test_sixteen_prefixes_are_accepted_and_seventeen_refused(used, of_signed_info):
    key = signing_key()
    prefixes = " ".join([used, *(f"p{number}" for number in range(15))])
    verify(signed_by(key.private, "rsa-sha256", prefixes, of_signed_info=of_signed_info), key.certificate)
    more = signed_by(key.private, "rsa-sha256", f"{prefixes} more", of_signed_info=of_signed_info)
    assert reason_of(more, key.certificate) == "signature_shape"


def test_default_namespace_among_the_prefixes_is_supported_for_the_token_only():
    key = signing_key()
    verify(signed_by(key.private, "rsa-sha256", "#default saml"), key.certificate)
    of_signed_info = signed_by(key.private, "rsa-sha256", "#default", of_signed_info=True)
    assert reason_of(of_signed_info, key.certificate) == "signature_shape"


def test_prefixes_in_scope_of_signed_info_are_canonicalized_with_it():
    key = signing_key()
    root = etree.fromstring(etree.tostring(assertion(SAML11)).replace(b"<Assertion ", b'<Assertion xmlns:q="urn:q" '))
    signed(root)
    canonicalization = root.find(f".//{DSIG}CanonicalizationMethod")
    etree.SubElement(canonicalization, f"{{{EXCLUSIVE}}}InclusiveNamespaces", {"PrefixList": "q"})
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(pem_of(key), constants.KeyDataFormatPem)
    context.register_id(root, "AssertionID")
    context.sign(root.find(f"{DSIG}Signature"))
    verify(root, key.certificate)


@pytest.mark.parametrize("namespace", [SAML11, SAML20])
def test_nothing_is_digested_before_signed_info_verifies(namespace, monkeypatch):
    root = reparsed(signed(assertion(namespace)))
    digested = []
    real = xml_signature._verifies
    monkeypatch.setattr(xml_signature, "_verifies", lambda *given: digested.append(given) or real(*given))
    many = [*(PinnedCertificate(other_key().certificate) for _ in range(20)), *pinned()]
    verify_signature(reparsed(root), ID[namespace], many)
    assert len(digested) == 1
    with pytest.raises(UnknownKey):
        verify_signature(reparsed(root), ID[namespace], pinned(other_key()))
    root.find(f".//{DSIG}DigestValue").text = "AAAA"
    with pytest.raises(TokenRefused, match="SignedInfo does not verify"):
        verify_signature(root, ID[namespace], many)
    assert len(digested) == 1


def test_change_of_the_content_is_refused_without_asking_for_newer_keys():
    root = reparsed(signed(assertion(SAML11)))
    for info in root.findall(f".//{DSIG}KeyInfo"):
        info.getparent().remove(info)
    verify(root, signing_key().certificate)
    root.set("Issuer", "http://evil.example/")
    assert reason_of(root, signing_key().certificate) == "signature"


@pytest.mark.parametrize(
    "content", ["<ds:KeyName>x</ds:KeyName>", '<ds:RetrievalMethod URI="file:///dev/zero"/>', "<ds:X509Data/>"]
)
def test_key_info_is_removed_before_xmlsec_reads_the_signature(content, monkeypatch):
    root = signed(assertion(SAML11))
    info = root.find(f".//{DSIG}KeyInfo")
    info[:] = [etree.fromstring(f'<a xmlns:ds="{DSIG.strip("{}")}">{content}</a>')[0]]
    real = xml_signature._verifies
    monkeypatch.setattr(
        xml_signature, "_verifies", lambda *given: not list(given[0].iter(f"{DSIG}KeyInfo")) and real(*given)
    )
    verify(root, signing_key().certificate)


@pytest.mark.parametrize("text", ["\u00e9\u00e9\u00e9\u00e9", "!!!!", "AAA", "A\u0661AA"])
def test_certificate_that_is_not_base64_is_passed_over(text):
    root = signed(assertion(SAML11), other_key())
    root.find(f".//{DSIG}X509Certificate").text = text
    assert reason_of(root, signing_key().certificate) == "unknown_key"
    root = signed(assertion(SAML11))
    root.find(f".//{DSIG}X509Certificate").text = text
    verify(root, signing_key().certificate)
