"""Encrypted tokens that would have xmlsec read, run or follow something: validated by shape, refused before xmlsec.

An anonymous sender can post them, because the signature is inside what is decrypted.
"""

import base64
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import xmlsec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from lxml import etree
from xmlsec import constants

from proxy.errors import TokenRefused
from proxy.tokens import xml_encryption
from proxy.tokens.saml import verify_response
from proxy.tokens.wstrust import SAML11, SAML20
from proxy.tokens.xml_encryption import XENC
from proxy.tokens.xml_signature import DSIG
from support.saml_tokens import NOW, as_text, assertion, expected, pinned, response, sealed, signed

XSLT = (
    f'<d:Transform xmlns:d="{DSIG.strip("{}")}" Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116">'
    '<x:stylesheet version="1.0" xmlns:x="http://www.w3.org/1999/XSL/Transform"><x:template match="/"/></x:stylesheet>'
    "</d:Transform>"
)
ZERO, SECURITY = "file:///dev/zero", xml_encryption._SECURITY


def element(text: str) -> etree._Element:
    return etree.fromstring(f'<a xmlns:e="{XENC.strip("{}")}" xmlns:d="{DSIG.strip("{}")}">{text}</a>')[0]


def first(root: etree._Element, name: str) -> etree._Element:
    return next(root.iter(name))


def key_of(root: etree._Element) -> etree._Element:
    return first(root, f"{XENC}EncryptedKey")


def data_of(root: etree._Element) -> etree._Element:
    return first(root, f"{XENC}EncryptedData")


def cipher_of(owner: etree._Element) -> etree._Element:
    return owner.find(f"{XENC}CipherData")


def replaced(cipher: etree._Element, *texts: str) -> None:
    for child in list(cipher):
        cipher.remove(child)
    cipher.extend(element(text) for text in texts)


def reference(transforms: str = "", uri: str = ZERO) -> str:
    return f'<e:CipherReference URI="{uri}">{transforms}</e:CipherReference>'


def nested(root: etree._Element, holder: str) -> None:
    """Put a second encrypted key, whose bytes are in a file, where only an iteration over descendants finds it."""
    hidden = element(
        f'<e:EncryptedKey><e:EncryptionMethod Algorithm="{XENC.strip("{}")}rsa-oaep-mgf1p"/>'
        f"<e:CipherData>{reference()}</e:CipherData></e:EncryptedKey>"
    )
    first(root, holder).append(hidden)


def copies(found: etree._Element, count: int) -> list[etree._Element]:
    return [etree.fromstring(etree.tostring(found)) for _ in range(count)]


def broken_into_lines(root: etree._Element) -> None:
    for value in root.iter(f"{XENC}CipherValue"):
        value.text = "\n".join(value.text[at : at + 76] for at in range(0, len(value.text), 76)) + "\n"


HOSTILE: dict[str, Callable[[etree._Element], None]] = {
    "file as key": lambda root: replaced(cipher_of(key_of(root)), reference()),
    "file as data": lambda root: replaced(cipher_of(data_of(root)), reference()),
    "address as key": lambda root: replaced(cipher_of(key_of(root)), reference(uri="http://127.0.0.1:9/")),
    "the document itself, through XSLT": lambda root: replaced(
        cipher_of(key_of(root)), reference(f"<e:Transforms>{XSLT}</e:Transforms>", uri="")
    ),
    "file after the value": lambda root: cipher_of(key_of(root)).append(element(reference())),
    "two values": lambda root: replaced(
        cipher_of(key_of(root)), "<e:CipherValue>AAAA</e:CipherValue>", "<e:CipherValue>AAAA</e:CipherValue>"
    ),
    "element in the value": lambda root: replaced(
        cipher_of(data_of(root)), f"<e:CipherValue>{reference()}</e:CipherValue>"
    ),
    "value that is not base64": lambda root: replaced(
        cipher_of(data_of(root)), "<e:CipherValue>\u00e9\u00e9\u00e9\u00e9</e:CipherValue>"
    ),
    "key of 5,000 characters": lambda root: replaced(
        cipher_of(key_of(root)), f"<e:CipherValue>{'A' * 5000}</e:CipherValue>"
    ),
    "second CipherData": lambda root: key_of(root).append(element(f"<e:CipherData>{reference()}</e:CipherData>")),
    "properties": lambda root: data_of(root).append(element("<e:EncryptionProperties/>")),
    "list of references": lambda root: key_of(root).append(element("<e:ReferenceList/>")),
    "key that is somewhere else": lambda root: first(root, f"{DSIG}KeyInfo").append(
        element(f'<d:RetrievalMethod URI="{ZERO}"/>')
    ),
    "certificate that is somewhere else": lambda root: (
        key_of(root).find(f"{DSIG}KeyInfo").append(element(f'<d:RetrievalMethod URI="{ZERO}"/>'))
    ),
    "key in the key's own KeyInfo": lambda root: nested(root, f"{SECURITY}SecurityTokenReference"),
    "key in X509Data": lambda root: nested(root, f"{DSIG}X509Data"),
    "key in the serial number": lambda root: nested(root, f"{DSIG}X509SerialNumber"),
    "key in the method": lambda root: nested(root, f"{DSIG}DigestMethod"),
    "four keys": lambda root: key_of(root).getparent().extend(copies(key_of(root), 3)),
    "parameter of the method": lambda root: data_of(root)[0].append(element("<e:KeySize>256</e:KeySize>")),
}
HARMLESS: dict[str, Callable[[etree._Element], None]] = {
    "unchanged": lambda _: None,
    "line breaks in the value": broken_into_lines,
    "three keys": lambda root: key_of(root).getparent().extend(copies(key_of(root), 2)),
    "key by its thumbprint": lambda root: replaced(
        first(root, f"{SECURITY}SecurityTokenReference"),
        f'<o:KeyIdentifier xmlns:o="{SECURITY.strip("{}")}">AAAA</o:KeyIdentifier>',
    ),
    "key by its certificate": lambda root: replaced(
        first(root, f"{DSIG}X509Data"), "<d:X509Certificate>AAAA</d:X509Certificate>"
    ),
    "attribute with a name that ASCII cannot write": lambda root: data_of(root).set("\u00c0", "x"),
    "key without a name": lambda root: key_of(root).remove(key_of(root).find(f"{DSIG}KeyInfo")),
}


def changed(namespace: str, change: Callable[[etree._Element], None]) -> str:
    root = response(sealed(signed(assertion(namespace))))
    change(root)
    return as_text(root)


@pytest.mark.parametrize("namespace", [SAML11, SAML20])
@pytest.mark.parametrize("name", HOSTILE)
def test_encrypted_token_of_another_shape_never_reaches_xmlsec(name, namespace, monkeypatch):
    monkeypatch.setattr(xml_encryption.xmlsec, "EncryptionContext", lambda: pytest.fail("xmlsec was asked"))
    with pytest.raises(TokenRefused) as refused:
        verify_response(changed(namespace, HOSTILE[name]), pinned(), expected(), NOW)
    assert refused.value.reason in {"structure", "algorithm"}


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2 * 1024**3, 2 * 1024**3))
resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
from proxy.errors import TokenRefused
from proxy.tokens.wstrust import token_of
from support.saml_tokens import decryption_key
try:
    token_of(sys.stdin.read(), [decryption_key()])
except TokenRefused as refused:
    print(refused.reason)
"""


@pytest.mark.parametrize("name", ["devzero", "xslt"])
def test_reference_of_the_field_is_refused_in_a_process_with_little_memory(name, shared_folder):
    text = (shared_folder / "fixtures" / "findings" / f"cipherreference-{name}.xml").read_text()
    tests = Path(__file__).parents[1]
    ran = subprocess.run(
        [sys.executable, "-c", LIMITED], check=False, input=text, capture_output=True, text=True, cwd=tests
    )
    assert (ran.returncode, ran.stdout) == (0, "structure\n"), ran.stderr


@pytest.mark.parametrize("namespace", [SAML11, SAML20])
@pytest.mark.parametrize("name", HARMLESS)
def test_encrypted_token_of_the_right_shape_is_accepted(name, namespace):
    said = verify_response(changed(namespace, HARMLESS[name]), pinned(), expected(), NOW)
    assert said.token.principal.upn == "alice@contoso.com"


def test_key_beside_the_data_is_validated_as_well():
    root = response(sealed(signed(assertion(SAML20))))
    data_of(root).getparent().extend(copies(key_of(root), 1))
    data_of(root).remove(data_of(root).find(f"{DSIG}KeyInfo"))
    assert verify_response(as_text(root), pinned(), expected(), NOW).token.principal.upn == "alice@contoso.com"
    replaced(cipher_of(key_of(root)), reference())
    with pytest.raises(TokenRefused, match="CipherData must have one CipherValue"):
        verify_response(as_text(root), pinned(), expected(), NOW)


def test_xmlsec_itself_can_open_no_file(tmp_path):
    key = os.urandom(32)
    held = element("<e:EncryptedData><e:EncryptionMethod/><e:CipherData/></e:EncryptedData>")
    held[0].set("Algorithm", f"{XENC.strip('{}')}aes256-cbc")

    def opened() -> bytes:
        context = xmlsec.EncryptionContext()
        context.key = xmlsec.Key.from_binary_data(constants.KeyDataAes, key)
        return context.decrypt(etree.fromstring(etree.tostring(held)))

    cipher = ciphertext(key, b"of a file")
    replaced(held[1], f"<e:CipherValue>{base64.b64encode(cipher).decode()}</e:CipherValue>")
    assert opened() == b"of a file"
    (tmp_path / "data").write_bytes(cipher)
    replaced(held[1], reference(uri=(tmp_path / "data").as_uri()))
    with pytest.raises(xmlsec.Error):
        opened()


def ciphertext(key: bytes, plain: bytes) -> bytes:
    """Encrypt with AES-CBC and the padding of XML Encryption."""
    vector, fill = os.urandom(16), 16 - len(plain) % 16
    encryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
    return vector + encryptor.update(plain + bytes(fill - 1) + bytes([fill])) + encryptor.finalize()
