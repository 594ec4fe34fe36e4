"""What passes, in which direction. Pure, so every rule is asked directly."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.gateway.headers import UpstreamHeaders, encode_values, forwarded, from_upstream, without_our_cookies
from proxy.model.organization import HostPolicy, Organization
from proxy.model.principal import Claim, Principal
from proxy.model.request import RequestFacts, RequestKind
from proxy.sessions.cookie import is_ours

ROLE = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"
ORGANIZATION = Organization(
    name="contoso",
    id="1",
    hosts=("crm.contoso.com",),
    upstream="http://crm01.internal:5555",
    claims_to_headers=((ROLE, "X-Roles"), ("department", "X-Claims-Department")),
)
ALICE = Principal(
    key="default:alice",
    name="Alice",
    upn="alice@contoso.com",
    email="alice@contoso.com",
    groups=("Sales", "Research, Europe"),
    claims=(Claim(ROLE, "Manager"), Claim(ROLE, "100%"), Claim("department", "Zürich")),
)


def facts(**changes) -> RequestFacts:
    values = {
        "method": "GET",
        "target": "/",
        "path": "/",
        "scheme": "https",
        "host": "crm.contoso.com",
        "authority": "crm.contoso.com",
        "client_address": "192.0.2.7",
        "kind": RequestKind.NAVIGATION,
    }
    return RequestFacts(**(values | changes))


def sent(*raw: tuple[bytes, bytes], principal: Principal | None = None, organization=ORGANIZATION, claim_headers=()):
    headers, left_out = UpstreamHeaders(organization, claim_headers).build(raw, facts(), principal)
    assert left_out == ()
    return headers


def values(headers, name: bytes) -> list[bytes]:
    return [value for each, value in headers if each.lower() == name.lower()]


def test_the_upstream_learns_who_it_is():
    headers = sent(principal=ALICE)
    assert values(headers, b"X-Forwarded-User") == [b"alice@contoso.com"]
    assert values(headers, b"X-Forwarded-Email") == [b"alice@contoso.com"]
    assert values(headers, b"X-Forwarded-Groups") == [b"Sales,Research%2C Europe"]
    assert values(headers, b"X-Roles") == [b"Manager,100%25"]
    assert values(headers, b"X-Claims-Department") == [b"Z%C3%BCrich"]


def test_without_a_session_no_identity_is_added():
    assert [name for name, _ in sent((b"Accept", b"*/*"))] == [
        b"Accept",
        b"X-Forwarded-For",
        b"X-Forwarded-Proto",
        b"X-Forwarded-Host",
        b"Forwarded",
    ]


@pytest.mark.parametrize(
    ("upn", "subject", "user"),
    [("svc@contoso.com", "oaCQ", [b"svc@contoso.com"]), (None, "oaCQ", [b"oaCQ"]), (None, None, [])],
)
def test_user_is_the_upn_else_the_subject_and_never_the_display_name(upn, subject, user):
    headers = sent(principal=Principal(key="default:x", name="Administrator", upn=upn, subject=subject))
    assert values(headers, b"X-Forwarded-User") == user
    assert b"Administrator" not in dict(headers).values()
    assert values(headers, b"X-Forwarded-Email") == []
    assert values(headers, b"X-Forwarded-Groups") == []


FORGED = [
    b"X-Forwarded-User",
    b"x-forwarded-user",
    b"X_Forwarded_User",
    b"x.forwarded.groups",
    b"X-Forwarded-For",
    b"X-Forwarded-Anything",
    b"X-Forwarded",
    b"Forwarded",
    b"X-Claims-User",
    b"X_CLAIMS_ASSERTION",
    b"X-Roles",
    b"x_roles",
    b"X-Department",
    b"X-Original-URL",
    b"X-Rewrite-Url",
]


@pytest.mark.parametrize("principal", [None, ALICE], ids=["without a session", "with a session"])
@pytest.mark.parametrize("name", FORGED, ids=lambda name: name.decode())
def test_a_forged_header_never_passes(name, principal):
    headers = sent((name, b"forged"), (name, b"forged"), principal=principal, claim_headers=("X-Department",))
    assert b"forged" not in b",".join(value for _, value in headers)


@pytest.mark.parametrize("name", [b"X-Requested-With", b"X-Role", b"X-MS-Client-Request-Id", b"MSCRMCallerID"])
def test_other_headers_pass(name):
    assert (name, b"kept") in sent((name, b"kept"), principal=ALICE)


def test_our_headers_cannot_be_named_away():
    headers = sent((b"Connection", b"close, X-Claims-Department, X-Forwarded-User, X-Roles"), principal=ALICE)
    assert values(headers, b"X-Forwarded-User") == [b"alice@contoso.com"]
    assert values(headers, b"X-Claims-Department") == [b"Z%C3%BCrich"]
    assert values(headers, b"Connection") == []


@pytest.mark.parametrize("name", [b"Cookie", b"Authorization", b"Host", b"Content-Type"])
def test_what_a_request_means_cannot_be_named_away(name):
    assert values(sent((name, b"crm"), (b"Connection", name)), name) == [b"crm"]


def test_hop_by_hop_headers_end_here():
    raw = [
        (b"Connection", b"keep-alive, X-Hop"),
        (b"Keep-Alive", b"timeout=5"),
        (b"X-Hop", b"1"),
        (b"TE", b"trailers"),
        (b"Trailer", b"X-Sum"),
        (b"Transfer-Encoding", b"chunked"),
        (b"Upgrade", b"h2c"),
        (b"Proxy-Authorization", b"Basic eDp5"),
        (b"Proxy-Connection", b"keep-alive"),
        (b"Expect", b"100-continue"),
        (b"Accept", b"*/*"),
    ]
    assert sent(*raw)[0] == (b"Accept", b"*/*")
    assert len(sent(*raw)) == 1 + len(forwarded(facts()))


def test_repeated_headers_keep_order_and_case():
    raw = [(b"aCCept", b"a"), (b"X-B", b"1"), (b"Accept", b"b"), (b"X-B", b"\xe9")]
    assert sent(*raw)[:4] == raw


def test_a_bearer_token_passes():
    assert (b"Authorization", b"Bearer abc") in sent((b"Authorization", b"Bearer abc"))


def test_the_host_passes_as_it_came_unless_a_setting_rewrites_it():
    assert values(sent((b"Host", b"CRM.contoso.com:443")), b"Host") == [b"CRM.contoso.com:443"]
    rewriting = Organization(
        name="c", id="1", hosts=("h",), upstream="http://crm01:5555", host_header=HostPolicy.UPSTREAM
    )
    assert values(sent((b"Host", b"h"), organization=rewriting), b"Host") == [b"crm01:5555"]


def test_an_ipv6_client_and_a_port_are_quoted():
    headers = dict(forwarded(facts(client_address="2001:db8::1", authority="crm.contoso.com:8443")))
    assert headers[b"Forwarded"] == b'for="[2001:db8::1]";host="crm.contoso.com:8443";proto=https'
    assert headers[b"X-Forwarded-For"] == b"2001:db8::1"
    assert dict(forwarded(facts()))[b"Forwarded"] == b"for=192.0.2.7;host=crm.contoso.com;proto=https"


@pytest.mark.parametrize("sign", ["\r", "\n", "\0", "\x7f", "\x85", "\t"])
def test_a_control_character_leaves_the_header_out(sign):
    hostile = Principal(key="k", name="Eve", upn="eve@contoso.com", groups=("Sales", f"x{sign}X-Forwarded-User: admin"))
    headers, left_out = UpstreamHeaders(ORGANIZATION).build([], facts(), hostile)
    assert left_out == ("X-Forwarded-Groups",)
    assert values(headers, b"X-Forwarded-Groups") == []
    assert values(headers, b"X-Forwarded-User") == [b"eve@contoso.com"]


def test_a_name_that_is_no_header_is_refused():
    broken = Organization(name="c", id="1", hosts=("h",), upstream="http://u", claims_to_headers=(("role", "X Roles"),))
    with pytest.raises(ValueError, match="X Roles"):
        UpstreamHeaders(broken)


readable = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1)


@given(st.lists(readable))
def test_encoded_values_can_be_told_apart_and_read_back(listed):
    text = encode_values(listed)
    assert text is not None
    assert text.isascii()
    assert text.isprintable()
    # White space around a value is anybody's to trim, so none of ours may stand there.
    assert [unquote(part.strip(" ")) for part in text.split(",") if part] == listed


def test_cookies_of_ours_stay_here():
    assert without_our_cookies(b"a=1; __Host-claims-session=s.e.c; b=2") == b"a=1; b=2"
    assert without_our_cookies(b"__Host-claims-session=x; b=2;c=3") == b"b=2;c=3"
    assert without_our_cookies(b"b=2 ;claims-session-contoso=x") == b"b=2 "
    assert without_our_cookies(b"__Host-claims-nonce=x; CLAIMS-SESSION=y;") is None
    assert values(sent((b"Cookie", b"claims-session=x")), b"Cookie") == []


def test_cookies_that_only_resemble_ours_pass():
    for value in (b"my-claims-session=1", b"claims=1", b"a=claims-session", b"claims-view=compact", b"; ;a=\xff"):
        assert without_our_cookies(value) == value


pair = st.one_of(
    st.binary(max_size=12).map(lambda octets: octets.replace(b";", b"")),
    st.sampled_from([b" a=1", b"claims-session=x", b" __Host-claims-login-0=y", b"", b" ", b"=claims-nonce=z"]),
)


@given(st.lists(pair, min_size=1, max_size=6))
def test_what_stripping_leaves_is_byte_identical(pairs):
    left = without_our_cookies(b";".join(pairs))
    foreign = [
        each for each in pairs if not is_ours(each.lstrip(b"= \t").partition(b"=")[0].strip(b" \t").decode("latin-1"))
    ]
    if len(foreign) == len(pairs):
        assert left == b";".join(pairs)
    elif left is None:
        assert not b"".join(foreign).strip(b" \t")
    else:
        assert left in (b";".join(foreign), b";".join(foreign).lstrip(b" \t"))
        assert not any(is_ours(each.partition(b"=")[0].decode("latin-1")) for each in left.split(b";"))


def test_an_answer_passes_but_for_hop_by_hop_headers():
    raw = [
        (b"Date", b"Mon"),
        (b"SERVER", b"Microsoft-IIS/10.0"),
        (b"Connection", b"close, X-Hop, Content-Length"),
        (b"X-Hop", b"1"),
        (b"Transfer-Encoding", b"chunked"),
        (b"Content-Length", b"3"),
        (b"WWW-Authenticate", b"Negotiate"),
        (b"WWW-Authenticate", b"NTLM"),
        (b"Set-Cookie", b"a=1; Path=/"),
        (b"set-cookie", b"a=2; Path=/x"),
    ]
    assert from_upstream(raw) == [raw[0], raw[1], *raw[5:]]


@pytest.mark.parametrize(
    "cookie",
    [
        b"__Host-claims-session=evil; Path=/; Secure",
        b"claims-session-contoso=evil",
        b" Claims-Session = evil",
        b"=claims-session=evil",
        b"__HOST-claims-nonce=evil",
        b"claims-session",
        "\u2003__Host-claims-session=evil".encode(),
    ],
)
def test_the_upstream_sets_no_cookie_under_our_names(cookie):
    kept = (b"Set-Cookie", b"x" + cookie.lstrip(b"= "))
    assert from_upstream([(b"Set-Cookie", cookie), kept]) == [kept]


@pytest.mark.parametrize(
    "space", ["\u2003", "\u00a0", "\u0085", "\u3000", "\x0b"], ids=lambda space: f"U+{ord(space):04X}"
)
def test_name_that_an_application_may_trim_to_ours_passes_in_neither_direction(space):
    planted = f"{space}__Host-claims-session{space}=planted".encode()
    assert without_our_cookies(b"a=1; " + planted + b"; b=2") == b"a=1; b=2"
    assert without_our_cookies(b"a=1; " + f"{space}other-claims-x=1".encode()) is not None
