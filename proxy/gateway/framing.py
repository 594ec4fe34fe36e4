"""How an upstream's answer is framed towards the client, whatever framed it on its way to us (RFC 9112, section 6)."""

from aiohttp import web

from proxy.gateway.headers import RawHeader, from_upstream
from proxy.gateway.upstream import Framing, UpstreamResponse
from proxy.gateway.written import head_bytes, is_http_11

_NO_CONTENT = 204
_STRICT_TRANSPORT = b"strict-transport-security"


def with_strict_transport(headers: list[RawHeader], hsts: int | None) -> list[RawHeader]:
    """An answer's headers with `Strict-Transport-Security` once: the first there is, else ours (RFC 6797, section 7.1).

    `hsts`: its max-age in seconds. None or 0 changes nothing, as where TLS does not end here.
    """
    if not hsts:
        return headers
    theirs = [header for header in headers if header[0].lower() == _STRICT_TRANSPORT]
    if not theirs:
        return [*headers, (b"Strict-Transport-Security", b"max-age=%d" % hsts)]
    # A browser goes by the first alone (section 8.1).
    return [header for header in headers if header is theirs[0] or header[0].lower() != _STRICT_TRANSPORT]


class AnswerFraming:
    """The head to send, and each piece of the body as it goes out.

    `keep_alive`: whether the client connection may carry another request after this answer. `states_length`: a body of
    stated length follows, so that its first piece may go out together with the head. `hsts`: see
    `with_strict_transport`.
    """

    def __init__(
        self, request: web.Request, response: UpstreamResponse, *, draining: bool, hsts: int | None = None
    ) -> None:
        headers = with_strict_transport(from_upstream(response.headers), hsts)
        if response.status == _NO_CONTENT:
            headers = [header for header in headers if header[0].lower() != b"content-length"]
        self.states_length = response.framing is Framing.LENGTH
        of_unknown_length = response.framing in {Framing.CHUNKED, Framing.CLOSE}
        self._chunked = of_unknown_length and is_http_11(request)
        ends_with_connection = of_unknown_length and not self._chunked
        # What stands behind a head with `Upgrade` may be another protocol's bytes already: never another request's.
        self.keep_alive = (
            request.keep_alive
            and not draining
            and not ends_with_connection
            and "Upgrade" not in request.headers
            and response.request_sent
        )
        if self._chunked:
            headers.append((b"Transfer-Encoding", b"chunked"))
        if not self.keep_alive:
            headers.append((b"Connection", b"close"))
        elif not is_http_11(request):
            headers.append((b"Connection", b"keep-alive"))
        self.head = head_bytes(response.status, response.reason, headers)

    @property
    def last(self) -> bytes:
        """What ends the body."""
        return b"0\r\n\r\n" if self._chunked else b""

    def piece(self, data: bytes) -> bytes:
        """A piece of the body, not empty."""
        return b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data
