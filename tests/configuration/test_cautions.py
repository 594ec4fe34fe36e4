"""Warnings about configurations that can be run, each beside a positive control without one."""

import pytest

TWO = "  - {name: fabrikam, hosts: [%s], path: /fabrikam, upstream: http://b}\n"


@pytest.fixture
def warnings(loaded):
    """The warnings about a YAML text, as printed, without the folder. The page's script has tests of its own."""

    def of(text: str) -> list[str]:
        found = [each.as_warning().rpartition("proxy.yaml:")[2] for each in loaded(text).warnings]
        return [line for line in found if ".browser.inject: " not in line]

    return of


@pytest.mark.parametrize(
    ("bad", "fine", "says"),
    [
        (
            "    anonymous: [/static, /]\n",
            "    anonymous: [/static, /help]\n",
            "12:26: warning: organizations[0].anonymous[1]: lets every request of this organization pass",
        ),
        *(
            (
                f"    exempt_clients: [{{kind: outlook, user_agent: {word}}}]\n",
                "    exempt_clients: [{kind: outlook, user_agent: ContosoOutlook}]\n",
                "12:50: warning: organizations[0].exempt_clients[0].user_agent: is part of what ordinary browsers send",
            )
            for word in ("M", "mozilla/5.0", "Edg/")
        ),
        (
            "administrators: [{claim: role}]\n",
            "administrators: [{claim: role}]\nadministration: {host: admin.contoso.com}\n",
            "12:17: warning: administrators: admin pages share the origin of every application",
        ),
        (
            "administration: {host: admin.contoso.com}\n",
            "administration: {host: admin.contoso.com}\nadministrators: [{claim: role}]\n",
            "12:17: warning: administration: admits nobody",
        ),
        (
            "    root: true\n    path: /contoso\n" + TWO % "crm.contoso.com",
            "    root: true\n    path: /contoso\n" + TWO % "crm.fabrikam.com",
            "14:54: warning: organizations[1].path: shares the origin of crm.contoso.com with organization contoso",
        ),
    ],
)
def test_misleading_key_is_warned_of_and_its_control_is_not(warnings, good, bad, fine, says):
    assert [line[: len(says)] for line in warnings(good + bad)] == [says]
    assert warnings(good + fine) == []


OKTA = ("https://adfs.contoso.com/adfs", "https://contoso.okta.com")
EMAIL = (
    "    require: [{claim: email, values: ['*@contoso.com']}]\nadministrators: [{claim: email}]\n"
    "administration: {host: admin.contoso.com}\n"
)
ENTITLED = "  client_id: claims-proxy\n"


@pytest.mark.parametrize("decided", ["true", "false"])
def test_rules_by_address_are_warned_of_where_nobody_vouches(warnings, good, decided):
    okta = good.replace(*OKTA)
    found = [line for line in warnings(okta + EMAIL) if "addresses" in line]
    assert [line.partition(": warning: ")[2].partition(":")[0] for line in found] == [
        "organizations[0].require[0].claim",
        "administrators[0].claim",
    ]
    assert all("default count only if it states email_verified: true" in line for line in found)
    trusted = okta.replace(ENTITLED, f"{ENTITLED}  trust_unverified_email: {decided}\n")
    for fine in (trusted + EMAIL, good + EMAIL, okta + EMAIL.replace("email", "upn")):
        assert not [line for line in warnings(fine) if "addresses" in line]


def test_trust_in_addresses_has_no_meaning_for_ws_federation(faults, good):
    federated = "  protocol: ws-federation\n  metadata: https://adfs.contoso.com/m.xml\n  realm: urn:x\n"
    head, tail = good[: good.index("  protocol")], good[good.index("organizations:") :]
    assert faults(head + federated + tail) == []
    found = faults(head + federated + "  trust_unverified_email: true\n" + tail)
    assert any("trust_unverified_email: has no meaning for ws-federation" in each for each in found)


def test_upns_from_addresses_are_warned_of_where_nobody_vouches(warnings, good):
    mapped = f"{ENTITLED}  claims: {{upn: [upn, email]}}\n"
    (found,) = warnings(good.replace(*OKTA).replace(ENTITLED, mapped))
    assert "organizations[0]: takes UPNs from the claim email of default" in found
    assert warnings(good.replace(*OKTA).replace(ENTITLED, f"{mapped}  trust_unverified_email: true\n")) == []
    assert warnings(good.replace(ENTITLED, mapped)) == []
