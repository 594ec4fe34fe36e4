"""Provider names at a shared host, each fault beside a name that is accepted."""

import pytest

SECOND = """\
  - name: fabrikam
    hosts: [{host}]
    upstream: http://crm-02.internal:5555
    path: /fabrikam
    identity_provider:
      name: {name}
      protocol: oidc
      issuer: https://login.fabrikam.com
      client_id: claims-proxy
      client_secret: secret-of-the-client
"""


def two(good: str, name: str, host: str = "crm.contoso.com") -> str:
    return good.replace("    hosts:", "    path: /contoso\n    hosts:") + SECOND.format(name=name, host=host)


@pytest.mark.parametrize("name", ["a/b", "'a\\b'", "..", "'. .'", "a%2fb", "a;b", "'a?b'", "'a#b'", '"a\\u200bb"'])
def test_a_name_that_is_no_path_segment_is_refused_at_a_shared_host(faults, good, name):
    (fault,) = faults(two(good, name))
    assert "identity_provider.name: cannot be part of a redirect URI" in fault
    assert "crm.contoso.com" in fault
    assert not faults(two(good, name, host="crm.fabrikam.com"))
    assert not faults(two(good, "a.b"))


@pytest.mark.parametrize("name", ["Default", "DEFAULT", "\uff44efault"])
def test_names_that_differ_in_case_only_are_refused_at_a_shared_host(faults, good, name):
    """A provider may compare redirect URIs without regard to case, and return a browser to the other one's."""
    (fault,) = faults(two(good, name))
    assert "identity_provider.name: differs from default only in letter case" in fault
    assert not faults(two(good, name, host="crm.fabrikam.com"))
    assert not faults(two(good, "default-2"))


def test_a_sign_in_host_makes_a_host_shared(faults, good):
    shared = two(good, "a/b", host="crm.fabrikam.com").replace(
        "  client_id", "  sign_in_host: auth.contoso.com\n  client_id", 1
    )
    assert not faults(shared)
    both = shared.replace("      client_id", "      sign_in_host: auth.contoso.com:444\n      client_id")
    (fault,) = faults(both)
    assert "auth.contoso.com" in fault


def test_a_provider_of_the_other_protocol_shares_nothing(faults, good):
    head, _, _ = two(good, "a/b").rpartition("protocol: oidc")
    own = "metadata: https://login.fabrikam.com/m.xml, realm: https://crm/"
    head = head.rpartition("    identity_provider:")[0]
    federated = f"    identity_provider: {{name: a/b, protocol: ws-federation, {own}}}\n"
    assert not faults(head + federated)
    assert faults(two(good, "a/b"))
