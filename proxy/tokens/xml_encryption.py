"""Encrypted tokens: AES in CBC or GCM, its key wrapped by RSA-OAEP (XML Encryption 1.1, sections 5.2, 5.5.2).

Whatever goes wrong is one refusal with one text: an answer that told wrong padding from a wrong key would decrypt
tokens for whoever asks often enough (Jager and Somorovsky, 2011). PKCS#1 v1.5 key transport is refused by its name.

XML Encryption also lets a sender name a file or an address for xmlsec to read, and XSLT for it to run
(`CipherReference`, `RetrievalMethod`, `Transforms`). The elements are therefore validated against an exact shape before
xmlsec sees them, and `xml_signature` removes the I/O handlers with which it could open anything.
"""

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from lxml import etree
from xmlsec import constants

from proxy.errors import TokenRefused
from proxy.tokens.xml import LARGEST_TOKEN, children, text_of
from proxy.tokens.xml_signature import DSIG

XENC: Final = "{http://www.w3.org/2001/04/xmlenc#}"
XENC11: Final = "{http://www.w3.org/2009/xmlenc11#}"
_DATA = frozenset(
    {
        *(f"http://www.w3.org/2001/04/xmlenc#aes{bits}-cbc" for bits in (128, 192, 256)),
        *(f"http://www.w3.org/2009/xmlenc11#aes{bits}-gcm" for bits in (128, 192, 256)),
    }
)
_WRAPPED = frozenset({"http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p", "http://www.w3.org/2009/xmlenc11#rsa-oaep"})
_DIGESTS = frozenset({"http://www.w3.org/2000/09/xmldsig#sha1", "http://www.w3.org/2001/04/xmlenc#sha256"})
_MASKS = frozenset({f"http://www.w3.org/2009/xmlenc11#mgf1{digest}" for digest in ("sha1", "sha256")})
_LEAST_BITS = 2048
_MOST_WRAPPED = 3
"""Encrypted keys of one token: AD FS sends one. Each costs an RSA decryption with each key of ours."""

_LONGEST_WRAPPED = 4096
"""Characters of an encrypted key: base64 of what RSA keys of 16,384 bits encrypt fits, with line breaks."""

_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]+", re.ASCII)
_SECURITY = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}"
_NAMING: Mapping[str, frozenset[str]] = {
    f"{DSIG}KeyInfo": frozenset({f"{_SECURITY}SecurityTokenReference", f"{DSIG}X509Data", f"{DSIG}KeyName"}),
    f"{_SECURITY}SecurityTokenReference": frozenset({f"{DSIG}X509Data", f"{_SECURITY}KeyIdentifier"}),
    f"{DSIG}X509Data": frozenset(f"{DSIG}X509{part}" for part in ("IssuerSerial", "Certificate", "SKI", "SubjectName")),
    f"{DSIG}X509IssuerSerial": frozenset({f"{DSIG}X509IssuerName", f"{DSIG}X509SerialNumber"}),
}
"""The children that an element which names a certificate can have. Any other element holds only text."""


@dataclass(frozen=True, slots=True, repr=False)
class DecryptionKey:
    """A private key, PEM, with the certificate that providers encrypt for, if it is known."""

    private: bytes
    certificate: x509.Certificate | None = None

    @classmethod
    def from_pem(cls, data: bytes) -> "DecryptionKey":
        """A key and its certificate from one PEM text. Raises ValueError that says what would be right."""
        try:
            key = load_pem_private_key(data, None)
        except TypeError as error:
            raise ValueError("the key is encrypted; write it without a password") from error
        except ValueError as error:
            raise ValueError("no private key in PEM is in it") from error
        if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < _LEAST_BITS:
            raise ValueError(f"the key is no RSA key of {_LEAST_BITS} bits or more, which AD FS would encrypt for")
        certificate = x509.load_pem_x509_certificate(data) if b"-----BEGIN CERTIFICATE-----" in data else None
        if certificate is not None and certificate.public_key() != key.public_key():
            raise ValueError("key and certificate do not belong together")
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return cls(pem, certificate)

    def is_named(self, issuer_serials: frozenset[int]) -> bool:
        """Whether the serial number of its certificate is among these."""
        return self.certificate is not None and self.certificate.serial_number in issuer_serials


def decrypt(data: etree._Element, keys: Sequence[DecryptionKey]) -> bytes:
    """What an `EncryptedData` holds. Raises TokenRefused("decryption"), for an algorithm TokenRefused("algorithm").

    The key may stand within its KeyInfo or beside it. A key of ours that it names is tried first, then all others:
    AD FS goes on naming the earlier certificate for a while.
    """
    if not keys:
        raise TokenRefused("decryption", "the token is encrypted, and identity_provider.decryption_keys has no key")
    wrapped = _validated(data)
    bare = _bare(data)
    for each in wrapped:
        serials = _serials(each)
        for key in sorted(keys, key=lambda one: not one.is_named(serials)):
            plain = _opened(bare, each, key)
            if plain is not None:
                return plain
    raise not_decrypted()


def not_decrypted() -> TokenRefused:
    """The one refusal of whatever could not be decrypted, or is no assertion when it is."""
    return TokenRefused("decryption", "no key of identity_provider.decryption_keys opens the token to an assertion")


def _validated(data: etree._Element) -> list[etree._Element]:
    """Validate the shape of an `EncryptedData` and of every encrypted key in or beside it, and return those keys.

    Raises:
        TokenRefused: `structure` for an element that tokens do not need, `algorithm` for an algorithm.
    """
    info = _validate_parts(data, longest=LARGEST_TOKEN)
    method = data[0]
    if method.get("Algorithm") not in _DATA or len(method):
        raise TokenRefused("algorithm", f"EncryptionMethod {str(method.get('Algorithm'))[:100]!r}")
    parent = data.getparent()
    beside = [] if parent is None else [element for element in parent if element is not data]
    wrapped = [*([] if info is None else info), *beside]
    if any(each.tag != f"{XENC}EncryptedKey" for each in wrapped):
        raise TokenRefused("structure", "EncryptedData takes its key from EncryptedKey elements in or beside it only")
    if len(wrapped) > _MOST_WRAPPED:
        raise TokenRefused("structure", f"{len(wrapped)} encrypted keys; {_MOST_WRAPPED} at most")
    for each in wrapped:
        naming = _validate_parts(each, longest=_LONGEST_WRAPPED)
        _validate_wrapping(each[0])
        if naming is not None:
            _validate_naming(naming)
    return wrapped


def _validate_parts(element: etree._Element, *, longest: int) -> etree._Element | None:
    """Require EncryptionMethod, an optional KeyInfo and a CipherData of one text, nothing else; return the KeyInfo."""
    names = [child.tag for child in element]
    required = [f"{XENC}EncryptionMethod", f"{XENC}CipherData"]
    if names not in (required, [required[0], f"{DSIG}KeyInfo", required[1]]):
        raise TokenRefused("structure", "EncryptionMethod, KeyInfo and CipherData, in this order, would be right")
    cipher = element[-1]
    if [child.tag for child in cipher] != [f"{XENC}CipherValue"]:
        raise TokenRefused("structure", "CipherData must have one CipherValue and nothing else")
    text = text_of(cipher[0])
    if len(text) > longest or not _BASE64.fullmatch(text):
        raise TokenRefused("structure", f"CipherValue must be base64 of at most {longest} characters")
    return element[1] if len(names) > len(required) else None


def _validate_wrapping(method: etree._Element) -> None:
    if method.get("Algorithm") not in _WRAPPED:
        stated = str(method.get("Algorithm"))[:100]
        raise TokenRefused("algorithm", f"key transport {stated!r}; rsa-oaep would be right")
    allowed = {f"{DSIG}DigestMethod": _DIGESTS, f"{XENC11}MGF": _MASKS}
    for child in method:
        if child.get("Algorithm") not in allowed.get(str(child.tag), ()) or len(child):
            raise TokenRefused("algorithm", "a parameter of rsa-oaep that is not known here")


def _validate_naming(element: etree._Element) -> None:
    """Require that a KeyInfo only names certificates: nothing to look up, nothing encrypted in turn."""
    allowed = _NAMING.get(str(element.tag), frozenset())
    for child in element:
        if child.tag not in allowed:
            raise TokenRefused("structure", "KeyInfo of an encrypted key must name a certificate and nothing else")
        _validate_naming(child)


def _serials(wrapped: etree._Element) -> frozenset[int]:
    """Serial numbers by which it names certificates, within a SecurityTokenReference (SAML 1.1) or bare (2.0)."""
    found = (text_of(element).strip() for element in wrapped.iter(f"{DSIG}X509SerialNumber"))
    return frozenset(int(text) for text in found if text.isascii() and text.isdigit() and len(text) <= 64)  # noqa: PLR2004 - RFC 5280 allows 20 octets


def _opened(data: bytes, wrapped: etree._Element, key: DecryptionKey) -> bytes | None:
    """The plain text, None for whatever reason there is none. `data`: a bare `EncryptedData`."""
    try:
        unwrapping = xmlsec.EncryptionContext()
        unwrapping.key = xmlsec.Key.from_memory(key.private, constants.KeyDataFormatPem)
        session: Any = unwrapping.decrypt(etree.fromstring(_bare(wrapped)))
        opening = xmlsec.EncryptionContext()
        opening.key = xmlsec.Key.from_binary_data(constants.KeyDataAes, session)
        plain: Any = opening.decrypt(etree.fromstring(data))
    except (xmlsec.Error, etree.LxmlError, TypeError, ValueError):
        return None
    return plain if isinstance(plain, bytes) else None


def _bare(element: etree._Element) -> bytes:
    """The element alone, without what would have it looked up, or put back into a document as it is opened."""
    found = copy.copy(element)
    found.attrib.pop("Type", None)
    for info in children(found, f"{DSIG}KeyInfo"):
        found.remove(info)
    # UTF-8, because ASCII cannot write a name of other letters.
    return etree.tostring(found, encoding="utf-8", with_tail=False)
