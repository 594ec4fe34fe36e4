"""Bearer settings that could not take effect, or that would let id tokens in, each beside one that is accepted."""

import pytest

FEDERATED = """\
    identity_provider:
      {name: fed, protocol: ws-federation, metadata: "https://adfs.contoso.com/m.xml", realm: "https://crm.contoso.com/"}
"""
ISSUER = "https://adfs.contoso.com/adfs"
AUDIENCES = 'audiences: ["https://crm.contoso.com/"]'


@pytest.mark.parametrize(
    ("bad", "fine", "says"),
    [
        ("{audiences: []}", f"{{{AUDIENCES}}}", "audiences: is empty; write at least 1"),
        ('{audiences: ["a b"]}', "{audiences: a}", "is not an identifier of an application"),
        ('{audiences: ["a, realm=b"]}', '{audiences: ["a"]}', "is not an identifier of an application"),
        ('{audiences: ["ä"]}', "{audiences: [api://5b1d1b0c]}", "is not an identifier of an application"),
        ("{audience: a}", "{audiences: a}", "did you mean audiences?"),
        ("{issuer: adfs}", f"{{issuer: '{ISSUER}'}}", "issuer: is no http or https URL"),
        ("{accept_id_tokens: maybe}", "{accept_id_tokens: true}", "is neither true nor false"),
        (
            "{audiences: [claims-proxy]}",
            "{audiences: [claims-proxy], accept_id_tokens: true}",
            "audiences: contains identity_provider.client_id, which is the audience of id tokens as well",
        ),
        (
            "{issuer: https://login.contoso.com}",
            f"{{issuer: https://login.contoso.com, {AUDIENCES}}}",
            "audiences: is missing, and the proxy is not a client of this issuer",
        ),
        (
            f"{{issuer: http://login.contoso.com, {AUDIENCES}}}",
            f"{{issuer: http://127.0.0.1:8080, {AUDIENCES}}}",
            "issuer: is plain http",
        ),
        (
            f"{{issuer: https://login.contoso.com, {AUDIENCES}, accept_id_tokens: true}}",
            f"{{issuer: https://login.contoso.com, {AUDIENCES}, accept_id_tokens: false}}",
            "accept_id_tokens: is for id tokens of identity_provider.client_id",
        ),
    ],
)
def test_bearer_fault_is_named(faults, good, bad, fine, says):
    found = faults(f"{good}    bearer: {bad}\n")
    assert any(says in line for line in found), found
    assert faults(f"{good}    bearer: {fine}\n") == []


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (f"{{{AUDIENCES}}}", "bearer: has no keys to verify tokens with"),
        (f"{{issuer: '{ISSUER}'}}", "audiences: is missing"),
        (f"{{issuer: '{ISSUER}', {AUDIENCES}, accept_id_tokens: true}}", "accept_id_tokens: is for id tokens"),
    ],
)
def test_ws_federation_needs_an_issuer_and_audiences(faults, good, bad, says):
    found = faults(f"{good}{FEDERATED}    bearer: {bad}\n")
    assert any(says in line for line in found), found
    assert faults(f"{good}{FEDERATED}    bearer: {{issuer: '{ISSUER}', {AUDIENCES}}}\n") == []
    assert faults(f"{good}{FEDERATED}") == []
