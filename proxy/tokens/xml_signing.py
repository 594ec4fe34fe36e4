"""Signing an element as a whole: our own metadata, and what the demonstration's provider issues."""

import base64
from typing import Final

import xmlsec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree
from xmlsec import constants

from proxy.tokens.xml_signature import DSIG, EXCLUSIVE

_DS: Final = DSIG.strip("{}")
_RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"


def sign(
    root: etree._Element,
    id_attribute: str,
    private: rsa.RSAPrivateKey,
    certificate: bytes,
    *,
    position: int | None = None,
) -> None:
    """Put a signature over `root` into it, as its last child or at `position`: exclusive C14N, rsa-sha256.

    `certificate`: DER, stated in KeyInfo.
    """
    signature = _element(root, None, "Signature")
    info = _element(root, signature, "SignedInfo")
    _element(root, info, "CanonicalizationMethod", Algorithm=EXCLUSIVE)
    _element(root, info, "SignatureMethod", Algorithm=_RSA_SHA256)
    reference = _element(root, info, "Reference", URI=f"#{root.get(id_attribute)}")
    transforms = _element(root, reference, "Transforms")
    for algorithm in (_ENVELOPED, EXCLUSIVE):
        _element(root, transforms, "Transform", Algorithm=algorithm)
    _element(root, reference, "DigestMethod", Algorithm=_SHA256)
    _element(root, reference, "DigestValue")
    _element(root, signature, "SignatureValue")
    data = _element(root, _element(root, signature, "KeyInfo"), "X509Data")
    _element(root, data, "X509Certificate").text = base64.b64encode(certificate).decode()
    root.insert(len(root) if position is None else position, signature)
    context = xmlsec.SignatureContext()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    context.key = xmlsec.Key.from_memory(pem, constants.KeyDataFormatPem)
    context.register_id(root, id_attribute)
    context.sign(signature)


def _element(root: etree._Element, parent: etree._Element | None, name: str, **attributes: str) -> etree._Element:
    made = root.makeelement(f"{DSIG}{name}", dict(attributes), nsmap={"ds": _DS})
    if parent is not None:
        parent.append(made)
    return made
