"""Targets and heads that can be read in one way pass; their twins that can be read in two do not."""

import pytest

from proxy.errors import RequestRefused
from proxy.policy.target import judge_head, judge_target

HOST = (b"Host", b"crm.contoso.com")


def refused(target: str, *, allow_encoded_slash: bool = False, method: str = "GET") -> bool:
    try:
        judge_target(target, allow_encoded_slash=allow_encoded_slash, method=method)
    except RequestRefused as refusal:
        return (refusal.status, refusal.reason) == (400, "ambiguous_target")
    return False


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/main.aspx",
        "/contoso/main.aspx?etn=account&pagetype=entityrecord",
        "/%7B637000000000000000%7D/WebResources/new_/page%20one.html",
        "/%7b637%7d/WebResources/a.js",
        "/api/data/v9.2/accounts(00000000-0000-0000-0000-000000000001)?$select=name",
        "/XRMServices/2011/Organization.svc/web",
        "/.well-known/openid-configuration",
        "/a//b",
        "/a/",
        "/a/...",
        "/a..b/c..",
        "/..a/.b/c.",
        "/100%25",
        "/a%2525b",
        "/caf%C3%A9",
        "/file%2etxt",
        "/a;v=1.0/b",
        "/a|b/<c>/{d}",
        "/secret%23/bar",
        "/a?b=/../c&d=%2e%2e&e=%00&f=%zz&g=\\",
        "/a?",
        "/a?\xc3\xa9",
    ],
)
def test_a_target_that_reads_in_one_way_passes_and_gives_its_path_unchanged(target):
    assert judge_target(target, allow_encoded_slash=False) == target.split("?")[0]


@pytest.mark.parametrize(
    ("bad", "twin"),
    [
        ("https://crm.contoso.com/a", "/a"),
        ("crm.contoso.com:443", "/crm.contoso.com:443"),
        ("", "/"),
        ("a", "/a"),
        ("?a", "/?a"),
        ("//evil.com", "/evil.com"),
        ("//", "/"),
        ("/a/../b", "/a/..b"),
        ("/a/..", "/a/..."),
        ("/a/./b", "/a/.b"),
        ("/.", "/.a"),
        ("/a/%2e%2e/b", "/a/%2e%2ea/b"),
        ("/a/.%2E", "/a/.%2Ea"),
        ("/a/%2e./b", "/a/b%2e./b"),
        ("/a/%2e", "/a/%2ea"),
        ("/a%2fb", "/a%2ab"),
        ("/a%5Cb", "/a%5Bb"),
        ("/a\\b", "/a|b"),
        ("/a%00", "/a%01"),
        ("/a%2500", "/a%2501"),
        ("/a#b", "/a%23b"),
        ("/a b", "/a%20b"),
        ("/a\tb", "/a%09b"),
        ("/a\x7f", "/a%7f"),
        ("/caf\xe9", "/caf%E9"),
        ("/a%", "/a%25"),
        ("/a%2", "/a%25"),
        ("/a%zz", "/a%25zz"),
        ("/a%u002e", "/a%25u002e"),
        ("/a/..;/b", "/a/.a;/b"),
        ("/a/.;x/b", "/a/.a;x/b"),
        ("/a/..%3b/b", "/a/a%3b/b"),
        ("/a/;../b", "/a/;..a/b"),
        ("/a/..%3fb", "/a/a%3fb"),
        ("/a/..%23b", "/a/a%23b"),
        ("/a/%20../b", "/a/%20a/b"),
        ("/a/..%20/b", "/a/a%20/b"),
        ("/a/%252e%252e/b", "/a/%252e%252ea/b"),
        ("/a/.%252e/b", "/a/a%252e/b"),
        ("/a/%25252e./b", "/a/%25252ea/b"),
        ("/a/..%252fb", "/a/a%252fb"),
        ("/a%252f../b", "/a%252fa/b"),
        ("/a%255c..%255cb", "/a%255cb"),
        ("/a/%c0%ae%c0%ae/b", "/a/%c3%ae/b"),
        ("/a%C0%AFb", "/a%C3%AFb"),
        ("/a%25c0%25afb", "/a%25c3%25afb"),
        ("/a%e0%80%ae", "/a%e0%a4%ae"),
        ("/a%252525252562", "/a%25252562"),
        ("/a?b#c", "/a?b%23c"),
        ("/a?b c", "/a?b+c"),
        ("/a?b\r\nc", "/a?b%0d%0ac"),
        ("/a?b\x00", "/a?b%00"),
        ("/a?\u2028", "/a?\xe2\x80\xa8"),
    ],
)
def test_a_target_that_reads_in_two_ways_is_refused_and_its_twin_passes(bad, twin):
    assert refused(bad)
    assert not refused(twin)


@pytest.mark.parametrize(
    ("target", "passes"),
    [
        ("/a%2Fb", True),
        ("/a%2f%2fb", True),
        ("/a%5cb", False),
        ("/a%2f..%2fb", False),
        ("/a/..%2fb", False),
        ("/a%2f../b", False),
        ("/a%2f%2e%2e", False),
        ("/a%2f.a", True),
    ],
)
def test_an_encoded_slash_may_stand_where_allowed_but_no_dot_segment_beside_it(target, passes):
    assert refused(target, allow_encoded_slash=True) is not passes
    assert refused(target)


def test_asterisk_form_is_for_options_alone():
    assert judge_target("*", allow_encoded_slash=False, method="OPTIONS") == "*"
    assert refused("*")
    assert refused("*?a", method="OPTIONS")


def head_refused(method="GET", version=(1, 1), headers=(HOST,)):
    try:
        judge_head(method, version, headers)
    except RequestRefused as refusal:
        return refusal.status, refusal.reason
    return None


@pytest.mark.parametrize(
    ("expected", "bad", "twin"),
    [
        ((505, "http_version"), {"version": (2, 0)}, {"version": (1, 1)}),
        ((505, "http_version"), {"version": (0, 9)}, {"version": (1, 0)}),
        ((505, "http_version"), {"version": (1, 2)}, {"version": (1, 1)}),
        ((400, "no_host"), {"headers": ()}, {"headers": (), "version": (1, 0)}),
        ((400, "duplicate_host"), {"headers": (HOST, (b"hOST", b"b"))}, {"headers": (HOST, (b"X-Host", b"b"))}),
        ((400, "duplicate_host"), {"headers": (HOST, HOST), "version": (1, 0)}, {"version": (1, 0)}),
        ((400, "bad_method"), {"method": "GE T"}, {"method": "PROPFIND"}),
        ((400, "bad_method"), {"method": ""}, {"method": "M-SEARCH"}),
        ((400, "bad_method"), {"method": "G\xcbT"}, {"method": "get"}),
    ],
)
def test_a_head_is_refused_and_its_twin_passes(expected, bad, twin):
    assert head_refused(**bad) == expected
    assert head_refused(**twin) is None


@pytest.mark.parametrize("name", [b"X Y", b"X:", b"X\t", b"", b"X\r\n", b"X\x00", b"(X)", b"X\xe9", b" X"])
def test_a_header_name_outside_token_is_refused(name):
    assert head_refused(headers=(HOST, (name, b"1"))) == (400, "bad_header_name")
    assert head_refused(headers=(HOST, (b"X_Y-.~!", b"1"))) is None


@pytest.mark.parametrize("value", [b"a\r\n b", b"a\rb", b"a\nb", b"a\x00b", b"\x0bchunked", b"a\x7f"])
def test_a_header_value_with_controls_or_folded_is_refused(value):
    assert head_refused(headers=(HOST, (b"X", value))) == (400, "bad_header_value")
    assert head_refused(headers=(HOST, (b"X", b"a\t b \xc3\xa9"))) is None


LENGTH, CHUNKED = (b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked")


@pytest.mark.parametrize(
    ("reason", "framing"),
    [
        ("transfer_encoding", (LENGTH, CHUNKED)),
        ("transfer_encoding", (CHUNKED, CHUNKED)),
        ("content_length", (LENGTH, LENGTH)),
        ("content_length", (LENGTH, (b"content-length", b"6"))),
        *(
            ("content_length", ((b"Content-Length", value),))
            for value in (b"", b"+5", b"-1", b"5,5", b"0x5", b"5 ", b"1" * 19)
        ),
        *(
            ("transfer_encoding", ((b"Transfer-Encoding", value),))
            for value in (
                b"chunked, identity",
                b"xchunked",
                b"gzip, chunked",
                b" chunked",
                b"identity",
                b"",
                b"chunked;a",
            )
        ),
    ],
)
def test_a_body_that_could_end_in_two_places_is_refused(reason, framing):
    assert head_refused("POST", headers=(HOST, *framing)) == (400, reason)


@pytest.mark.parametrize("framing", [LENGTH, CHUNKED, (b"transfer-encoding", b"Chunked"), (b"Content-Length", b"0")])
def test_a_body_that_ends_in_one_place_passes(framing):
    assert head_refused("POST", headers=(HOST, framing)) is None


def test_chunked_is_unknown_to_http_1_0():
    assert head_refused("POST", (1, 0), (HOST, CHUNKED)) == (400, "transfer_encoding")
    assert head_refused("POST", (1, 0), (HOST, LENGTH)) is None
