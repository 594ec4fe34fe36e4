"""Who is the client: the socket, unless somebody trusted says otherwise."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from proxy.errors import RequestRefused
from proxy.policy.peer import Peer, apparent_peer, normalize_host

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
PROXY, STRANGER, CLIENT = "10.0.0.1", "198.51.100.7", "203.0.113.9"
HOST = {"host": "crm.contoso.com"}


def peer(address=PROXY, *, tls=False, trusted=TRUSTED, **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return apparent_peer(address, tls, HOST | names, trusted)


def refusal(*arguments, **headers):
    with pytest.raises(RequestRefused) as refused:
        peer(*arguments, **headers)
    assert refused.value.status == 400
    return refused.value.reason


@pytest.mark.parametrize(("tls", "scheme"), [(True, "https"), (False, "http")])
def test_without_a_trusted_proxy_the_socket_and_host_speak(tls, scheme):
    assert peer(STRANGER, tls=tls) == Peer(scheme, "crm.contoso.com", "crm.contoso.com", STRANGER)


FORGED = {
    "x_forwarded_for": "1.1.1.1",
    "x_forwarded_proto": "https",
    "x_forwarded_host": "evil.com",
    "forwarded": "for=1.1.1.1;proto=https;host=evil.com",
}


@pytest.mark.parametrize("trusted", [(), TRUSTED])
def test_a_stranger_s_forwarding_headers_count_for_nothing(trusted):
    assert peer(STRANGER, trusted=trusted, **FORGED) == Peer("http", "crm.contoso.com", "crm.contoso.com", STRANGER)
    believed = Peer("https", "evil.com", "evil.com", "1.1.1.1")
    assert peer(PROXY, **FORGED) == believed


def test_a_trusted_proxy_without_forwarding_headers_speaks_for_itself():
    assert peer() == Peer("http", "crm.contoso.com", "crm.contoso.com", PROXY)
    assert peer(forwarded="", x_forwarded_for=" , ") == peer()


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        (CLIENT, CLIENT),
        (f"{CLIENT}, 10.0.0.2", CLIENT),
        (f"1.1.1.1, {CLIENT}", CLIENT),
        (f"rubbish <, {CLIENT}, 10.0.0.2, fd00::1", CLIENT),
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
        (f"{CLIENT}:51234", CLIENT),
        ("2001:DB8::1", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        (f"::ffff:{CLIENT}", CLIENT),
        (f"{CLIENT}, ::ffff:10.0.0.2", CLIENT),
        (f"{CLIENT}, unknown, 10.0.0.2", "10.0.0.2"),
        (f"{CLIENT}, , 10.0.0.2", CLIENT),
    ],
)
def test_of_a_chain_the_rightmost_untrusted_address_is_the_client_s(chain, client):
    assert peer(x_forwarded_for=chain).client_address == client


def test_a_dual_stack_socket_s_address_is_known_as_the_proxy_s():
    assert peer(f"::ffff:{PROXY}", x_forwarded_for=CLIENT).client_address == CLIENT
    assert peer("", x_forwarded_for=CLIENT).client_address == ""


@pytest.mark.parametrize(
    "chain", ["rubbish", "1.2.3", "1.2.3.4.5", "999.1.1.1", "10.0.0.2 10.0.0.3", "[::1", "1.1.1.1:x"]
)
def test_a_malformed_address_where_the_walk_comes_by_is_refused(chain):
    assert refusal(x_forwarded_for=f"{CLIENT}, {chain}") == "bad_forwarded"


@pytest.mark.parametrize(
    ("address", "proto", "scheme"),
    [
        (CLIENT, "https", "https"),
        (CLIENT, "HTTPS", "https"),
        (CLIENT, "wss", "https"),
        (CLIENT, "http, https", "https"),
        (f"{CLIENT}, 10.0.0.2", "https, http", "https"),
        (f"{CLIENT}, 10.0.0.2", "https", "https"),
        (f"1.1.1.1, {CLIENT}", "http, https", "https"),
    ],
)
def test_the_scheme_is_the_one_at_the_client_s_hop(address, proto, scheme):
    assert peer(x_forwarded_for=address, x_forwarded_proto=proto).scheme == scheme


def test_scheme_and_host_need_no_address():
    assert peer(x_forwarded_proto="https", x_forwarded_host="A.contoso.com:443") == Peer(
        "https", "a.contoso.com", "a.contoso.com", PROXY
    )


@pytest.mark.parametrize(
    "forged", [{"x_forwarded_proto": "gopher"}, {"x_forwarded_host": "a b"}, {"forwarded": "proto=ftp"}]
)
def test_a_scheme_or_host_that_is_none_is_refused(forged):
    assert refusal(**forged) == "bad_forwarded"


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        (f"for={CLIENT};proto=https;host=a.com", Peer("https", "a.com", "a.com", CLIENT)),
        (f'For="{CLIENT}:99" ; Proto=https', Peer("https", "crm.contoso.com", "crm.contoso.com", CLIENT)),
        ('for="[2001:db8::1]:99";host="a.com:8080"', Peer("http", "a.com:8080", "a.com", "2001:db8::1")),
        (f"for=1.1.1.1;host=evil.com, for={CLIENT};host=a.com", Peer("http", "a.com", "a.com", CLIENT)),
        (f"for={CLIENT};host=a.com;proto=https,for=10.0.0.2;proto=http", Peer("https", "a.com", "a.com", CLIENT)),
        (f"for={CLIENT}, for=10.0.0.2;host=a.com", Peer("http", "a.com", "a.com", CLIENT)),
        ("for=unknown;host=a.com", Peer("http", "a.com", "a.com", PROXY)),
        ("for=_hidden;by=_us", Peer("http", "crm.contoso.com", "crm.contoso.com", PROXY)),
        (f'for="{CLIENT}";x="a,\\"b;c"', Peer("http", "crm.contoso.com", "crm.contoso.com", CLIENT)),
        (f",, for={CLIENT} ,", Peer("http", "crm.contoso.com", "crm.contoso.com", CLIENT)),
    ],
)
def test_forwarded_is_read_as_its_rfc_says(forwarded, expected):
    assert peer(forwarded=forwarded) == expected


@pytest.mark.parametrize(
    "forwarded",
    [
        f'for=", for={CLIENT};host=a.com',
        "for",
        "for=",
        "=a",
        "for=a b",
        "for=1.1.1.1;for=1.1.1.2",
        "for=[::1]",
        "for=1.1.1.1;",
        "proto=https;;host=a",
        'for="1.1.1.1',
        "for=not-an-address",
    ],
)
def test_a_malformed_forwarded_is_refused(forwarded):
    assert refusal(forwarded=forwarded) == "bad_forwarded"


def test_two_families_of_headers_must_say_the_same():
    assert peer(forwarded=f"for={CLIENT}", x_forwarded_for=CLIENT).client_address == CLIENT
    assert refusal(forwarded="for=1.1.1.1", x_forwarded_for=CLIENT) == "bad_forwarded"
    assert refusal(forwarded=f"for={CLIENT};host=evil.com", x_forwarded_for=CLIENT) == "bad_forwarded"


def test_every_line_of_a_header_is_read():
    lines = CIMultiDictProxy(
        CIMultiDict([("Host", "a.com"), ("X-Forwarded-For", "1.1.1.1"), ("X-Forwarded-For", CLIENT)])
    )
    assert apparent_peer(PROXY, False, lines, TRUSTED).client_address == CLIENT


@given(
    st.lists(st.ip_addresses().map(str), max_size=5),
    st.ip_addresses(v=4).filter(lambda address: address not in TRUSTED[0]).map(str),
    st.lists(st.sampled_from(["10.0.0.2", "10.255.0.1", "fd00::2"]), max_size=3),
)
def test_whatever_a_client_writes_before_it_the_address_that_proxies_saw_is_taken(forged, client, proxies):
    chain = ", ".join([*forged, client, *proxies])
    assert peer(x_forwarded_for=chain).client_address == client
    assert peer(x_forwarded_for=client).client_address == client


@pytest.mark.parametrize(
    ("raw", "scheme", "expected"),
    [
        ("CRM.Contoso.com", None, ("crm.contoso.com", "crm.contoso.com")),
        ("crm.contoso.com.", None, ("crm.contoso.com", "crm.contoso.com")),
        ("crm.contoso.com.:8443", "https", ("crm.contoso.com", "crm.contoso.com:8443")),
        ("crm.contoso.com:443", "https", ("crm.contoso.com", "crm.contoso.com")),
        ("crm.contoso.com:443", "http", ("crm.contoso.com", "crm.contoso.com:443")),
        ("crm.contoso.com:443", None, ("crm.contoso.com", "crm.contoso.com:443")),
        ("crm.contoso.com:80", "http", ("crm.contoso.com", "crm.contoso.com")),
        ("xn--bcher-kva.example", None, ("xn--bcher-kva.example", "xn--bcher-kva.example")),
        ("crm_1", None, ("crm_1", "crm_1")),
        ("127.0.0.1:8080", "http", ("127.0.0.1", "127.0.0.1:8080")),
        ("[::1]:8080", "http", ("[::1]", "[::1]:8080")),
        ("[2001:DB8:0::1]", None, ("[2001:db8::1]", "[2001:db8::1]")),
        ("a" * 63 + ".b", None, ("a" * 63 + ".b", "a" * 63 + ".b")),
    ],
)
def test_a_host_is_written_in_one_way(raw, scheme, expected):
    assert normalize_host(raw, scheme=scheme) == expected


@pytest.mark.parametrize(
    "raw",
    [
        "",
        ".",
        "a..b",
        ".a",
        "a..",
        "a b",
        "a@b",
        "user:pw@a",
        "a/b",
        "a:",
        "a:0",
        "a:080",
        "a:65536",
        "a:1:2",
        "a:x",
        "bü.de",
        "[::1",
        "::1",
        "[::g]",
        "[::1].",
        "[1.2.3.4]",
        "[::1%25eth0]",
        "a\n",
        "a,b",
        "a%2eb",
        "a\\b",
        "x" * 64,
        "a." * 127 + "b",
    ],
)
def test_what_is_no_host_is_refused(raw):
    with pytest.raises(RequestRefused, match="bad_host"):
        normalize_host(raw)


def test_a_request_without_a_host_is_refused():
    with pytest.raises(RequestRefused, match="bad_host"):
        apparent_peer(STRANGER, False, {}, ())
    assert apparent_peer(PROXY, False, {"x-forwarded-host": "a.com"}, TRUSTED).host == "a.com"


@given(st.text(max_size=30))
def test_a_normalized_host_is_its_own_normal_form(raw):
    try:
        host, authority = normalize_host(raw, scheme="https")
    except RequestRefused:
        return
    assert normalize_host(authority, scheme="https") == (host, authority)
