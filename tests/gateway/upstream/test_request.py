import pytest

from proxy.errors import RequestRefused
from proxy.gateway.upstream import UpstreamRequest

HOST = (b"hOsT", b"crm")


def head_of(*fields, method=b"GET", target=b"/", body=None, **framing):
    return UpstreamRequest(method, target, (HOST, *fields), **framing).head(body)


@pytest.mark.parametrize("target", [b"/?", b"*", b"/a%2Fb//c;d?e=%20&", b"/\xc3\xa4", b"http://crm/x"])
def test_the_target_goes_out_byte_for_byte(target):
    assert head_of(target=target).data == b"GET " + target + b" HTTP/1.1\r\nhOsT: crm\r\n\r\n"


def test_order_and_case_of_fields_are_kept():
    data = head_of((b"x-B", b"1"), (b"X-a", b""), (b"x-B", b"2")).data
    assert data == b"GET / HTTP/1.1\r\nhOsT: crm\r\nx-B: 1\r\nX-a: \r\nx-B: 2\r\n\r\n"


@pytest.mark.parametrize(
    ("framing", "body", "field"),
    [
        ({}, b"abc", b"Content-Length: 3"),
        ({"content_length": 3}, b"abc", b"Content-Length: 3"),
        ({"content_length": 0}, None, b"Content-Length: 0"),
        ({"chunked": True}, b"abc", b"Transfer-Encoding: chunked"),
    ],
)
def test_framing_is_added(framing, body, field):
    assert head_of(method=b"POST", body=body, **framing).data.endswith(b"\r\n" + field + b"\r\n\r\n")


def test_framing_that_is_stated_stays_where_it_stands():
    data = head_of((b"content-length", b"3"), (b"X", b"y"), method=b"POST", body=b"abc").data
    assert data == b"POST / HTTP/1.1\r\nhOsT: crm\r\ncontent-length: 3\r\nX: y\r\n\r\n"


def test_an_upgrade_is_asked_for():
    head = head_of(upgrade=b"websocket")
    assert head.upgrade
    assert head.data.endswith(b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")


@pytest.mark.parametrize(
    ("fields", "framing", "body"),
    [
        ([(b"Content-Length", b"4")], {}, b"abc"),
        ([(b"Content-Length", b"3"), (b"content-length", b"3")], {}, b"abc"),
        ([(b"Content-Length", b"3")], {}, None),
        ([(b"Content-Length", b"3")], {"chunked": True}, b"abc"),
        ([(b"Transfer-Encoding", b"chunked")], {}, b"abc"),
        ([(b"Transfer-Encoding", b"gzip, chunked")], {"chunked": True}, b"abc"),
        ([], {"chunked": True, "content_length": 3}, b"abc"),
        ([], {"content_length": 4}, b"abc"),
        ([], {"content_length": 3}, None),
        ([], {"chunked": True}, None),
    ],
)
def test_an_ambiguous_length_is_refused(fields, framing, body):
    with pytest.raises(RequestRefused) as refused:
        head_of(*fields, method=b"POST", body=body, **framing)
    assert (refused.value.status, refused.value.reason) == (400, "ambiguous_length")


@pytest.mark.parametrize(
    "parts",
    [
        {"target": b"/a\r\nX: y"},
        {"target": b"/a b"},
        {"target": b"/a\tb"},
        {"target": b""},
        {"target": b"/\0"},
        {"method": b"GET /x"},
        {"method": b""},
        {"field": (b"X", b"a\r\nY: b")},
        {"field": (b"X", b"a\nY: b")},
        {"field": (b"X", b"a\rb")},
        {"field": (b"X\r\nY", b"b")},
        {"field": (b"X", b"\0")},
    ],
)
def test_what_ends_a_line_early_is_refused(parts):
    field = parts.pop("field", (b"X", b"a b"))
    with pytest.raises(RequestRefused, match="ambiguous_head"):
        head_of(field, **parts)
    assert head_of((b"X", b"a b"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [(b"NTLM TlRM", True), (b" negotiate YII", True), (b"Basic bnRsbQ==", False), (b"Bearer ntlm", False)],
)
def test_ntlm_and_negotiate_are_seen(value, expected):
    assert head_of((b"AUTHORIZATION", value)).authenticates is expected
    assert head_of((b"Proxy-Authorization", value)).authenticates is expected


@pytest.mark.parametrize(
    ("method", "body", "expected"),
    [(b"GET", None, True), (b"HEAD", None, True), (b"OPTIONS", None, True), (b"GET", b"x", False)]
    + [(method, None, False) for method in (b"POST", b"PUT", b"DELETE", b"PATCH", b"get")],
)
def test_only_idempotent_requests_without_a_body_may_be_sent_twice(method, body, expected):
    assert head_of(method=method, body=body).retryable is expected
