"""What is sent: a request's head as bytes, and the facts that its connection must know about it."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from proxy.errors import RequestRefused

IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS"})
_LOOKED_AT = frozenset(
    {
        b"authorization",
        b"connection",
        b"content-length",
        b"expect",
        b"proxy-authorization",
        b"transfer-encoding",
        b"upgrade",
    }
)
_CONNECTION_SCHEMES = (b"ntlm", b"negotiate")

RequestBody = AsyncIterator[bytes] | bytes | None


@dataclass(slots=True)
class RequestHead:
    """A head ready to be written, blank line included, and what follows from it.

    The fast lane builds it itself from bytes it has already judged; all others through `UpstreamRequest.head`.
    `retryable`: may be sent twice (idempotent and without a body). `authenticates`: carries NTLM or Negotiate, so the
    connection belongs to one client from here on. Not frozen: one is made per request, and frozen ones cost four times.
    """

    data: bytes
    is_head: bool = False
    retryable: bool = False
    authenticates: bool = False
    upgrade: bool = False
    expect_continue: bool = False
    chunked: bool = False
    content_length: int | None = None


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """One request, raw.

    `target` goes out byte for byte. `headers` keep order and case; the caller has removed hop-by-hop fields. The body's
    framing is `content_length` or `chunked`, never both; neither: no body is read. `expect_continue`: the body waits
    for a 100 or for a second, and is not sent where a final status comes instead. `upgrade`: the protocol asked for, as
    b"websocket". The fields for these are added where `headers` lack them, and must agree where they have them.
    """

    method: bytes
    target: bytes
    headers: Sequence[tuple[bytes, bytes]]
    content_length: int | None = None
    chunked: bool = False
    expect_continue: bool = False
    upgrade: bytes | None = None

    def head(self, body: RequestBody = None) -> RequestHead:
        """The head to write for this body. Raises RequestRefused for one that two readers could read differently."""
        length = self._length(body)
        lines = [b"%b %b HTTP/1.1" % (self.method, self.target)]
        stated: dict[bytes, list[bytes]] = {}
        for name, value in self.headers:
            lines.append(name + b": " + value)
            lower = name.lower()
            if lower in _LOOKED_AT:
                stated.setdefault(lower, []).append(value.strip(b" \t"))
        expects = self.expect_continue and (self.chunked or bool(length))
        own = {
            b"Content-Length": None if length is None else b"%d" % length,
            b"Transfer-Encoding": b"chunked" if self.chunked else None,
            b"Expect": b"100-continue" if expects else None,
            b"Connection": None if self.upgrade is None else b"Upgrade",
            b"Upgrade": self.upgrade,
        }
        _refuse_disagreement(stated, own)
        lines += [
            name + b": " + value for name, value in own.items() if value is not None and name.lower() not in stated
        ]
        data = b"\r\n".join(lines) + b"\r\n\r\n"
        _refuse_split(data, len(lines), self.method, self.target)
        authorizations = stated.get(b"authorization", []) + stated.get(b"proxy-authorization", [])
        return RequestHead(
            data,
            is_head=self.method == b"HEAD",
            retryable=self.method in IDEMPOTENT and not length and not self.chunked,
            authenticates=any(value[:9].lower().startswith(_CONNECTION_SCHEMES) for value in authorizations),
            upgrade=self.upgrade is not None,
            expect_continue=expects,
            chunked=self.chunked,
            content_length=length,
        )

    def _length(self, body: RequestBody) -> int | None:
        length = self.content_length
        if self.chunked and length is not None:
            raise RequestRefused(400, "ambiguous_length", "both Content-Length and chunked")
        if isinstance(body, bytes) and not self.chunked:
            if length not in (None, len(body)):
                raise RequestRefused(400, "ambiguous_length", "Content-Length disagrees with the body")
            return len(body)
        if body is None and (length or self.chunked):
            raise RequestRefused(400, "ambiguous_length", "a body is announced and there is none")
        return length


def _refuse_disagreement(stated: dict[bytes, list[bytes]], own: dict[bytes, bytes | None]) -> None:
    """Two lengths, or a length beside chunked, are how one request becomes two (RFC 9112, 11.2)."""
    for name in (b"Content-Length", b"Transfer-Encoding"):
        values = stated.get(name.lower())
        if values is not None and (len(values) != 1 or values[0].lower() != own[name]):
            raise RequestRefused(400, "ambiguous_length", f"{name.decode()} disagrees with the body")


def _refuse_split(data: bytes, lines: int, method: bytes, target: bytes) -> None:
    """CR, LF and NUL end a line for one reader or another; a space ends the target (RFC 9112, 2.2 and 3)."""
    ends = lines + 1
    if data.count(b"\n") != ends or data.count(b"\r") != ends or b"\0" in data:
        raise RequestRefused(400, "ambiguous_head", "CR, LF or NUL in the head")
    if not target or b" " in target or b"\t" in target or not method or b" " in method or b"\t" in method:
        raise RequestRefused(400, "ambiguous_head", "a space in the request line")
