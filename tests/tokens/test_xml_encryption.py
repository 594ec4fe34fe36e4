"""Every way to encrypt a token that we take, made by another library than the one that opens it."""

import base64
import os

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from lxml import etree

from proxy.tokens.saml import verify_response
from proxy.tokens.wstrust import SAML11, SAML20
from proxy.tokens.xml_encryption import XENC, XENC11, DecryptionKey
from proxy.tokens.xml_signature import DSIG
from support.certificates import encryption_files
from support.saml_tokens import NOW, as_text, assertion, expected, other_key, pem_of, pinned, response, signed

SHA = {"sha1": hashes.SHA1(), "sha256": hashes.SHA256()}
DIGESTS = {"sha1": "http://www.w3.org/2000/09/xmldsig#sha1", "sha256": "http://www.w3.org/2001/04/xmlenc#sha256"}
# (key transport, its digest, its mask)
TRANSPORTS = [
    ("rsa-oaep-mgf1p", "sha1", "sha1"),
    ("rsa-oaep-mgf1p", "sha256", "sha1"),
    ("rsa-oaep", "sha1", "sha1"),
    ("rsa-oaep", "sha256", "sha1"),
    ("rsa-oaep", "sha256", "sha256"),
]


def encrypted(plain: bytes, bits: int, mode: str, transport: tuple[str, str, str], *, named: bool) -> etree._Element:
    key, (kind, digest, mask) = os.urandom(bits // 8), transport
    data = etree.Element(f"{XENC}EncryptedData", {"Type": "http://www.w3.org/2001/04/xmlenc#Element"})
    space = XENC if mode == "cbc" else XENC11
    etree.SubElement(data, f"{XENC}EncryptionMethod", {"Algorithm": f"{space.strip('{}')}aes{bits}-{mode}"})
    info = etree.SubElement(data, f"{DSIG}KeyInfo")
    wrapped = etree.SubElement(info, f"{XENC}EncryptedKey")
    space = XENC if kind.endswith("mgf1p") else XENC11
    method = etree.SubElement(wrapped, f"{XENC}EncryptionMethod", {"Algorithm": f"{space.strip('{}')}{kind}"})
    etree.SubElement(method, f"{DSIG}DigestMethod", {"Algorithm": DIGESTS[digest]})
    if kind == "rsa-oaep":
        etree.SubElement(method, f"{XENC11}MGF", {"Algorithm": f"{XENC11.strip('{}')}mgf1{mask}"})
    certificate = x509.load_der_x509_certificate(encryption_files()[1])
    if named:
        x509_data = etree.SubElement(etree.SubElement(wrapped, f"{DSIG}KeyInfo"), f"{DSIG}X509Data")
        serial = etree.SubElement(x509_data, f"{DSIG}X509IssuerSerial")
        etree.SubElement(serial, f"{DSIG}X509SerialNumber").text = str(certificate.serial_number)
    oaep = padding.OAEP(padding.MGF1(SHA[mask]), SHA[digest], None)
    add_cipher(wrapped, certificate.public_key().encrypt(key, oaep))
    add_cipher(data, _cbc(key, plain) if mode == "cbc" else _gcm(key, plain))
    return data


def _cbc(key: bytes, plain: bytes) -> bytes:
    vector, fill = os.urandom(16), 16 - len(plain) % 16
    encryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
    return vector + encryptor.update(plain + bytes(fill - 1) + bytes([fill])) + encryptor.finalize()


def _gcm(key: bytes, plain: bytes) -> bytes:
    nonce = os.urandom(12)
    return nonce + AESGCM(key).encrypt(nonce, plain, None)


def add_cipher(parent: etree._Element, value: bytes) -> None:
    data = etree.SubElement(parent, f"{XENC}CipherData")
    etree.SubElement(data, f"{XENC}CipherValue").text = base64.b64encode(value).decode()


def upn_of(token: etree._Element) -> str:
    return verify_response(as_text(response(token)), pinned(), expected(), NOW).token.principal.upn


@pytest.mark.parametrize("bits", [128, 192, 256])
@pytest.mark.parametrize("mode", ["cbc", "gcm"])
@pytest.mark.parametrize("transport", TRANSPORTS, ids="-".join)
@pytest.mark.parametrize("named", [True, False])
def test_each_of_them_opens(bits, mode, transport, named):
    plain = etree.tostring(signed(assertion(SAML11)))
    assert upn_of(encrypted(plain, bits, mode, transport, named=named)) == "alice@contoso.com"


def test_the_key_may_stand_beside_what_it_encrypts():
    data = encrypted(etree.tostring(signed(assertion(SAML20))), 256, "cbc", TRANSPORTS[0], named=True)
    holder = etree.Element(f"{SAML20}EncryptedAssertion")
    info = data.find(f"{DSIG}KeyInfo")
    key = info.find(f"{XENC}EncryptedKey")
    data.remove(info)
    holder.extend([data, key])
    assert upn_of(holder) == "alice@contoso.com"


def test_a_file_has_a_key_and_its_certificate():
    pem, certificate = encryption_files()
    key = DecryptionKey.from_pem(pem)
    assert key.certificate.public_bytes(Encoding.DER) == certificate
    assert "PRIVATE" not in repr(key)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no private key in PEM"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no private key in PEM"),
        (
            other_key().private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")),
            "without a password",
        ),
        (
            pem_of(other_key())
            + encryption_files()[0].partition(b"-----BEGIN CERT")[1]
            + encryption_files()[0].partition(b"-----BEGIN CERT")[2],
            "do not belong together",
        ),
    ],
)
def test_a_file_that_cannot_be_used_says_why(data, says):
    with pytest.raises(ValueError, match=says):
        DecryptionKey.from_pem(data)
