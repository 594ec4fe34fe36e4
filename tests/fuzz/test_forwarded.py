"""Forwarding headers: what a trusted proxy appends decides, whatever a client has written before it."""

from ipaddress import ip_network

from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from proxy.errors import RequestRefused
from proxy.policy.forwarded import forwarded_hops
from proxy.policy.peer import Peer, apparent_peer, normalize_host
from support.fuzzing import attempt, corpus, fuzz, mutated

PROXY, CLIENT = "10.0.0.7", "198.51.100.9"
TRUSTED = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
REFUSALS = {(400, "bad_forwarded"), (400, "bad_host")}
SEEDS = (
    'for=192.0.2.60;proto=http;by=203.0.113.43, for="[2001:db8::1]:4711";host=crm.contoso.com',
    "for=unknown, for=_hidden;proto=https",
    "192.0.2.60, 10.0.0.3, [2001:db8::1]:80",
    'for="a\\"b',
)
WORDS = ('"', "\\", ",", ";", "=", " ", "for=", "host=", "proto=", "FOR=", "10.0.0.1", "::1", "[", "]", ":", "unknown")
WORDS += ("_x", "https", "wss", "evil.com", "::ffff:10.0.0.1", "%", "\x00", "\t", "\xe9", "by=")
TEXTS = mutated(SEEDS, WORDS)
NAMES = st.sampled_from(["Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Host"])


def asked(*headers: tuple[str, str]) -> Peer | None:
    """Return whom the proxy takes a request with these headers for, or None if it refuses it."""
    lines = CIMultiDict([("Host", "crm.contoso.com"), *headers])
    peer, refused = attempt(lambda: apparent_peer(PROXY, False, lines, TRUSTED), RequestRefused)
    assert refused is None or (refused.status, refused.reason) in REFUSALS
    return peer


@fuzz
@given(text=TEXTS | st.text(max_size=30), name=NAMES)
@corpus("forwarded", "text", name="Forwarded")
@corpus("forwarded", "text", name="X-Forwarded-For")
def test_any_header_is_read_or_refused(text, name):
    peer = asked((name, text))
    if peer is not None:
        assert peer.scheme in ("http", "https")
        assert normalize_host(peer.authority, scheme=peer.scheme) == (peer.host, peer.authority)


@fuzz
@given(text=TEXTS)
@corpus("forwarded", "text")
def test_client_headers_cannot_replace_what_the_proxy_appends(text):
    """The proxy appends to the line, or adds a line of its own."""
    for appended, own in (
        ("Forwarded", f'for={CLIENT};proto=https;host="crm.contoso.com"'),
        ("X-Forwarded-For", CLIENT),
    ):
        joined, lines = asked((appended, f"{text}, {own}" if text else own)), asked((appended, text), (appended, own))
        for peer in filter(None, (joined, lines)):
            assert peer.client_address == CLIENT
            assert appended == "X-Forwarded-For" or (peer.scheme, peer.host) == ("https", "crm.contoso.com")


@fuzz
@given(
    hops=st.lists(
        st.fixed_dictionaries(
            {"for": st.sampled_from(["192.0.2.1", "[2001:db8::1]:80", "unknown", "_a"])},
            optional={"proto": st.sampled_from(["http", "https"]), "host": st.text('abc.:"\\, ;=', min_size=1)},
        ),
        min_size=1,
        max_size=4,
    ),
    case=st.sampled_from([str.lower, str.upper, str.title]),
    blank=st.sampled_from(["", " ", "\t"]),
)
def test_well_formed_hops_are_read_back(hops, case, blank):
    def quoted(value: str) -> str:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    elements = [f"{blank};{blank}".join(f"{case(name)}={quoted(value)}" for name, value in hop.items()) for hop in hops]
    found = forwarded_hops({"forwarded": f"{blank},{blank}".join(elements)})
    assert [(hop.scheme, hop.host) for hop in found] == [(hop.get("proto"), hop.get("host")) for hop in hops]
