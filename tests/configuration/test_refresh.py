"""Whether sessions are renewed, as it is written in YAML."""

import pytest

REALM = """\
state: "memory:"
secret: a-secret-of-at-least-thirty-two-bytes
identity_provider:
  protocol: ws-federation
  metadata: https://adfs.contoso.com/FederationMetadata/2007-06/FederationMetadata.xml
  realm: https://crm.contoso.com/
organizations:
  - name: contoso
    hosts: [crm.contoso.com]
    upstream: http://crm.internal:5555
"""


def with_key(text: str, line: str) -> str:
    return text.replace("identity_provider:\n", f"identity_provider:\n  {line}\n")


@pytest.mark.parametrize(
    ("written", "refreshes"),
    # Some readers of YAML take on and off for booleans, and so do people.
    [("on", True), ('"on"', True), ("true", True), ("On", True), ("off", False), ('"off"', False), ("false", False)],
)
def test_on_and_off_are_read_however_they_are_written(good, loaded, written, refreshes):
    [provider] = loaded(with_key(good, f"refresh: {written}")).identity_providers
    assert provider.refresh is refreshes


def test_sessions_end_with_their_tokens_where_nothing_is_written(good, loaded):
    [provider] = loaded(good).identity_providers
    assert provider.refresh is False


@pytest.mark.parametrize("bad", ["sometimes", "1", "[on]", "null"])
def test_another_word_is_a_fault(good, faults, bad):
    found = faults(with_key(good, f"refresh: {bad}"))
    assert any("identity_provider.refresh" in line for line in found), found
    assert faults(with_key(good, "refresh: on")) == []


def test_ws_federation_has_no_refresh_tokens(good, faults):
    [found] = faults(with_key(REALM, "refresh: on"))
    assert "identity_provider.refresh: has no meaning for ws-federation" in found
    assert faults(REALM) == []
    assert faults(with_key(good, "refresh: on")) == []
