"""What is sent: a request's head as bytes, and the facts that its connection must know about it."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from proxy.errors import RequestRefused

IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS"})
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

    `target` goes out byte for byte. `headers` keep order and case; the caller has removed hop-by-hop fields (and, for
    an upgrade, put `Connection` and `Upgrade` back). The body's framing is `content_length` or `chunked`, never both;
    the field is added where `headers` lack it and must agree where they have it. `expect_continue`: the body waits for
    a 100, for a final status, or for a second.
    """

    method: bytes
    target: bytes
    headers: Sequence[tuple[bytes, bytes]]
    content_length: int | None = None
    chunked: bool = False
    expect_continue: bool = False

    def head(self, body: RequestBody = None, *, upgrade: bool = False) -> RequestHead:
        """The head to write for this body. Raises RequestRefused for one that two readers could read differently."""
        length = self._length(body)
        lines = [b"%b %b HTTP/1.1" % (self.method, self.target)]
        authenticates = states_length = states_coding = states_expect = False
        for name, value in self.headers:
            lines.append(name + b": " + value)
            match name.lower():
                case b"content-length":
                    if states_length or value.strip(b" \t") != b"%d" % (-1 if length is None else length):
                        raise RequestRefused(400, "ambiguous_length", "Content-Length disagrees with the body")
                    states_length = True
                case b"transfer-encoding":
                    if states_coding or not self.chunked or value.strip(b" \t").lower() != b"chunked":
                        raise RequestRefused(400, "ambiguous_length", "Transfer-Encoding disagrees with the body")
                    states_coding = True
                case b"authorization" | b"proxy-authorization":
                    authenticates = authenticates or value.lstrip(b" \t")[:9].lower().startswith(_CONNECTION_SCHEMES)
                case b"expect":
                    states_expect = True
        if length is not None and not states_length:
            lines.append(b"Content-Length: %d" % length)
        if self.chunked and not states_coding:
            lines.append(b"Transfer-Encoding: chunked")
        expects = self.expect_continue and (self.chunked or bool(length))
        if expects and not states_expect:
            lines.append(b"Expect: 100-continue")
        data = b"\r\n".join(lines) + b"\r\n\r\n"
        _refuse_split(data, len(lines), self.method, self.target)
        return RequestHead(
            data,
            is_head=self.method == b"HEAD",
            retryable=self.method in IDEMPOTENT and not length and not self.chunked,
            authenticates=authenticates,
            upgrade=upgrade,
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
        if body is not None and length is None and not self.chunked:
            raise RequestRefused(400, "ambiguous_length", "a body of unknown length is neither chunked nor counted")
        return length


def _refuse_split(data: bytes, lines: int, method: bytes, target: bytes) -> None:
    """CR, LF and NUL end a line for one reader or another; a space ends the target (RFC 9112, 2.2 and 3)."""
    ends = lines + 1
    if data.count(b"\n") != ends or data.count(b"\r") != ends or b"\0" in data:
        raise RequestRefused(400, "ambiguous_head", "CR, LF or NUL in the head")
    if not target or b" " in target or b"\t" in target or not method or b" " in method or b"\t" in method:
        raise RequestRefused(400, "ambiguous_head", "a space in the request line")
