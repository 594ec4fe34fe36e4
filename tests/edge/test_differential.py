"""The same bytes to both lanes: upstreams see the same requests, clients get the same answers, the log says the same.

One deployment has the full lane alone, one has both: see `support.lanes`.
"""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from support.lanes import ANSWERS, LAST, compare, in_pieces

COOKIES = (
    b"Cookie: claims-session=alice\r\n",
    b"Cookie: a=1; claims-session=alice; b=2\r\n",
    b"cookie: claims-session=alice;claims-login-x=1\r\n",
    b"COOKIE:claims-session=alice\r\n",
    b"Cookie: claims-session=alice \t\r\n",
    b"Cookie: claims-session=alice\r\nCookie: b=1\r\n",
    b"Cookie: claims-session=alice; claims-session=alice\r\n",
    b"Cookie: claims-session=bob\r\n",
    b"Cookie: \r\n",
    b"Cookie: a=\xff\r\n",
    b"Cookie: claims-session=alice\0\r\n",
    b"",
)
LINES = (
    b"Accept: text/html\r\n",
    b"Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\nSec-Fetch-User: ?1\r\n",
    b"Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n",
    b"X-Forwarded-User: mallory\r\n",
    b"x_claims.user: mallory\r\n",
    b"X-Forwarded-For: 1.2.3.4\r\nForwarded: for=1.2.3.4\r\n",
    b"Connection: X-Forwarded-User, Cookie, Host\r\n",
    b"Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n",
    b"Connection: close\r\n",
    b"TE: trailers\r\n",
    b"Proxy-Authorization: Basic x\r\n",
    b"Authorization: Bearer nonsense\r\n",
    b"Authorization: Basic YWxpY2U6eA==\r\n",
    b"Upgrade: h2c\r\n",
    b"Upgrade: foo\r\nConnection: upgrade\r\n",
    b"X-Original-URL: /secret\r\n",
    b"X-MS-Client-Request-Id: 1\r\n",
    b"User-Agent: Mozilla/5.0\r\n",
    b"X-Empty:\r\n",
    b"X-Tab:\t1\t\r\n",
    b"X-High: \xe9\r\n",
    b"X-Twice: 1\r\nX-Twice: 2\r\n",
    b"Host: crm.contoso.com\r\n",
    b"X-A : 1\r\n",
    b"X-A: 1\r\n 2\r\n",
    b"X-A: 1\rX: 2\r\n",
    b"X-A: 1\n",
    b"X-A: \0\r\n",
    b"X A: 1\r\n",
    b"X-A\r\n",
    b": 1\r\n",
    b"Content-Length: 0\r\nContent-Length: 0\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"Sec-WebSocket-Key: x\r\n",
)
TARGETS = (
    *ANSWERS,
    b"/",
    b"/a?b=c&d=%20",
    b"/a?b=\xff",
    b"/public/x",
    b"/api/data/v9.0/accounts",
    b"/main.aspx?etc=1",
    b"/.auth/session",
    b"/a%2fb",
    b"/a/../b",
    b"/a/%2e%2e/b",
    b"/%zz",
    b"//a",
    b"*",
    b"http://crm.contoso.com/",
    b"/a#b",
    b"/a\\b",
    b"",
)
HOSTS = (b"crm.contoso.com",) * 6 + (b"CRM.Contoso.com.", b"crm.contoso.com:80", b"other.example", b"a@b", b"", b"[::1")
METHODS = (b"GET",) * 6 + (
    b"HEAD",
    b"POST",
    b"PUT",
    b"DELETE",
    b"OPTIONS",
    b"PATCH",
    b"TRACE",
    b"PROPFIND",
    b"get",
    b"G(T",
)
VERSIONS = (b"HTTP/1.1",) * 12 + (b"HTTP/1.0", b"HTTP/2.0", b"HTTP/0.9", b"http/1.1", b"HTTP/1.1 ")


@st.composite
def asked(draw) -> bytes:
    lines = b"".join(draw(st.lists(st.sampled_from(LINES), max_size=3)))
    body = draw(st.none() | st.binary(max_size=20) | st.lists(st.binary(min_size=1, max_size=9), max_size=3))
    framed = b""
    if isinstance(body, bytes):
        lines, framed = lines + b"Content-Length: %d\r\n" % len(body), body
    elif body is not None:
        lines += b"Transfer-Encoding: chunked\r\n"
        framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in body) + b"0\r\n\r\n"
    return b"%b %b %b\r\nHost: %b\r\n%b%b\r\n%b" % (
        draw(st.sampled_from(METHODS)),
        draw(st.sampled_from(TARGETS)),
        draw(st.sampled_from(VERSIONS)),
        draw(st.sampled_from(HOSTS)),
        draw(st.sampled_from(COOKIES)) if draw(st.booleans()) else COOKIES[0],
        lines,
        framed,
    )


EXAMPLES = st.lists(asked(), min_size=1, max_size=4), st.sets(st.integers(1, 400), max_size=4)


@settings(max_examples=100)
@given(*EXAMPLES)
@example([b"GET / HTTP/1.1\r\nHost: crm.contoso.com\r\nUpgrade: foo\r\nConnection: upgrade\r\n\r\n"] * 2, set())
@example([b"CONNECT / HTTP/1.1\r\nHost: crm.contoso.com\r\nContent-Length: 2\r\n\r\nab"], set())
async def test_both_lanes_say_the_same(sites, requests, cuts):
    await compare(sites, in_pieces(b"".join(requests) + LAST, cuts))


@pytest.mark.slow
@settings(max_examples=1500)
@given(*EXAMPLES)
async def test_both_lanes_say_the_same_of_thousands(sites, requests, cuts):
    await compare(sites, in_pieces(b"".join(requests) + LAST, cuts))
