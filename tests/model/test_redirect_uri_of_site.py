"""Addresses to register at a provider, as browsers will use them."""

import pytest

from proxy.configuration import load
from proxy.model.redirect_uri import redirect_uri

YAML = """\
listen: {%s}
secret: a-secret-of-at-least-thirty-two-bytes
identity_provider: {%s}
organizations:
  - {name: contoso, hosts: [crm.contoso.com, crm], upstream: "http://crm.internal"}
administration: {host: admin.contoso.com}
"""
OIDC = "protocol: oidc, issuer: https://a, client_id: a, client_secret: b"
WSFED = "protocol: ws-federation, metadata: https://a/m.xml, realm: https://a"
TLS = "tls: {certificate: a, key: b}"


@pytest.mark.parametrize(
    ("listen", "provider", "uri"),
    [
        (TLS + ", address: 0.0.0.0:443", OIDC, "https://admin.contoso.com/.claims/callback"),
        (TLS + ", address: 0.0.0.0:8443", OIDC, "https://admin.contoso.com:8443/.claims/callback"),
        ("trusted_proxies: [10.0.0.1], address: 0.0.0.0:8080", OIDC, "https://admin.contoso.com/.claims/callback"),
        ("address: 127.0.0.1:8080", OIDC, "http://admin.contoso.com:8080/.claims/callback"),
        (TLS + ", address: 0.0.0.0:443, prefix: /own", WSFED, "https://admin.contoso.com/own/wsfed"),
        (TLS, OIDC + ", sign_in_host: 'auth.contoso.com:444'", "https://auth.contoso.com:444/.claims/callback"),
    ],
)
def test_redirect_uri_is_the_one_that_browsers_come_back_to(tmp_path, listen, provider, uri):
    path = tmp_path / "proxy.yaml"
    path.write_text(YAML % (listen, provider))
    deployment = load(path, {})
    assert redirect_uri(deployment, deployment.administration, deployment.administration.hosts[0]) == uri
