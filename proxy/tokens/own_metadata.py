"""Our own federation metadata, as a relying party (WS-Federation 1.2, section 3.1; SAML 2.0 Metadata)."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from lxml import etree

from proxy.tokens.federation_metadata import FED, MD, WSA, XSI_TYPE
from proxy.tokens.xml_encryption import DecryptionKey
from proxy.tokens.xml_signature import DSIG
from proxy.tokens.xml_signing import sign

_AUTH = "{http://docs.oasis-open.org/wsfed/authorization/200706}"


@dataclass(frozen=True, slots=True)
class OwnParty:
    """What we say of ourselves. `endpoints`: where answers may come, the first by default. `claim_types`: asked for."""

    realm: str
    endpoints: tuple[str, ...]
    claim_types: tuple[str, ...]


def write_metadata(party: OwnParty, keys: Sequence[DecryptionKey]) -> bytes:
    """The document. The first key that has a certificate is published as the one to encrypt for, and signs.

    RSA work: call it in a thread.
    """
    pairs = [(key, key.certificate.public_bytes(Encoding.DER)) for key in keys if key.certificate is not None]
    root = _document(party, pairs[0][1] if pairs else None)
    for key, certificate in pairs[:1]:
        private = load_pem_private_key(key.private, None)
        if isinstance(private, rsa.RSAPrivateKey):
            sign(root, "ID", private, certificate, position=0)
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)


def _document(party: OwnParty, certificate: bytes | None) -> etree._Element:
    root = etree.Element(
        f"{MD}EntityDescriptor",
        {"ID": f"_{uuid5(NAMESPACE_URL, party.realm)}", "entityID": party.realm},
        nsmap={None: MD.strip("{}"), "fed": FED.strip("{}"), "wsa": WSA.strip("{}"), "auth": _AUTH.strip("{}")},
    )
    role = etree.SubElement(
        root,
        f"{MD}RoleDescriptor",
        {XSI_TYPE: "fed:ApplicationServiceType", "protocolSupportEnumeration": FED.strip("{}")},
    )
    if certificate is not None:
        descriptor = etree.SubElement(role, f"{MD}KeyDescriptor", {"use": "encryption"})
        info = etree.SubElement(descriptor, f"{DSIG}KeyInfo", nsmap={None: DSIG.strip("{}")})
        data = etree.SubElement(info, f"{DSIG}X509Data")
        etree.SubElement(data, f"{DSIG}X509Certificate").text = base64.b64encode(certificate).decode()
    asked = etree.SubElement(role, f"{FED}ClaimTypesRequested")
    for uri in party.claim_types:
        etree.SubElement(asked, f"{_AUTH}ClaimType", {"Uri": uri, "Optional": "true"})
    _add_address(etree.SubElement(role, f"{FED}TargetScopes"), party.realm)
    for name in ("ApplicationServiceEndpoint", "PassiveRequestorEndpoint"):
        for endpoint in party.endpoints:
            _add_address(etree.SubElement(role, f"{FED}{name}"), endpoint)
    return root


def _add_address(parent: etree._Element, address: str) -> None:
    reference = etree.SubElement(parent, f"{WSA}EndpointReference")
    etree.SubElement(reference, f"{WSA}Address").text = address
