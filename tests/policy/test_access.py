from dataclasses import replace

import pytest

from proxy.model.organization import AccessRule
from proxy.model.principal import Claim
from proxy.policy.access import is_anonymous, may_pass


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/public", True),
        ("/public/a", True),
        ("/XRMServices/2011/Discovery.svc", True),
        ("/publicly", False),
        ("/Public", False),
        ("/%70ublic", False),
        ("/public;a", False),
        ("/a/public", False),
        ("/XRMServices/2011/Organization.svc", False),
        ("/", False),
    ],
)
def test_anonymous_paths_match_exactly_by_whole_segments(organization, path, expected):
    organization = replace(organization, anonymous=("/public", "/XRMServices/2011/Discovery.svc"))
    assert is_anonymous(organization, path) is expected
    assert not is_anonymous(replace(organization, anonymous=()), path)


@pytest.mark.parametrize(
    ("rule", "passes"),
    [
        (AccessRule("group", ("CONTOSO\\Sales",)), True),
        (AccessRule("group", ("other", "CONTOSO\\CRM Users")), True),
        (AccessRule("group", ("CONTOSO\\Sale",)), False),
        (AccessRule("group", ("contoso\\sales",)), False),
        (AccessRule("group"), True),
        (AccessRule("role", ("reader",)), True),
        (AccessRule("role", ("writer",)), False),
        (AccessRule("upn", ("ALICE@contoso.com",)), True),
        (AccessRule("upn", ("bob@contoso.com",)), False),
        (AccessRule("upn"), True),
        (AccessRule("email"), False),
        (AccessRule("email", ("alice@contoso.com",)), False),
        (AccessRule("urn:department", ("7",)), True),
        (AccessRule("urn:department", ("8",)), False),
        (AccessRule("urn:department"), True),
        (AccessRule("urn:other"), False),
    ],
)
def test_a_rule_is_met_by_any_one_of_its_values(organization, principal, rule, passes):
    principal = replace(principal, claims=(Claim("urn:department", "6"), Claim("urn:department", "7")))
    assert may_pass(replace(organization, require=(rule,)), principal, "/") is passes


def test_without_rules_everybody_signed_in_passes(organization, principal):
    assert may_pass(organization, principal, "/")


def test_all_rules_must_hold(organization, principal):
    met, unmet = AccessRule("role", ("reader",)), AccessRule("role", ("writer",))
    assert may_pass(replace(organization, require=(met, met)), principal, "/")
    assert not may_pass(replace(organization, require=(met, unmet)), principal, "/")


@pytest.mark.parametrize(
    "path",
    [
        "/admin",
        "/admin/x",
        "/Admin/x",
        "/%61dmin",
        "/%2561dmin/x",
        "//admin/x",
        "/admin;v=1/x",
        "/admin./",
        "/admin%20",
    ],
)
def test_a_rule_for_a_path_holds_in_every_spelling_an_upstream_may_accept(organization, principal, path):
    closed = replace(organization, require=(AccessRule("role", ("admin",), paths=("/Admin/",)),))
    assert not may_pass(closed, principal, path)
    assert may_pass(closed, replace(principal, roles=("admin",)), path)
    assert may_pass(closed, principal, path.replace("dmin", "dmins"))
