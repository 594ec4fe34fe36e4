import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import RequestRefused
from proxy.model.organization import Organization
from proxy.policy.organization import OrganizationTable

HOST = "crm.contoso.com"


def an_organization(name, host=HOST, **fields):
    return Organization(name=name, id=name, hosts=(host,), upstream="http://upstream", **fields)


CONTOSO = an_organization("contoso", path="/Contoso", shares_host=True)
FABRIKAM = an_organization("fabrikam", path="/fabrikam", shares_host=True)
TEST = an_organization("test", path="/fabrikam/test", shares_host=True)
ROOT = an_organization("root", root=True, shares_host=True)
ALONE = an_organization("alone", host="alone.contoso.com")

AT_PATHS = OrganizationTable((CONTOSO, FABRIKAM, TEST, ALONE), "/.claims")
WITH_ROOT = OrganizationTable((ROOT, CONTOSO, FABRIKAM), "/.claims")


def refusal(table, host, path):
    with pytest.raises(RequestRefused) as refused:
        table.find(host, path)
    return refused.value.status, refused.value.reason


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/contoso/main.aspx", CONTOSO),
        ("/CONTOSO/main.aspx", CONTOSO),
        ("/Contoso", CONTOSO),
        ("/contoso/", CONTOSO),
        ("/contoso//x", CONTOSO),
        ("/fabrikam/x", FABRIKAM),
        ("/fabrikam/tests", FABRIKAM),
        ("/fabrikam/test", TEST),
        ("/fabrikam/Test/x%20y", TEST),
    ],
)
def test_a_path_belongs_to_the_longest_prefix_by_whole_segments_in_any_case(path, expected):
    assert AT_PATHS.find(HOST, path) is expected


@pytest.mark.parametrize("path", ["/", "/contosos/x", "/contos", "/main.aspx", "/x/contoso", "*"])
def test_a_path_outside_every_prefix_is_nobody_s_unless_there_is_a_root(path):
    assert refusal(AT_PATHS, HOST, path) == (421, "unknown_path")
    assert WITH_ROOT.find(HOST, path) is ROOT


@pytest.mark.parametrize("host", ["evil.com", "contoso.com", "x.crm.contoso.com", "crm.contoso.com.evil.com", ""])
def test_an_unknown_host_is_nobody_s(host):
    assert refusal(AT_PATHS, host, "/contoso/main.aspx") == (421, "unknown_host")
    assert AT_PATHS.find(HOST, "/contoso/main.aspx") is CONTOSO
    assert AT_PATHS.endpoint(host, "/.claims/sign-in") is None


def test_an_organization_with_a_host_of_its_own_takes_every_path():
    assert AT_PATHS.find("alone.contoso.com", "/contoso/main.aspx") is ALONE
    assert AT_PATHS.find("alone.contoso.com", "/%63ontoso/a//b;c") is ALONE


@pytest.mark.parametrize("path", ["/(S(a))/contoso/x", "/contoso:a/x", "/contos~1/x"])
def test_a_path_that_iis_could_read_as_another_organization_s_is_refused(path):
    assert refusal(WITH_ROOT, HOST, path) == (400, "ambiguous_target")
    assert refusal(AT_PATHS, HOST, path) == (400, "ambiguous_target")


@pytest.mark.parametrize(
    "path", ["/contoso/(S(a))/x", "/contoso/contos~1/x", "/contoso/data/accounts(1)", "/contoso/a:b"]
)
def test_such_a_spelling_within_an_organization_is_not_refused(path):
    assert WITH_ROOT.find(HOST, path) is AT_PATHS.find(HOST, path) is CONTOSO


@pytest.mark.parametrize("path", ["/%63ontoso/x", "/contoso;a/x", "/contoso./x", "/%2563ontoso/x", "/;/contoso/x"])
def test_a_path_that_an_upstream_could_read_as_another_organization_s_is_refused(path):
    assert refusal(WITH_ROOT, HOST, path) == (400, "ambiguous_target")
    assert refusal(AT_PATHS, HOST, path) == (400, "ambiguous_target")
    assert WITH_ROOT.find(HOST, path.replace("ontoso", "ontos")) is ROOT


@pytest.mark.parametrize(
    ("host", "path", "expected"),
    [
        (HOST, "/contoso/.claims/sign-in", (CONTOSO, "sign-in")),
        (HOST, "/CONTOSO/.claims/sign-in", (CONTOSO, "sign-in")),
        (HOST, "/contoso/.claims", (CONTOSO, "")),
        (HOST, "/contoso/.claims/", (CONTOSO, "")),
        (HOST, "/contoso/.claims/texts/de.json", (CONTOSO, "texts/de.json")),
        (HOST, "/fabrikam/test/.claims/session", (TEST, "session")),
        (HOST, "/.claims/callback", (None, "callback")),
        (HOST, "/.claims/verify", (None, "verify")),
        (HOST, "/contoso/.Claims/sign-in", None),
        (HOST, "/contoso/%2eclaims/sign-in", None),
        (HOST, "/contoso/.claimsx/sign-in", None),
        (HOST, "/contoso/x/.claims/sign-in", None),
        (HOST, "/nobody/.claims/sign-in", None),
        (HOST, "/.claimsx", None),
        ("alone.contoso.com", "/.claims/callback", (ALONE, "callback")),
        ("alone.contoso.com", "/.claims", (ALONE, "")),
        ("alone.contoso.com", "/contoso/.claims/callback", None),
        ("alone.contoso.com", "/main.aspx", None),
    ],
)
def test_our_own_endpoints_are_known_by_their_mount(host, path, expected):
    assert AT_PATHS.endpoint(host, path) == expected


def test_at_a_root_organization_s_mount_the_login_state_names_whose_answer_it_is():
    assert WITH_ROOT.endpoint(HOST, "/.claims/callback") == (None, "callback")
    assert WITH_ROOT.endpoint(HOST, "/.claims/wsfed") == (None, "wsfed")
    assert WITH_ROOT.endpoint(HOST, "/.claims/sign-in") == (ROOT, "sign-in")


def test_a_root_organization_with_a_path_of_its_own_takes_the_rest_too():
    root = an_organization("root", path="/main", root=True)
    table = OrganizationTable((root, CONTOSO), "/.claims")
    assert table.find(HOST, "/main/x") is root
    assert table.find(HOST, "/elsewhere") is root
    assert table.find(HOST, "/contoso/x") is CONTOSO
    assert table.endpoint(HOST, "/main/.claims/sign-in") == (root, "sign-in")
    assert table.endpoint(HOST, "/.claims/sign-in") == (None, "sign-in")


def test_the_mount_lies_below_the_organization_s_path():
    assert AT_PATHS.mount(ALONE) == "/.claims"
    assert AT_PATHS.mount(FABRIKAM) == "/fabrikam/.claims"
    assert OrganizationTable((ALONE,), "/auth/x").mount(ALONE) == "/auth/x"


@pytest.mark.parametrize(
    ("one", "other"),
    [({"path": "/a"}, {"path": "/A"}), ({}, {}), ({"root": True, "path": "/a"}, {"root": True, "path": "/b"})],
)
def test_two_organizations_never_claim_the_same(one, other):
    with pytest.raises(ValueError, match="two and one both claim"):
        OrganizationTable((an_organization("one", **one), an_organization("two", **other)), "/.claims")
    OrganizationTable((an_organization("one", **one), an_organization("two", host="other", **other)), "/.claims")


@given(st.integers(0, 999), st.sampled_from(["", "/", "/main.aspx", "/a//b"]))
def test_a_thousand_organizations_are_told_apart(number, below):
    assert THOUSAND.find(HOST, f"/org{number}{below}").name == f"org{number}"
    assert THOUSAND.endpoint(HOST, f"/ORG{number}/.claims/session")[0].name == f"org{number}"


THOUSAND = OrganizationTable(
    [an_organization(f"org{number}", path=f"/org{number}") for number in range(1000)], "/.claims"
)
