"""How an upstream's answer is framed towards the client, whatever framed it on its way to us (RFC 9112, section 6)."""

from proxy.gateway.headers import RawHeader, RawHeaders, from_upstream
from proxy.gateway.upstream import AnswerHead, Framing
from proxy.gateway.written import head_bytes

_MOST_FRAMINGS = 256
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

    `http_11`: the client knows chunks. `keep_alive`: whether the client connection may carry another request after this
    answer, as far as the request and we wish; then, whether it may. `states_length`: a body of stated length follows,
    so that its first piece may go out together with the head. `hsts`: see `with_strict_transport`.
    """

    def __init__(self, response: AnswerHead, *, http_11: bool, keep_alive: bool, hsts: int | None = None) -> None:
        headers = with_strict_transport(from_upstream(response.headers), hsts)
        if response.status == _NO_CONTENT:
            headers = [header for header in headers if header[0].lower() != b"content-length"]
        self.states_length = response.framing is Framing.LENGTH
        of_unknown_length = response.framing in {Framing.CHUNKED, Framing.CLOSE}
        self._chunked = of_unknown_length and http_11
        ends_with_connection = of_unknown_length and not self._chunked
        self.keep_alive = keep_alive and not ends_with_connection
        if self._chunked:
            headers.append((b"Transfer-Encoding", b"chunked"))
        if not self.keep_alive:
            headers.append((b"Connection", b"close"))
        elif not http_11:
            headers.append((b"Connection", b"keep-alive"))
        self.head = head_bytes(response.status, response.reason, headers)

    @property
    def last(self) -> bytes:
        """What ends the body."""
        return b"0\r\n\r\n" if self._chunked else b""

    def piece(self, data: bytes) -> bytes:
        """A piece of the body, not empty."""
        return b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data


class Framings:
    """How answers go to clients, and whether they are streams of events.

    Remembered by the very head that came, where another may have it: readers of answers give the same head for the same
    bytes of answers that state their length, and applications say the same again and again.
    """

    def __init__(self, hsts: int | None) -> None:
        self._hsts = hsts
        # Each entry holds its head, so that no other can come to have its id meanwhile.
        self._known: dict[tuple[int, bool, bool], tuple[AnswerHead, AnswerFraming, bool]] = {}

    def of(self, head: AnswerHead, *, http_11: bool, keep_alive: bool) -> tuple[AnswerFraming, bool]:
        """See `AnswerFraming`."""
        key = (id(head), http_11, keep_alive)
        known = self._known.get(key)
        if known is not None and known[0] is head:
            return known[1], known[2]
        framing = AnswerFraming(head, http_11=http_11, keep_alive=keep_alive, hsts=self._hsts)
        is_stream = is_event_stream(head.headers)
        if head.framing is Framing.LENGTH and head.keep_alive:
            if len(self._known) >= _MOST_FRAMINGS:
                self._known.clear()
            self._known[key] = head, framing, is_stream
        return framing, is_stream


def is_event_stream(headers: RawHeaders) -> bool:
    """Whether an answer with these lasts as long as somebody listens."""
    return any(
        name.lower() == b"content-type" and value.lower().startswith(b"text/event-stream") for name, value in headers
    )
