"""XML signatures as tokens have them: one, over the whole element, by a key that was known before.

Everything that XML signatures allow beyond that is refused by its look before a digest is computed (XML Signature
Syntax and Processing 1.1; «On Breaking SAML», XSW 1 to 8). What KeyInfo says is read for one question alone: whether it
names a key that we do not know, so that the metadata are worth fetching anew.

The signature over SignedInfo is verified first, with each pinned key in turn, by `cryptography`. It costs the same for
every document. Only then does xmlsec canonicalize and digest what SignedInfo refers to, once, with the key that signed.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import xmlsec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
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
_SHA1: Mapping[str, hashes.HashAlgorithm] = {"http://www.w3.org/2000/09/xmldsig#rsa-sha1": hashes.SHA1()}  # noqa: S303 - only where allow_sha1 says so
_SIGNATURES: Mapping[str, hashes.HashAlgorithm] = {
    f"{_MORE}{kind}-{digest.name}": digest
    for kind in ("rsa", "ecdsa")
    for digest in (hashes.SHA256(), hashes.SHA384(), hashes.SHA512())
}
_DIGESTS = frozenset(
    {
        "http://www.w3.org/2001/04/xmlenc#sha256",
        "http://www.w3.org/2001/04/xmldsig-more#sha384",
        "http://www.w3.org/2001/04/xmlenc#sha512",
    }
)
_SHA1_DIGESTS = frozenset({"http://www.w3.org/2000/09/xmldsig#sha1"})
_MOST_PREFIXES = 16
"""Prefixes of one InclusiveNamespaces, of which providers write one or two: each is looked up for each element."""

_TRANSFORMS = (constants.TransformEnveloped, constants.TransformExclC14N)
_METHODS = tuple(
    getattr(constants, f"Transform{kind}Sha{bits}") for kind in ("", "Rsa", "Ecdsa") for bits in (1, 256, 384, 512)
)

# The handlers by which xmlsec would open a file, http or ftp address that a token names. Tokens need none of them.
# Every module that uses xmlsec imports this one.
xmlsec.cleanup_callbacks()


PublicKey: TypeAlias = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


@dataclass(frozen=True, slots=True)
class PinnedCertificate:
    """A certificate of the provider's, by whose key alone signatures are verified; whether it has expired is no matter.

    `der`: the certificate.
    """

    der: bytes

    def public_key(self) -> PublicKey | None:
        """The public key; None for a certificate that cannot be read, or whose key is of another kind."""
        try:
            key = x509.load_der_x509_certificate(self.der).public_key()
        except (ValueError, UnsupportedAlgorithm):
            return None
        return key if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) else None


def verify_signature(
    root: etree._Element, id_attribute: str, pinned: Sequence[PinnedCertificate], *, allow_sha1: bool = False
) -> None:
    """Require that `root`, a document's own root, is signed as a whole by one of these keys, and remove its KeyInfo.

    Raises TokenRefused (`unsigned`, `signature_shape`, `algorithm`, `signature`), UnknownKey where KeyInfo names a
    certificate that is none of these, or names none and no key verifies.
    """
    signature = _the_signature(root)
    _judge_shape(signature, root.get(id_attribute), allow_sha1=allow_sha1)
    key = _signer(signature, pinned)
    if key is None:
        stated = _stated_certificates(signature)
        if stated and stated <= {certificate.der for certificate in pinned}:
            raise TokenRefused("signature", "the signature over SignedInfo does not verify")
        raise UnknownKey("signed with a certificate that the metadata do not have, or not signed by it")
    for info in children(signature, f"{DSIG}KeyInfo"):
        signature.remove(info)
    if not _verifies(root, signature, id_attribute, key):
        raise TokenRefused("signature", "the digest does not fit, so the element was changed after it was signed")


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
    # lxml cannot canonicalize so, and no provider is known to ask for it in SignedInfo.
    if "#default" in _prefixes(canonicalization):
        raise TokenRefused("signature_shape", "SignedInfo with #default as a prefix is not supported")
    known = {**_SIGNATURES, **(_SHA1 if allow_sha1 else {})}
    # HMACOutputLength, RSA-PSS parameters: a method that we take has no children.
    if method.get("Algorithm") not in known or len(method):
        raise TokenRefused("algorithm", f"SignatureMethod {str(method.get('Algorithm'))[:100]!r}")
    text_of(signature[1])
    _judge_reference(reference, identifier, allow_sha1=allow_sha1)


def _judge_canonicalization(element: etree._Element) -> None:
    if element.get("Algorithm") != EXCLUSIVE:
        raise TokenRefused("algorithm", "exclusive canonicalization without comments would be right")
    if [child.tag for child in element] not in ([], [_INCLUSIVE_NAMESPACES]):
        raise TokenRefused("signature_shape", "a canonicalization has InclusiveNamespaces at most")
    if any(len(child) for child in element) or len(_prefixes(element)) > _MOST_PREFIXES:
        raise TokenRefused("signature_shape", f"InclusiveNamespaces has at most {_MOST_PREFIXES} prefixes")


def _prefixes(canonicalization: etree._Element) -> list[str]:
    return [prefix for child in canonicalization for prefix in child.get("PrefixList", "").split()]


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


def _signer(signature: etree._Element, pinned: Sequence[PinnedCertificate]) -> PublicKey | None:
    """Return the pinned key that the signature over SignedInfo verifies with, None if there is none."""
    signed = signature[0]
    value = _decoded(signature[1])
    try:
        data = etree.tostring(signed, method="c14n", exclusive=True, inclusive_ns_prefixes=_prefixes(signed[0]))
    except etree.C14NError:
        raise TokenRefused("signature_shape", "SignedInfo cannot be canonicalized") from None
    method = str(signed[1].get("Algorithm"))
    digest = {**_SIGNATURES, **_SHA1}[method]
    keys = (certificate.public_key() for certificate in pinned)
    return next((key for key in keys if key and _has_signed(key, method, value, data, digest)), None)


def _has_signed(key: PublicKey, method: str, value: bytes, data: bytes, digest: hashes.HashAlgorithm) -> bool:
    try:
        match key:
            case rsa.RSAPublicKey() if "#rsa-" in method:
                key.verify(value, data, padding.PKCS1v15(), digest)
            case ec.EllipticCurvePublicKey() if "#ecdsa-" in method:
                key.verify(_as_der(value, key), data, ec.ECDSA(digest))
            case _:
                return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _as_der(value: bytes, key: ec.EllipticCurvePublicKey) -> bytes:
    """An ECDSA signature as OpenSSL reads it: XML has the two integers one after the other, RFC 4050 each in full."""
    size = (key.curve.key_size + 7) // 8
    if len(value) != 2 * size:
        raise ValueError("not two integers of the length of the curve's")
    return encode_dss_signature(int.from_bytes(value[:size], "big"), int.from_bytes(value[size:], "big"))


def _verifies(root: etree._Element, signature: etree._Element, id_attribute: str, key: PublicKey) -> bool:
    context = xmlsec.SignatureContext()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for transform in (*_TRANSFORMS, *_METHODS):
        context.enable_reference_transform(transform)
        context.enable_signature_transform(transform)
    context.key = xmlsec.Key.from_memory(pem, constants.KeyDataFormatPem)
    context.register_id(root, id_attribute)
    try:
        context.verify(signature)
    except xmlsec.Error:
        return False
    return True


def _decoded(element: etree._Element) -> bytes:
    """Return the bytes of a base64 text, none if it is not base64."""
    try:
        return base64.b64decode("".join(text_of(element).split()), validate=True)
    except ValueError:
        return b""


def _stated_certificates(signature: etree._Element) -> frozenset[bytes]:
    """The certificates in KeyInfo; none of them is trusted."""
    infos = children(signature, f"{DSIG}KeyInfo")
    return frozenset(
        der for info in infos for element in info.iter(f"{DSIG}X509Certificate") if (der := _decoded(element))
    )
