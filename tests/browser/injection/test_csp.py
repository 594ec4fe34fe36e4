"""What a policy becomes: the script runs and reaches its endpoints, nothing else is allowed."""

import pytest

from proxy.browser.injection.csp import Admission, Wanted, admit, admit_later

SCRIPTS = ("https://crm/.claims/session-watch.js", "https://crm/.claims/session-screens.js")
SCRIPT = " ".join(SCRIPTS)
TO = ("https://crm/.claims/session", "https://crm/.claims/texts/")
WANTED = Wanted(SCRIPTS, TO)
C = " ".join(TO)
OURS = "b3Vycw"

# (policy, what it becomes, the tag's nonce)
POLICIES = [
    # nothing is asked of scripts or connections
    ("", "", None),
    ("frame-ancestors 'none'; img-src *", "frame-ancestors 'none'; img-src *", None),
    ("upgrade-insecure-requests", "upgrade-insecure-requests", None),
    (
        "require-trusted-types-for 'script'; trusted-types a",
        "require-trusted-types-for 'script'; trusted-types a",
        None,
    ),
    # what lets it in already
    ("default-src 'self'", "default-src 'self'", None),
    ("script-src 'SELF'; connect-src 'self'", "script-src 'SELF'; connect-src 'self'", None),
    ("script-src *; connect-src *", "script-src *; connect-src *", None),
    ("script-src https:; connect-src https:", "script-src https:; connect-src https:", None),
    ("script-src http:; connect-src HTTP:", "script-src http:; connect-src HTTP:", None),
    (f"script-src {SCRIPT}; connect-src {C}", f"script-src {SCRIPT}; connect-src {C}", None),
    (f"script-src {SCRIPTS[0]}", f"script-src {SCRIPT}", None),
    # the narrowest source
    ("script-src 'none'", f"script-src {SCRIPT}", None),
    ("script-src", f"script-src {SCRIPT}", None),
    ("script-src 'unsafe-inline'", f"script-src 'unsafe-inline' {SCRIPT}", None),
    ("script-src cdn.example; img-src a", f"script-src cdn.example {SCRIPT}; img-src a", None),
    (
        "img-src a;  script-src\tcdn.example  ; font-src b",
        f"img-src a;  script-src\tcdn.example {SCRIPT}; font-src b",
        None,
    ),
    ("Script-Src a; script-src 'self'", f"Script-Src a {SCRIPT}; script-src 'self'", None),
    ("script-src a; script-src-elem b", f"script-src a; script-src-elem b {SCRIPT}", None),
    ("script-src 'none'; script-src-elem 'self'", "script-src 'none'; script-src-elem 'self'", None),
    ("script-src wss:", f"script-src wss: {SCRIPT}", None),
    # hashes
    ("script-src 'sha256-YQ=='", f"script-src 'sha256-YQ==' {SCRIPT}", None),
    # a nonce of the page's
    ("script-src 'nonce-YQ=='", "script-src 'nonce-YQ=='", "YQ=="),
    ("script-src 'NONCE-aB-_'", "script-src 'NONCE-aB-_'", "aB-_"),
    ("script-src 'nonce-YQ' 'strict-dynamic'", "script-src 'nonce-YQ' 'strict-dynamic'", "YQ"),
    ("script-src 'self' 'nonce-a' 'nonce-b'", "script-src 'self' 'nonce-a' 'nonce-b'", "a"),
    ("script-src 'nonce-\"><x>'", f"script-src 'nonce-\"><x>' {SCRIPT}", None),
    # strict-dynamic heeds no addresses
    ("script-src 'strict-dynamic' 'sha256-YQ=='", f"script-src 'strict-dynamic' 'sha256-YQ==' 'nonce-{OURS}'", OURS),
    ("script-src 'self' 'Strict-Dynamic'", f"script-src 'self' 'Strict-Dynamic' 'nonce-{OURS}'", OURS),
    # the fallback of others stays
    ("default-src 'none'", f"default-src 'none'; script-src-elem {SCRIPT}; connect-src {C}", None),
    ("default-src", f"default-src; script-src-elem {SCRIPT}; connect-src {C}", None),
    ("default-src a;", f"default-src a; script-src-elem a {SCRIPT}; connect-src a {C}", None),
    (
        "default-src 'unsafe-eval' 'sha256-Y'; connect-src 'self'",
        f"default-src 'unsafe-eval' 'sha256-Y'; connect-src 'self'; script-src-elem 'unsafe-eval' 'sha256-Y' {SCRIPT}",
        None,
    ),
    ("default-src a 'nonce-b'", f"default-src a 'nonce-b'; connect-src a {C}", "b"),
    (
        "default-src 'strict-dynamic'",
        f"default-src 'strict-dynamic'; script-src-elem 'strict-dynamic' 'nonce-{OURS}'; connect-src {C}",
        OURS,
    ),
    ("default-src 'none'; script-src 'self'", f"default-src 'none'; script-src 'self'; connect-src {C}", None),
    # connections
    ("connect-src 'none'", f"connect-src {C}", None),
    ("img-src a; connect-src 'none'", f"img-src a; connect-src {C}", None),
    ("connect-src api.example", f"connect-src api.example {C}", None),
    (f"connect-src {TO[0]}", f"connect-src {TO[0]} {TO[1]}", None),
    (
        "default-src 'none'; connect-src 'self'; script-src 'self'",
        "default-src 'none'; connect-src 'self'; script-src 'self'",
        None,
    ),
    # a sandbox in which the script can work
    ("sandbox allow-scripts allow-same-origin", "sandbox allow-scripts allow-same-origin", None),
]


@pytest.mark.parametrize(("policy", "becomes", "nonce"), POLICIES)
def test_the_script_is_let_in_and_nothing_else(policy, becomes, nonce):
    assert admit([policy], WANTED, OURS) == Admission((becomes,), nonce, nonce == OURS)
    # Let in once, it needs nothing more.
    again = admit([becomes], WANTED, "another")
    assert (again.values, again.nonce) == ((becomes,), nonce)


@pytest.mark.parametrize(
    "policy",
    ["sandbox", "sandbox allow-scripts", "sandbox allow-same-origin", "script-src 'none'; SANDBOX allow-forms"],
)
def test_a_sandbox_in_which_it_cannot_work_stays_closed(policy):
    assert admit(["script-src 'none'", policy], WANTED, OURS) == Admission(
        ("script-src 'none'", policy), is_sandboxed=True
    )
    open_ = "sandbox allow-scripts allow-same-origin"
    assert not admit(["script-src 'none'", open_], WANTED, OURS).is_sandboxed


# (lines, what they become, the tag's nonce)
SEVERAL = [
    (["script-src 'self', script-src 'none'"], [f"script-src 'self', script-src {SCRIPT}"], None),
    (["script-src 'self'", "script-src a"], ["script-src 'self'", f"script-src a {SCRIPT}"], None),
    (["script-src 'nonce-a'", "script-src b"], ["script-src 'nonce-a'", f"script-src b {SCRIPT}"], "a"),
    (["script-src 'nonce-a'", "script-src 'nonce-b'"], ["script-src 'nonce-a'", f"script-src 'nonce-b' {SCRIPT}"], "a"),
    (
        ["script-src 'nonce-a' 'strict-dynamic'", "script-src 'nonce-c' 'nonce-a' 'strict-dynamic'"],
        ["script-src 'nonce-a' 'strict-dynamic'", "script-src 'nonce-c' 'nonce-a' 'strict-dynamic'"],
        "a",
    ),
    (
        ["script-src 'nonce-a' 'strict-dynamic', script-src 'nonce-b' 'strict-dynamic'"],
        [f"script-src 'nonce-a' 'strict-dynamic' 'nonce-{OURS}', script-src 'nonce-b' 'strict-dynamic' 'nonce-{OURS}'"],
        OURS,
    ),
    (
        ["script-src 'nonce-x'", "script-src 'nonce-a' 'strict-dynamic'"],
        [f"script-src 'nonce-x' {SCRIPT}", "script-src 'nonce-a' 'strict-dynamic'"],
        "a",
    ),
    (
        ["script-src 'nonce-a'", "script-src 'strict-dynamic' 'sha256-YQ'", "img-src a"],
        [f"script-src 'nonce-a' {SCRIPT}", f"script-src 'strict-dynamic' 'sha256-YQ' 'nonce-{OURS}'", "img-src a"],
        OURS,
    ),
    ([], [], None),
]


@pytest.mark.parametrize(("lines", "become", "nonce"), SEVERAL)
def test_every_policy_of_several_lets_it_in(lines, become, nonce):
    assert admit(lines, WANTED, OURS) == Admission(tuple(become), nonce, nonce == OURS)


@pytest.mark.parametrize(
    ("policy", "becomes"),
    [
        ("script-src 'none'", f"script-src {SCRIPT}"),
        ("script-src 'nonce-a'", f"script-src 'nonce-a' {SCRIPT}"),
        ("script-src 'strict-dynamic' 'nonce-a'", "script-src 'strict-dynamic' 'nonce-a'"),
        ("script-src 'self'", "script-src 'self'"),
        ("default-src 'none'", f"default-src 'none'; script-src-elem {SCRIPT}; connect-src {C}"),
        ("connect-src 'none'", f"connect-src {C}"),
        ("connect-src 'self'", "connect-src 'self'"),
        # In a `meta` a comma parts nothing (section 3.3).
        ("connect-src a, default-src b", f"connect-src a, default-src b {C}"),
    ],
)
def test_a_policy_of_a_meta_lets_in_what_comes_later(policy, becomes):
    assert admit_later(policy, WANTED) == becomes


def test_an_address_that_no_source_can_name_is_the_pages_own_origin():
    only = Wanted(("'self'",), ("'self'",))
    assert admit(["script-src a"], only, OURS).values == ("script-src a 'self'",)
    assert admit(["default-src 'self'"], only, OURS).values == ("default-src 'self'",)
