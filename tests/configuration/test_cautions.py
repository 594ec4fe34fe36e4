"""Warnings about configurations that can be run, each beside a positive control without one."""

import pytest

TWO = "  - {name: fabrikam, hosts: [%s], path: /fabrikam, upstream: http://b}\n"


@pytest.fixture
def warnings(loaded):
    """The warnings about a YAML text, as printed, without the folder."""
    return lambda text: [each.as_warning().rpartition("proxy.yaml:")[2] for each in loaded(text).warnings]


@pytest.mark.parametrize(
    ("bad", "fine", "says"),
    [
        (
            "    anonymous: [/static, /]\n",
            "    anonymous: [/static, /help]\n",
            "12:26: warning: organizations[0].anonymous[1]: lets every request of this organization pass",
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
