"""Rules that would protect nothing or admit everybody, each beside a positive control that is accepted."""

import pytest

OWN = "    path: /contoso\n"
REQUIRE = "    require: [{claim: group, paths: ['%s']}]\n"
ANONYMOUS = "    anonymous: ['%s']\n"
EXEMPT = "    exempt_clients: [{kind: outlook, path: '%s'}]\n"
API = "    api_paths: ['%s']\n"
LISTS = [REQUIRE, ANONYMOUS, EXEMPT, API]


@pytest.mark.parametrize("line", LISTS)
@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("/admin*", "has a * that is not a whole last segment; fix: write the prefix alone"),
        ("/admin/**", "has a *"),
        ("/*/admin", "has a *"),
        ("/static/*.js", "has a *"),
        ("/admin/.*", "is a regular expression"),
        ("/admin/.+", "is a regular expression"),
        ("^/admin", "is a regular expression"),
        ("/admin$", "is a regular expression"),
        ("/(admin|settings)", "is a regular expression"),
        ("/v[0-9]", "is a regular expression"),
        ("/orders/{id}", "has a placeholder"),
        ("/admin?", "has a ?"),
        ("/admin?x=1", "has a ?"),
        ("/a/../b", "has a dot segment"),
        ("/a/./b", "has a dot segment"),
        ("/a/%2e%2e/b", "has a dot segment"),
        ("//admin", "has an empty segment"),
        ("/a//b", "has an empty segment"),
        ("/50%", "has a % without two"),
        ("/a%5Cb", "has a character that no request"),
        ("/a%2Fb", "has an encoded slash"),
        ("admin", "does not begin with a slash; fix: write a path such as /public"),
    ],
)
def test_path_that_matches_nothing_is_a_fault(faults, good, line, bad, says):
    found = faults(good + line % bad)
    # Paths of an API are looked for in any spelling, and an encoded slash there opens nothing.
    assert any(says in each for each in found) or (line == API and says == "has an encoded slash"), found


@pytest.mark.parametrize("line", LISTS)
@pytest.mark.parametrize(
    "fine",
    [
        "/admin",
        "/admin/",
        "/admin/*",
        "/api/data/v9.2/$metadata",
        "/api/data/v9.2/WhoAmI()",
        "/api/data/v9.2/accounts(name='x')",
        "/%7B5b1d1b0c-5d0e-4c53-9d9c-0f3d4f6a7b21%7D/WebResources",
        "/a.b",
        "/a+b",
        "/My Page",
        "/stra\xdfe",
    ],
)
def test_plain_path_is_accepted(faults, good, line, fine):
    assert faults(good + line % fine.replace("'", "''")) == []


@pytest.mark.parametrize(
    ("written", "prefix"),
    [
        ("/admin", "/admin"),
        ("/admin/*", "/admin"),
        ("/admin/", "/admin/"),
        ("/*", "/"),
        ("/My Page", "/My%20Page"),
        ("/stra\xdfe/*", "/stra%C3%9Fe"),
        ("/a%20b", "/a%20b"),
    ],
)
def test_path_is_the_prefix_that_browsers_send(loaded, good, written, prefix):
    (contoso,) = loaded(good + ANONYMOUS % written + REQUIRE % written + API % written).organizations
    assert contoso.anonymous == contoso.api_paths == contoso.require[0].paths == (prefix,)


@pytest.mark.parametrize("line", [REQUIRE, ANONYMOUS, EXEMPT])
def test_path_outside_the_organization_is_a_fault(faults, good, line):
    says = "is outside the organization's own path, /contoso, so it never matches; fix: write /contoso/admin"
    assert any(says in each for each in faults(good + OWN + line % "/admin"))
    for fine in (
        OWN + line % "/contoso/admin",
        OWN + line % "/Contoso/admin/*",
        OWN + "    root: true\n" + line % "/admin",
    ):
        assert faults(good + fine) == []


def test_rule_for_every_path_is_accepted_below_an_own_path(faults, good):
    for path in ("/", "/*", "/contoso"):
        assert faults(good + OWN + REQUIRE % path + API % "/integration") == []


def test_encoded_slash_in_a_rule_needs_an_organization_that_allows_it(faults, good):
    assert any("allow_encoded_slash: true" in each for each in faults(good + ANONYMOUS % "/a%2Fb"))
    assert faults(good + ANONYMOUS % "/a%2Fb" + "    allow_encoded_slash: true\n") == []


@pytest.mark.parametrize(("own", "path"), [("", "/"), ("", "/*"), (OWN, "/"), (OWN, "/contoso"), (OWN, "/contoso/*")])
def test_exemption_of_every_path_is_a_fault(faults, good, own, path):
    assert any("covers the whole organization" in each for each in faults(good + own + EXEMPT % path))
    assert faults(good + own + EXEMPT % "/contoso/liveassist") == []


@pytest.mark.parametrize("kind", ["browser", "api"])
def test_exemption_of_browsers_or_programs_is_a_fault(faults, good, kind):
    line = "    exempt_clients: [{kind: %s, user_agent: Contoso}]\n"
    says = f"would lift the inactivity timeout of every {kind} client"
    assert any(says in each and "outlook, phone, tablet" in each for each in faults(good + line % kind))
    assert faults(good + line % "unified_service_desk") == []


VALUES = "{claim: %s, values: %s}"


@pytest.mark.parametrize("where", ["    require: [%s]\n", "administrators: [%s]\n"])
@pytest.mark.parametrize(
    ("claim", "bad", "fine", "says"),
    [
        ("upn", "['*']", "['*@contoso.com']", "* is not a value; fix: remove values"),
        ("group", "'*'", "Sales", "* is not a value; fix: remove values"),
        ("group", "[Sales*]", "[Sales]", "has a *, and values are compared exactly"),
        ("role", "['*@contoso.com']", "[alice@contoso.com]", "has a *, and values are compared exactly"),
        ("upn", "['*@*.contoso.com']", "['*@contoso.com']", "or *@contoso.com for everybody of exactly that domain"),
        ("upn", "['a*@contoso.com']", "['*@contoso.com']", "is not a whole name"),
        ("upn", "['^.*@contoso.com$']", "['*@contoso.com', '*@fabrikam.com']", "is not a whole name"),
        ("email", "['@contoso.com']", "'*@contoso.com'", "is not a whole name"),
        ("email", "['*@']", "['*@contoso.com']", "is not a whole name"),
        ("group", "[]", "[Sales]", "is an empty list, which would admit everybody who has the claim"),
        ("group", "''", "Sales", "is an empty text, and no value is empty"),
        ("role", "[admin, '']", "[admin]", "values[1]: is an empty text"),
        ("upn", "[' ']", "[alice@contoso.com]", "leave values out if the claim alone is enough"),
    ],
)
def test_value_that_matches_nothing_is_a_fault(  # noqa: PLR0917 - one table, its columns
    faults, good, where, claim, bad, fine, says
):
    assert any(says in each for each in faults(good + where % VALUES % (claim, bad)))
    assert faults(good + where % VALUES % (claim, fine)) == []


@pytest.mark.parametrize("rule", ["{claim: group, values: %s}", "{claim: group, values: [%s]}"])
@pytest.mark.parametrize("where", ["    require: [%s]\n", "administrators: [%s]\n"])
def test_value_from_an_empty_variable_is_a_fault(faults, good, where, rule):
    text = good + where % rule % '"${GROUP}"'
    assert any("is an empty text" in each for each in faults(text, GROUP=""))
    assert faults(text, GROUP="Sales") == []


@pytest.mark.parametrize("where", ["    require: [%s]\n", "administrators: [%s]\n"])
@pytest.mark.parametrize(
    ("bad", "fine", "says"),
    [
        ("Group", "group", "claim: is no claim that anybody has; letter case counts; fix: write group"),
        ("UPN", "upn", "fix: write upn"),
        ("Email", "email", "fix: write email"),
        ("ROLE", "role", "fix: write role"),
        ("appid", "urn:department", "claim: is a claim about the token and not about its user"),
        ("scp", "Groups", "so nobody meets the rule; fix: write group, role, upn, email or"),
    ],
)
def test_claim_that_nobody_has_is_a_fault(faults, good, where, bad, fine, says):  # noqa: PLR0917 - columns of a table
    assert any(says in each for each in faults(good + where % f"{{claim: {bad}}}"))
    assert faults(good + where % f"{{claim: '{fine}'}}") == []


PARTNERS = """\
  - name: fabrikam
    hosts: [crm.fabrikam.com]
    upstream: http://b
    identity_provider: {name: partners, protocol: ws-federation, metadata: "https://p/m.xml", realm: "urn:x"}
    require: [{claim: group}]
"""


def test_rule_belongs_to_a_provider(loaded, good):
    more = PARTNERS + "administrators: [{claim: group}, {claim: role, provider: partners}]\n"
    deployment = loaded(good + "    require: [{claim: upn}]\n" + more)
    assert [rule.provider for rule in deployment.administrators] == ["default", "partners"]
    assert [each.require[0].provider for each in deployment.organizations] == ["default", "partners"]


def test_administrators_name_a_provider_of_this_file(faults, good):
    found = faults(good + PARTNERS + "administrators: [{claim: group, provider: partner}]\n")
    assert any(
        "administrators[0].provider: is not the name of" in each and "fix: write partners" in each for each in found
    )
    assert faults(good + PARTNERS + "administrators: [{claim: group, provider: partners}]\n") == []


def test_administrators_without_a_provider_for_all_must_name_one(faults, good):
    own = good.replace("identity_provider:\n", "unused:\n")
    head, tail = own[: own.index("unused:")], own[own.index("organizations:") :]
    alone = head + tail[: tail.index("  - name")] + PARTNERS
    found = faults(alone + "administrators: [{claim: group}]\n")
    assert any("administrators[0]: does not say whose users" in each and "provider: partners" in each for each in found)
    assert faults(alone + "administrators: [{claim: group, provider: partners}]\n") == []


@pytest.mark.parametrize(("name", "fine"), [("default|sub", "default-sub"), ("default x", "x default")])
def test_provider_name_that_makes_keys_ambiguous_is_a_fault(faults, good, name, fine):
    found = faults(good + PARTNERS.replace("partners", f"'{name}'"))
    assert any("begins with the name of another one" in each for each in found), found
    assert faults(good + PARTNERS.replace("partners", f"'{fine}'")) == []


def test_two_providers_of_one_name_are_a_fault(faults, good):
    found = faults(good + PARTNERS.replace("partners", "default"))
    assert any("is named default like another one" in each for each in found)
