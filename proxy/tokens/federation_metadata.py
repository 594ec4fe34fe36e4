"""A provider's federation metadata, read with their signature checked.

Sources: SAML 2.0 Metadata; WS-Federation 1.2, section 3.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from lxml import etree

from proxy.errors import TokenRefused
from proxy.model.time import Instant
from proxy.tokens.roca import has_roca_weakness
from proxy.tokens.strict import iso_date
from proxy.tokens.xml import children, parse, text_of
from proxy.tokens.xml_signature import DSIG, PinnedCertificate, verify_signature

MD: Final = "{urn:oasis:names:tc:SAML:2.0:metadata}"
FED: Final = "{http://docs.oasis-open.org/wsfed/federation/200706}"
WSA: Final = "{http://www.w3.org/2005/08/addressing}"
XSI_TYPE: Final = "{http://www.w3.org/2001/XMLSchema-instance}type"
_LARGEST = 1024 * 1024
_LEAST_RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class FederationMetadata:
    """`entity_id`: what tokens name as their issuer. `endpoint`: where browsers sign in. `keys`: the primary first.

    `left_out`: why a certificate is not among them.
    """

    entity_id: str
    endpoint: str
    keys: tuple[PinnedCertificate, ...]
    left_out: tuple[str, ...] = ()


def read_metadata(data: bytes, now: Instant) -> FederationMetadata:
    """A provider's metadata: those of its SecurityTokenServiceType role. Raises ValueError that says what is wrong.

    A signature is checked against the certificates that stand in the document: it proves that nothing was lost on the
    way. Whom to trust, the address says (https), or the file.
    """
    try:
        root = parse(data, most=_LARGEST)
        if root.tag != f"{MD}EntityDescriptor":
            raise ValueError("is no EntityDescriptor of SAML 2.0 metadata")
        ends = iso_date(root.get("validUntil"))
        if ends is not None and now >= ends:
            raise ValueError("its validUntil has passed")
        role = _role(root)
        keys, left_out = _keys(role)
        _check_signature(root, keys)
        endpoint = _endpoint(role)
    except TokenRefused as refused:
        raise ValueError(f"cannot be used: {refused}") from refused
    entity_id = root.get("entityID")
    if not entity_id:
        raise ValueError("states no entityID")
    if not keys:
        raise ValueError(f"has no usable signing certificate{': ' if left_out else ''}{'; '.join(left_out)}")
    return FederationMetadata(str(entity_id), endpoint, keys, left_out)


def _role(root: etree._Element) -> etree._Element:
    """Of AD FS's roles the one that issues tokens; the keys of its others sign something else."""
    for role in children(root, f"{MD}RoleDescriptor"):
        prefix, _, name = role.get(XSI_TYPE, "").strip().rpartition(":")
        if f"{{{role.nsmap.get(prefix or None, '')}}}{name}" == f"{FED}SecurityTokenServiceType":
            return role
    raise ValueError("has no role SecurityTokenServiceType, so it is not that of a WS-Federation provider")


def _endpoint(role: etree._Element) -> str:
    for passive in children(role, f"{FED}PassiveRequestorEndpoint"):
        for reference in children(passive, f"{WSA}EndpointReference"):
            for address in children(reference, f"{WSA}Address"):
                return text_of(address).strip()
    raise ValueError("states no PassiveRequestorEndpoint, so browsers cannot sign in there")


def _keys(role: etree._Element) -> tuple[tuple[PinnedCertificate, ...], tuple[str, ...]]:
    keys: dict[bytes, PinnedCertificate] = {}
    left_out = []
    for descriptor in children(role, f"{MD}KeyDescriptor"):
        if descriptor.get("use", "signing") != "signing":
            continue
        for der in certificates_in(descriptor):
            why = _unfit(der)
            if why:
                left_out.append(why)
            else:
                keys[der] = PinnedCertificate(der)
    return tuple(keys.values()), tuple(left_out)


def certificates_in(element: etree._Element) -> Iterator[bytes]:
    """The certificates in its KeyInfo, DER. Raises ValueError for one that is no base64."""
    for info in children(element, f"{DSIG}KeyInfo"):
        for stated in info.iter(f"{DSIG}X509Certificate"):
            try:
                yield base64.b64decode("".join(text_of(stated).split()), validate=True)
            except ValueError:
                raise ValueError("has a certificate that is no base64") from None


def _unfit(der: bytes) -> str:
    """Why a certificate's key is not to be trusted; that it has expired is no matter."""
    try:
        key = x509.load_der_x509_certificate(der).public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "a certificate that cannot be read"
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < _LEAST_RSA_BITS:
            return f"an RSA key of {key.key_size} bits"
        return "an RSA key of the ROCA weakness" if has_roca_weakness(key.public_numbers().n) else ""
    return "" if isinstance(key, ec.EllipticCurvePublicKey) else "a key of an unknown kind"


def _check_signature(root: etree._Element, keys: tuple[PinnedCertificate, ...]) -> None:
    for signature in children(root, f"{DSIG}Signature"):
        stated = tuple(PinnedCertificate(der) for der in certificates_in(signature))
        verify_signature(root, "ID", (*keys, *stated))
