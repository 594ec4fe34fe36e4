import pytest

from proxy.configuration import load
from proxy.errors import ConfigurationError

GOOD = """\
state: "memory:"
secret: a-secret-of-at-least-thirty-two-bytes
identity_provider:
  protocol: oidc
  issuer: https://adfs.contoso.com/adfs
  client_id: claims-proxy
  client_secret: secret-of-the-client
organizations:
  - name: contoso
    hosts: [crm.contoso.com]
    upstream: http://crm.internal:5555
"""


@pytest.fixture
def good() -> str:
    return GOOD


@pytest.fixture
def loaded(tmp_path):
    """Loads a YAML text."""

    def of(text: str, **environment: str):
        path = tmp_path / "proxy.yaml"
        path.write_text(text)
        return load(path, environment)

    return of


@pytest.fixture
def faults(loaded):
    """The faults of a YAML text, as printed, without the folder; none where it is good."""

    def of(text: str, **environment: str) -> list[str]:
        try:
            loaded(text, **environment)
        except ConfigurationError as error:
            return [str(fault).rpartition("proxy.yaml:")[2] for fault in error.faults]
        return []

    return of
