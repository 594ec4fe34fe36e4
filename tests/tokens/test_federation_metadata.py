"""A provider's federation metadata: whose keys count, and that nothing was changed on the way."""

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from proxy.demo.adfs_saml import federation_metadata
from proxy.tokens.federation_metadata import FED, MD, XSI_TYPE, read_metadata
from proxy.tokens.xml_signature import DSIG
from support.saml_tokens import ISSUER, NOW, other_key, signing_key

ENDPOINT = "https://adfs.contoso.com/adfs/ls/"


def document(*published, signed: bool = True) -> etree._Element:
    published = published or (signing_key(),)
    data = federation_metadata(entity_id=ISSUER, endpoint=ENDPOINT, signing=signing_key(), published=published)
    root = etree.fromstring(data)
    if not signed:
        root.remove(root.find(f"{DSIG}Signature"))
    return root


def read(root: etree._Element, now: float = NOW):
    return read_metadata(etree.tostring(root), now)


def test_the_primary_key_comes_first_and_the_next_is_known_already():
    found = read(document(signing_key(), other_key()))
    assert (found.entity_id, found.endpoint) == (ISSUER, ENDPOINT)
    assert [key.der for key in found.keys] == [signing_key().certificate, other_key().certificate]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (ENDPOINT, "https://evil.example/ls/"),
        (ISSUER, "http://evil.example/trust"),
        ('use="signing"', 'use="encryption"'),
    ],
)
def test_what_was_changed_after_it_was_signed_is_refused_and_the_same_unsigned_is_not(old, new):
    text = etree.tostring(document()).decode()
    assert old in text
    with pytest.raises(ValueError, match=r"signature|certificate"):
        read_metadata(text.replace(old, new).encode(), NOW)
    if "use" not in old:
        plain = etree.tostring(document(signed=False)).decode()
        assert new in str(read_metadata(plain.replace(old, new).encode(), NOW))


def test_keys_of_other_roles_do_not_count():
    root = document(signed=False)
    role = root.find(f"{MD}RoleDescriptor")
    role.set(XSI_TYPE, "fed:ApplicationServiceType")
    with pytest.raises(ValueError, match="SecurityTokenServiceType"):
        read(root)
    role.set(XSI_TYPE, "other:SecurityTokenServiceType")
    with pytest.raises(ValueError, match="SecurityTokenServiceType"):
        read(root)
    role.set(XSI_TYPE, "fed:SecurityTokenServiceType")
    assert read(root).keys


def weak(bits: int) -> str:
    key = rsa.generate_private_key(65537, bits)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "weak")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(x509.load_der_x509_certificate(signing_key().certificate).not_valid_before_utc)
        .not_valid_after(x509.load_der_x509_certificate(signing_key().certificate).not_valid_after_utc)
        .sign(key, SHA256())
    )
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()


def test_a_weak_key_is_left_out_and_a_lone_one_is_no_provider():
    root = document(signing_key(), other_key(), signed=False)
    first, second = root.iter(f"{DSIG}X509Certificate")
    second.text = weak(1024)
    found = read(root)
    assert [key.der for key in found.keys] == [signing_key().certificate]
    assert found.left_out == ("an RSA key of 1024 bits",)
    first.text = second.text
    with pytest.raises(ValueError, match="no usable signing certificate: an RSA key of 1024 bits"):
        read(root)


def test_metadata_whose_time_is_over_are_refused():
    root = document(signed=False)
    root.set("validUntil", "2026-09-21T14:13:20Z")  # NOW
    with pytest.raises(ValueError, match="validUntil"):
        read(root)
    assert read(root, NOW - 1).keys


def test_without_an_address_to_sign_in_at_they_are_of_no_use():
    root = document(signed=False)
    role = root.find(f"{MD}RoleDescriptor")
    role.remove(role.find(f"{FED}PassiveRequestorEndpoint"))
    with pytest.raises(ValueError, match="PassiveRequestorEndpoint"):
        read(root)


@pytest.mark.parametrize(("version", "host"), [(2, "fs.msidlab7.com"), (3, "fs.msidlab2.com"), (4, "fs.msidlab11.com")])
def test_the_real_metadata_of_three_generations_are_read(shared_folder, version, host):
    data = (shared_folder / "fixtures" / "adfs" / f"adfs-v{version}-metadata.xml").read_bytes()
    found = read_metadata(data, NOW)
    assert (found.entity_id, found.endpoint) == (f"http://{host}/adfs/services/trust", f"https://{host}/adfs/ls/")
    assert len(found.keys) == 1
    assert found.left_out == ()
    tampered = data.replace(f"https://{host}/adfs/ls/".encode(), b"https://evil.example/adfs/ls/")
    with pytest.raises(ValueError, match="signature"):
        read_metadata(tampered, NOW)
