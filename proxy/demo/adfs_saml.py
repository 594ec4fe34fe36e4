"""SAML tokens and federation metadata as AD FS makes them: SAML 1.1 in WS-Trust 2005/02, signed, encrypted or not."""

import base64
import os
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from lxml import etree

from proxy.demo.adfs_keys import SigningKey
from proxy.demo.adfs_model import Person
from proxy.model.time import Instant, Seconds
from proxy.tokens.federation_metadata import FED, MD, WSA, XSI_TYPE
from proxy.tokens.wstrust import SAML11
from proxy.tokens.xml_encryption import XENC
from proxy.tokens.xml_signature import DSIG
from proxy.tokens.xml_signing import sign

TRUST: Final = "{http://schemas.xmlsoap.org/ws/2005/02/trust}"
_POLICY = "{http://schemas.xmlsoap.org/ws/2004/09/policy}"
_UTILITY = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}"
_SECURITY = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}"
_ELEMENT = "http://www.w3.org/2001/04/xmlenc#Element"
_AES256_CBC = "http://www.w3.org/2001/04/xmlenc#aes256-cbc"
_OAEP = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"
_SHA1 = "http://www.w3.org/2000/09/xmldsig#sha1"
_BLOCK = 16
_IDENTITY = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
_WINDOWS = "http://schemas.microsoft.com/ws/2008/06/identity/claims"


def response_for(
    person: Person,
    *,
    issuer: str,
    realm: str,
    now: Instant,
    lifetime: Seconds,
    authenticated_at: Instant,
    method: str,
    key: SigningKey,
    encryption_certificate: bytes | None = None,
) -> str:
    """A `wresult`. `encryption_certificate`: DER; the token is encrypted for it, None for a plain one."""
    assertion = _assertion(person, issuer=issuer, realm=realm, now=now, lifetime=lifetime)
    _add_authentication(assertion, authenticated_at, method)
    sign(assertion, "AssertionID", key.private, key.certificate)
    root = etree.Element(f"{TRUST}RequestSecurityTokenResponse", nsmap={"t": TRUST.strip("{}")})
    life = etree.SubElement(root, f"{TRUST}Lifetime")
    for name, at in (("Created", now), ("Expires", now + lifetime)):
        etree.SubElement(life, f"{_UTILITY}{name}", nsmap={"wsu": _UTILITY.strip("{}")}).text = _text(at)
    applies = etree.SubElement(root, f"{_POLICY}AppliesTo", nsmap={"wsp": _POLICY.strip("{}")})
    reference = etree.SubElement(applies, f"{WSA}EndpointReference", nsmap={"wsa": WSA.strip("{}")})
    etree.SubElement(reference, f"{WSA}Address").text = realm
    requested = etree.SubElement(root, f"{TRUST}RequestedSecurityToken")
    requested.append(encrypted(assertion, encryption_certificate) if encryption_certificate else assertion)
    etree.SubElement(root, f"{TRUST}TokenType").text = SAML11.strip("{}")
    etree.SubElement(root, f"{TRUST}RequestType").text = "http://schemas.xmlsoap.org/ws/2005/02/trust/Issue"
    etree.SubElement(root, f"{TRUST}KeyType").text = "http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey"
    return etree.tostring(root, encoding="unicode")


def _assertion(person: Person, *, issuer: str, realm: str, now: Instant, lifetime: Seconds) -> etree._Element:
    root = etree.Element(
        f"{SAML11}Assertion",
        {
            "MajorVersion": "1",
            "MinorVersion": "1",
            "AssertionID": f"_{uuid.uuid4()}",
            "Issuer": issuer,
            "IssueInstant": _text(now),
        },
        nsmap={"saml": SAML11.strip("{}")},
    )
    conditions = etree.SubElement(
        root, f"{SAML11}Conditions", {"NotBefore": _text(now), "NotOnOrAfter": _text(now + lifetime)}
    )
    restriction = etree.SubElement(conditions, f"{SAML11}AudienceRestrictionCondition")
    etree.SubElement(restriction, f"{SAML11}Audience").text = realm
    told = etree.SubElement(root, f"{SAML11}AttributeStatement")
    _add_subject(told)
    for namespace, name, values in _claims(person):
        attribute = etree.SubElement(
            told, f"{SAML11}Attribute", {"AttributeName": name, "AttributeNamespace": namespace}
        )
        for value in values:
            etree.SubElement(attribute, f"{SAML11}AttributeValue").text = value
    return root


def _add_authentication(assertion: etree._Element, at: Instant, method: str) -> None:
    statement = etree.SubElement(
        assertion,
        f"{SAML11}AuthenticationStatement",
        {"AuthenticationMethod": method, "AuthenticationInstant": _text(at)},
    )
    _add_subject(statement)


def _add_subject(statement: etree._Element) -> None:
    """AD FS names nobody here unless a claim rule says so."""
    subject = etree.SubElement(statement, f"{SAML11}Subject")
    confirmation = etree.SubElement(subject, f"{SAML11}SubjectConfirmation")
    etree.SubElement(confirmation, f"{SAML11}ConfirmationMethod").text = "urn:oasis:names:tc:SAML:1.0:cm:bearer"


def _claims(person: Person) -> Iterator[tuple[str, str, Sequence[str]]]:
    yield _IDENTITY, "upn", (person.upn,)
    yield _IDENTITY, "name", (person.name,)
    yield _WINDOWS, "primarysid", (person.primary_sid,)
    if person.groups:
        yield "http://schemas.xmlsoap.org/claims", "Group", person.groups
    if person.roles:
        yield _WINDOWS, "role", person.roles


def _text(at: Instant) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def encrypted(assertion: etree._Element, certificate: bytes) -> etree._Element:
    """The assertion as AD FS encrypts it: aes256-cbc, its key by rsa-oaep-mgf1p, the certificate named by issuer."""
    recipient = x509.load_der_x509_certificate(certificate)
    public = recipient.public_key()
    if not isinstance(public, rsa.RSAPublicKey):
        raise TypeError("AD FS encrypts for RSA keys")
    key, vector = os.urandom(32), os.urandom(_BLOCK)
    plain = etree.tostring(assertion)
    # XML Encryption, section 5.2: the last byte says how many were added.
    fill = _BLOCK - len(plain) % _BLOCK
    encryptor = Cipher(algorithms.AES256(key), modes.CBC(vector)).encryptor()
    cipher = vector + encryptor.update(plain + bytes(fill - 1) + bytes([fill])) + encryptor.finalize()
    oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)  # noqa: S303 - what rsa-oaep-mgf1p means
    data = etree.Element(f"{XENC}EncryptedData", {"Type": _ELEMENT}, nsmap={"xenc": XENC.strip("{}")})
    etree.SubElement(data, f"{XENC}EncryptionMethod", {"Algorithm": _AES256_CBC})
    info = etree.SubElement(data, f"{DSIG}KeyInfo", nsmap={None: DSIG.strip("{}")})
    wrapped = etree.SubElement(info, f"{XENC}EncryptedKey", nsmap={"e": XENC.strip("{}")})
    method = etree.SubElement(wrapped, f"{XENC}EncryptionMethod", {"Algorithm": _OAEP})
    etree.SubElement(method, f"{DSIG}DigestMethod", {"Algorithm": _SHA1})
    named = etree.SubElement(etree.SubElement(wrapped, f"{DSIG}KeyInfo"), f"{_SECURITY}SecurityTokenReference")
    serial = etree.SubElement(etree.SubElement(named, f"{DSIG}X509Data"), f"{DSIG}X509IssuerSerial")
    etree.SubElement(serial, f"{DSIG}X509IssuerName").text = recipient.issuer.rfc4514_string()
    etree.SubElement(serial, f"{DSIG}X509SerialNumber").text = str(recipient.serial_number)
    _add_cipher(wrapped, public.encrypt(key, oaep))
    _add_cipher(data, cipher)
    return data


def _add_cipher(parent: etree._Element, value: bytes) -> None:
    data = etree.SubElement(parent, f"{XENC}CipherData")
    etree.SubElement(data, f"{XENC}CipherValue").text = base64.b64encode(value).decode()


def federation_metadata(
    *, entity_id: str, endpoint: str, signing: SigningKey, published: Sequence[SigningKey]
) -> bytes:
    """What the double says of itself: the role that issues tokens, with every published certificate, signed."""
    root = etree.Element(
        f"{MD}EntityDescriptor",
        {"ID": f"_{uuid.uuid4()}", "entityID": entity_id},
        nsmap={None: MD.strip("{}"), "fed": FED.strip("{}")},
    )
    role = etree.SubElement(
        root,
        f"{MD}RoleDescriptor",
        {XSI_TYPE: "fed:SecurityTokenServiceType", "protocolSupportEnumeration": FED.strip("{}")},
        nsmap={"xsi": "http://www.w3.org/2001/XMLSchema-instance"},
    )
    for key in published:
        descriptor = etree.SubElement(role, f"{MD}KeyDescriptor", {"use": "signing"})
        info = etree.SubElement(descriptor, f"{DSIG}KeyInfo", nsmap={None: DSIG.strip("{}")})
        data = etree.SubElement(info, f"{DSIG}X509Data")
        etree.SubElement(data, f"{DSIG}X509Certificate").text = base64.b64encode(key.certificate).decode()
    passive = etree.SubElement(role, f"{FED}PassiveRequestorEndpoint")
    reference = etree.SubElement(passive, f"{WSA}EndpointReference", nsmap={None: WSA.strip("{}")})
    etree.SubElement(reference, f"{WSA}Address").text = endpoint
    sign(root, "ID", signing.private, signing.certificate, position=0)
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)
