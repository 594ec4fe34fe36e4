import ssl

import pytest

from proxy.gateway.upstream import UpstreamAddress, parse_address


@pytest.mark.parametrize(
    ("url", "host", "port", "authority"),
    [
        ("http://crm", "crm", 80, "crm"),
        ("http://crm:80", "crm", 80, "crm"),
        ("http://crm.contoso.com:5555/", "crm.contoso.com", 5555, "crm.contoso.com:5555"),
        ("HTTP://10.0.0.1:443", "10.0.0.1", 443, "10.0.0.1:443"),
        ("http://[::1]:8080", "::1", 8080, "[::1]:8080"),
    ],
)
def test_plain_addresses(url, host, port, authority):
    address = parse_address(url)
    assert address == UpstreamAddress(host, port)
    assert address.authority == authority


def test_https_names_what_the_certificate_must_say():
    context = ssl.create_default_context()
    address = parse_address("https://crm.contoso.com", context)
    assert address == UpstreamAddress("crm.contoso.com", 443, context, "crm.contoso.com")
    assert address.authority == "crm.contoso.com"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("crm:80", "http://host"),
        ("ftp://crm", "http://host"),
        ("http://crm/path", "without path"),
        ("http://user@crm", "without path, user"),
        ("http://crm?x", "query"),
        ("http://crm\r\n", "http://host"),
        ("http://crm:0", "1 to 65535"),
        ("http://crm:65536", "1 to 65535"),
        ("https://crm", "TLS context"),
    ],
)
def test_other_addresses_are_refused_with_what_would_be_right(url, says):
    with pytest.raises(ValueError, match=says):
        parse_address(url)
