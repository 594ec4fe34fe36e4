"""Targets that led past path rules elsewhere, on the whole way: judged, matched to an organization, opened or not."""

from dataclasses import replace
from urllib.parse import unquote

import pytest

from proxy.errors import RequestRefused
from proxy.model.organization import AccessRule, Organization
from proxy.model.principal import Principal
from proxy.policy.access import is_anonymous, may_pass
from proxy.policy.organization import OrganizationTable
from proxy.policy.target import judge_target

ORGANIZATION = Organization(
    name="contoso",
    id="1",
    hosts=("crm.contoso.com",),
    upstream="http://upstream",
    anonymous=("/public",),
    require=(AccessRule("role", ("admin",), paths=("/secret",)),),
)
TABLE = OrganizationTable((ORGANIZATION,), "/.claims")
READER = Principal(key="k", name="Reader", roles=("reader",))


def outcome(target: str, organization: Organization = ORGANIZATION) -> str:
    """What becomes of a reader without special roles at this target."""
    try:
        path = judge_target(target, allow_encoded_slash=organization.allow_encoded_slash)
        TABLE.find("crm.contoso.com", path)
    except RequestRefused as refusal:
        return str(refusal.status)
    if is_anonymous(organization, path):
        return "anonymous"
    return "passes" if may_pass(organization, READER, path) else "held back"


@pytest.mark.parametrize(
    ("attack", "expected", "twin", "of_twin"),
    [
        ("/public/../secret", "400", "/public/..secret", "anonymous"),
        ("/public/%2e%2e/secret", "400", "/public/%2e%2esecret", "anonymous"),
        ("/public/.%2e/secret", "400", "/public/.%2esecret", "anonymous"),
        ("/public%2f..%2fsecret", "400", "/public/secret", "anonymous"),
        ("/public%2f%2e%2e%2fsecret", "400", "/public/secret", "anonymous"),
        ("/public\\..\\secret", "400", "/public/secret", "anonymous"),
        ("/public/..;/secret", "400", "/public/a;/secret", "anonymous"),
        ("/public/..%3b/secret", "400", "/public/a%3b/secret", "anonymous"),
        ("/public/%252e%252e/secret", "400", "/public/%252e%252ea/secret", "anonymous"),
        ("/public/..%c0%afsecret", "400", "/public/..%c3%afsecret", "anonymous"),
        ("/public/..%5csecret", "400", "/public/..%5bsecret", "anonymous"),
        ("/public%00/secret", "400", "/public/secret", "anonymous"),
        ("/foo/secret#/bar", "400", "/foo/secret%23/bar", "passes"),
        ("/secret?path=/public", "held back", "/other?path=/public", "passes"),
        ("/secret?/public/", "held back", "/public?/secret", "anonymous"),
        ("/secret%3f/public", "held back", "/secre%3f/public", "passes"),
        ("/secret%23/public", "held back", "/secre%23/public", "passes"),
        ("/secret;/public", "held back", "/secre;/public", "passes"),
        ("/SECRET", "held back", "/PUBLIC", "passes"),
        ("/%73ecret", "held back", "/%70ublic", "passes"),
        ("/a//secret", "passes", "//secret", "400"),
        ("http://crm.contoso.com/public", "400", "/public", "anonymous"),
    ],
)
def test_no_spelling_opens_what_a_rule_closes(attack, expected, twin, of_twin):
    assert outcome(attack) == expected
    assert outcome(twin) == of_twin


@pytest.mark.parametrize("attack", ["/public%2f..%2fsecret", "/public/..%2fsecret", "/public%2f../secret"])
def test_an_allowed_encoded_slash_opens_nothing(attack):
    lenient = replace(ORGANIZATION, allow_encoded_slash=True)
    assert outcome(attack, lenient) == "400"
    assert outcome("/public/a%2fb", lenient) == "anonymous"
    assert outcome("/public%2fsecret", lenient) == "passes"
    assert outcome("/%2fsecret", lenient) == "held back"


def dotdot_spellings():
    for dots in (
        "..",
        "%2e%2e",
        "%2E.",
        ".%2e",
        "%252e%252e",
        "%25252e.",
        "%2%65%2e",
        "%c0%ae%c0%ae",
        ".%20.",
        "..%20",
    ):
        for slash in ("/", "%2f", "%252f", "\\", "%5c", "%255c", ";/", "%3b/", "%00/", "%c0%af", "%25c0%25af"):
            yield f"/public/{dots}{slash}secret"
            yield f"/public{slash}{dots}{slash}secret"


@pytest.mark.parametrize("target", list(dotdot_spellings()))
def test_every_spelling_of_a_way_up_is_refused(target):
    assert outcome(target) == "400"
    assert outcome("/public/a/secret") == "anonymous"


def test_a_way_up_in_the_query_is_the_application_s_own_business():
    assert outcome("/public?file=" + unquote("/public/%2e%2e/secret")) == "anonymous"


def test_a_long_target_costs_no_more_than_its_length():
    for piece in ("%25", "/.a", "%2e", ";.", "/..a", "%20.", "a."):
        assert outcome("/public/" + piece * (16_000 // len(piece)) + "\x7f") == "400"
