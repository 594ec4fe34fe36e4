"""XML signatures as tokens have them: one, over the whole element, by a key that was known before.

Everything that XML signatures allow beyond that is refused by its look before a digest is computed (XML Signature
Syntax and Processing 1.1; «On Breaking SAML», XSW 1 to 8). What KeyInfo says is read for one question alone: whether it
names a key that we do not know, so that the metadata are worth fetching anew.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from xmlsec import constants

from proxy.errors import TokenRefused
from proxy.tokens.keys import UnknownKey
from proxy.tokens.xml import children, text_of

DSIG: Final = "{http://www.w3.org/2000/09/xmldsig#}"
EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
_INCLUSIVE_NAMESPACES = f"{{{EXCLUSIVE}}}InclusiveNamespaces"
_ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_SIGNATURES = frozenset(
    {f"{_MORE}{kind}-{digest}" for kind in ("rsa", "ecdsa") for digest in ("sha256", "sha384", "sha512")}
)
_DIGESTS = frozenset(
    {
        "http://www.w3.org/2001/04/xmlenc#sha256",
        "http://www.w3.org/2001/04/xmldsig-more#sha384",
        "http://www.w3.org/2001/04/xmlenc#sha512",
    }
)
_SHA1_SIGNATURES = frozenset({"http://www.w3.org/2000/09/xmldsig#rsa-sha1"})
_SHA1_DIGESTS = frozenset({"http://www.w3.org/2000/09/xmldsig#sha1"})

# The handlers by which xmlsec would open a file, http or ftp address that a token names. Tokens need none of them.
# Every module that uses xmlsec imports this one.
xmlsec.cleanup_callbacks()


@dataclass(frozen=True, slots=True)
class PinnedCertificate:
    """A certificate of the provider's, by whose key alone signatures are verified; whether it has expired is no matter.

    `der`: the certificate.
    """

    der: bytes

    def key(self) -> xmlsec.Key:
        """The public key, for xmlsec."""
        pem = x509.load_der_x509_certificate(self.der).public_bytes(Encoding.PEM)
        return xmlsec.Key.from_memory(pem, constants.KeyDataFormatCertPem)


def verify_signature(
    root: etree._Element, id_attribute: str, pinned: Sequence[PinnedCertificate], *, allow_sha1: bool = False
) -> None:
    """See that `root`, a document's own root, is signed as a whole by one of these keys.

    Raises TokenRefused (`unsigned`, `signature_shape`, `algorithm`, `signature`), UnknownKey where KeyInfo names a
    certificate that is none of these, or names none and no key verifies.
    """
    signature = _the_signature(root)
    _judge_shape(signature, root.get(id_attribute), allow_sha1=allow_sha1)
    for certificate in pinned:
        if _verifies(root, signature, id_attribute, certificate):
            return
    stated = _stated_certificates(signature)
    if stated and stated <= {certificate.der for certificate in pinned}:
        raise TokenRefused("signature", "the signature or the digest does not verify")
    raise UnknownKey("signed with a certificate that the metadata do not have, or not signed by it")


def _the_signature(root: etree._Element) -> etree._Element:
    found = list(root.iter(f"{DSIG}Signature"))
    if not found:
        raise TokenRefused("unsigned")
    if len(found) > 1 or found[0].getparent() is not root:
        raise TokenRefused("signature_shape", "one signature, the child of what it signs, would be right")
    return found[0]


def _judge_shape(signature: etree._Element, identifier: str | None, *, allow_sha1: bool) -> None:
    names = [child.tag for child in signature]
    expected = [f"{DSIG}SignedInfo", f"{DSIG}SignatureValue", f"{DSIG}KeyInfo"]
    if names not in (expected, expected[:2]):
        raise TokenRefused("signature_shape", "SignedInfo, SignatureValue and KeyInfo would be right")
    signed = signature[0]
    if [child.tag for child in signed] != [
        f"{DSIG}CanonicalizationMethod",
        f"{DSIG}SignatureMethod",
        f"{DSIG}Reference",
    ]:
        raise TokenRefused("signature_shape", "SignedInfo has one method of each kind and one reference")
    canonicalization, method, reference = signed
    _judge_canonicalization(canonicalization)
    known = _SIGNATURES | (_SHA1_SIGNATURES if allow_sha1 else frozenset())
    # HMACOutputLength, RSA-PSS parameters: a method that we take has no children.
    if method.get("Algorithm") not in known or len(method):
        raise TokenRefused("algorithm", f"SignatureMethod {str(method.get('Algorithm'))[:100]!r}")
    _judge_reference(reference, identifier, allow_sha1=allow_sha1)


def _judge_canonicalization(element: etree._Element) -> None:
    if element.get("Algorithm") != EXCLUSIVE:
        raise TokenRefused("algorithm", "exclusive canonicalization without comments would be right")
    if [child.tag for child in element] not in ([], [_INCLUSIVE_NAMESPACES]):
        raise TokenRefused("signature_shape", "a canonicalization has InclusiveNamespaces at most")


def _judge_reference(reference: etree._Element, identifier: str | None, *, allow_sha1: bool) -> None:
    # Never "": that is whatever document it stands in. Nor an xpointer.
    if not identifier or reference.get("URI") != f"#{identifier}":
        raise TokenRefused("signature_shape", "the reference is not to the element that is signed")
    if [child.tag for child in reference] != [f"{DSIG}Transforms", f"{DSIG}DigestMethod", f"{DSIG}DigestValue"]:
        raise TokenRefused("signature_shape", "a reference has transforms, a digest method and its value")
    transforms, method, _ = reference
    found = [transform.get("Algorithm") for transform in transforms]
    if [child.tag for child in transforms] != [f"{DSIG}Transform"] * 2 or found != [_ENVELOPED, EXCLUSIVE]:
        raise TokenRefused("algorithm", "enveloped-signature and exclusive canonicalization are the transforms")
    if len(transforms[0]):
        raise TokenRefused("signature_shape", "enveloped-signature has no parameters")
    _judge_canonicalization(transforms[1])
    known = _DIGESTS | (_SHA1_DIGESTS if allow_sha1 else frozenset())
    if method.get("Algorithm") not in known or len(method):
        raise TokenRefused("algorithm", f"DigestMethod {str(method.get('Algorithm'))[:100]!r}")
    text_of(reference[2])


def _verifies(
    root: etree._Element, signature: etree._Element, id_attribute: str, certificate: PinnedCertificate
) -> bool:
    context = xmlsec.SignatureContext()
    context.key = certificate.key()
    context.register_id(root, id_attribute)
    try:
        context.verify(signature)
    except xmlsec.Error:
        return False
    return True


def _stated_certificates(signature: etree._Element) -> frozenset[bytes]:
    """The certificates in KeyInfo; none of them is trusted."""
    found = set()
    for info in children(signature, f"{DSIG}KeyInfo"):
        for element in info.iter(f"{DSIG}X509Certificate"):
            try:
                found.add(base64.b64decode("".join(text_of(element).split()), validate=True))
            except binascii.Error:
                continue
    return frozenset(found)
