"""What is asked of the upstream, and the bytes of its head."""

from collections.abc import Sequence
from dataclasses import dataclass

from proxy.errors import RequestRefused

# Safe to send once more when a kept connection turned out to be closed (RFC 9110, 9.2.2; DELETE and PUT left out).
_REPEATABLE = frozenset({b"GET", b"HEAD", b"OPTIONS"})
# The names looked at below, found by their lengths first: most headers cost one comparison.
_WATCHED_LENGTHS = frozenset({6, 7, 10, 13, 14, 17})
_FRAMING = frozenset({b"content-length", b"transfer-encoding", b"connection", b"upgrade"})
_CONNECTION_SCHEMES = (b"ntlm", b"negotiate")


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """One request, raw.

    `target` goes out byte for byte; `headers` keep order and case, hop-by-hop and framing headers removed by the
    caller. `content_length` None and `chunked` False: no body. `expect_continue`: the body waits for 100, a second at
    most, and is not sent where a final status comes instead. `upgrade`: the protocol asked for, as b"websocket".
    """

    method: bytes
    target: bytes
    headers: Sequence[tuple[bytes, bytes]]
    content_length: int | None = None
    chunked: bool = False
    expect_continue: bool = False
    upgrade: bytes | None = None

    @property
    def has_body(self) -> bool:
        """Whether bytes follow the head."""
        return self.chunked or bool(self.content_length)

    @property
    def repeatable(self) -> bool:
        """Whether sending it a second time can do no harm."""
        return self.method in _REPEATABLE and not self.has_body


def names_connection_scheme(value: bytes) -> bool:
    """Whether a value of Authorization or WWW-Authenticate names NTLM or Negotiate (RFC 4559; MS-NTHT)."""
    lowered = value.lower()
    return any(
        part.split(None, 1)[0].startswith(_CONNECTION_SCHEMES)
        for part in lowered.split(b",")
        if part and not part.isspace()
    )


def head_bytes(request: UpstreamRequest) -> tuple[bytes, bool]:
    """The head to send, and whether it authenticates the connection (NTLM, Negotiate).

    Raises:
        RequestRefused: a part holds what would end it early (CR, LF, NUL, a space in the request line).
        ValueError: the caller left a framing header in, or states two framings.
    """
    if request.chunked and request.content_length is not None:
        raise ValueError("a request is either chunked or has a content length")
    if not request.method or not request.target or b" " in request.method or b" " in request.target:
        raise RequestRefused(400, "ambiguous_target", "method and target are neither empty nor hold a space")
    authenticates = False
    parts = [b"%b %b HTTP/1.1\r\n" % (request.method, request.target)]
    for name, value in request.headers:
        if len(name) in _WATCHED_LENGTHS:
            lowered = name.lower()
            if lowered in _FRAMING:
                raise ValueError(f"{lowered.decode()} belongs to this connection and is not the caller's to send")
            if lowered == b"expect":
                continue  # ours to say: see expect_continue
            if lowered == b"authorization":
                authenticates = authenticates or names_connection_scheme(value)
        parts.append(b"%b: %b\r\n" % (name, value))
    _add_own(parts, request)
    head = b"".join(parts)
    # One count instead of a look at each value: a line more than we wrote is a line smuggled in.
    if head.count(b"\n") != len(parts) or head.count(b"\r") != len(parts) or b"\0" in head:
        raise RequestRefused(400, "ambiguous_head", "CR, LF and NUL may not stand in a header")
    return head, authenticates


def _add_own(parts: list[bytes], request: UpstreamRequest) -> None:
    if request.chunked:
        parts.append(b"Transfer-Encoding: chunked\r\n")
    elif request.content_length is not None:
        parts.append(b"Content-Length: %d\r\n" % request.content_length)
    if request.expect_continue and request.has_body:
        parts.append(b"Expect: 100-continue\r\n")
    if request.upgrade is not None:
        parts.append(b"Connection: Upgrade\r\n")
        parts.append(b"Upgrade: %b\r\n" % request.upgrade)
    parts.append(b"\r\n")
