"""Reads answers from bytes: no socket, no clock. Feed it, then look at what it found.

llhttp frames; the rules it leaves open (bounds, HEAD, codings other than chunked, connection schemes) are here.
RFC 9112, sections 6 and 9.3.
"""

from dataclasses import dataclass

import httptools

from proxy.errors import UpstreamBroken
from proxy.gateway.upstream.request import names_connection_scheme

HEAD_BYTES = 64 * 1024
HEAD_FIELDS = 200
INTERIM_HEADS = 32

_SWITCHING, _NO_CONTENT, _NOT_MODIFIED, _FINAL = 101, 204, 304, 200
# connection, content-length, www-authenticate, transfer-encoding, upgrade
_WATCHED_LENGTHS = frozenset({7, 10, 14, 16, 17})
_VERSIONS = {"1.0": (1, 0), "1.1": (1, 1)}


@dataclass(frozen=True, slots=True)
class AnswerHead:
    """Status line and header fields, raw. `until_close`: only the connection's end ends the body."""

    status: int
    reason: bytes
    version: tuple[int, int]
    headers: tuple[tuple[bytes, bytes], ...]
    until_close: bool = False


class AnswerReader:
    """The answers of one connection, one after the other: `begin`, then `feed` until `complete`.

    After each `feed`: `head` (the final one, once there), `interim` (heads before it), `pieces` (of the body; take and
    clear), `complete`, `upgraded` with `rest` (bytes of the other protocol), and whether the connection is `reusable`.
    """

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.authenticates = False
        self.begin(b"GET", None)
        self.complete = True

    def begin(self, method: bytes, upgrade: bytes | None) -> None:
        """An answer to a request of this method is due. `upgrade`: the protocol that a 101 may switch to."""
        self._method = method
        self._upgrade = upgrade
        self._head_size = 0
        self._interims = 0
        self.interim: list[AnswerHead] = []
        self.head: AnswerHead | None = None
        self.pieces: list[bytes] = []
        self.complete = False
        self.upgraded = False
        self.rest = b""
        self.started = False
        self._excess = False
        self._keep_alive = False
        self._fault = ""
        self._clear_head()

    @property
    def reusable(self) -> bool:
        """Whether the answer was whole, nothing came after it and the upstream keeps the connection."""
        return self.complete and self._keep_alive and not self._excess

    def feed(self, data: bytes) -> None:
        """Read on.

        Raises:
            UpstreamBroken: the answer breaks HTTP or a bound; the message names which.
        """
        self.started = True
        if self.head is None:
            self._head_size += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as switched:
            self.rest = bytes(data[switched.args[0] :])
        except httptools.HttpParserError as error:
            # Bytes after a whole answer cost the connection, not the answer.
            self._excess = True
            if not self.complete:
                raise UpstreamBroken(self._fault or f"the answer is not HTTP: {error}") from None
        if self.head is None and self._head_size > HEAD_BYTES:
            raise UpstreamBroken(f"the answer's head is above {HEAD_BYTES} bytes")
        if self.complete and self._method == b"HEAD":
            # llhttp waits for the body that the head describes and HEAD leaves out: the next answer gets its own parser.
            self._parser = httptools.HttpResponseParser(self)

    def end_of_stream(self) -> bool:
        """The upstream closed in good order: whether that made the answer whole."""
        if self.head is not None and self.head.until_close:
            self.complete = True
        return self.complete

    def _clear_head(self) -> None:
        self._reason = b""
        self._fields: list[tuple[bytes, bytes]] = []
        self._lengths = 0
        self._codings = 0
        self._connection = b""
        self._protocol = b""
        self._fields_size = 0
        self._in_head = True

    def _refuse(self, fault: str) -> None:
        self._fault = fault
        raise UpstreamBroken(fault)

    # What llhttp calls, in the order of a message.

    def on_message_begin(self) -> None:
        if self.complete:
            self._refuse("an answer to no request")

    def on_status(self, status: bytes) -> None:
        self._reason += status

    def on_header(self, name: bytes, value: bytes | None) -> None:
        value = value or b""
        self._fields_size += len(name) + len(value) + 4
        self._fields.append((name, value))
        if len(self._fields) > HEAD_FIELDS or self._fields_size > HEAD_BYTES:
            self._refuse(f"the answer's head is above {HEAD_FIELDS} fields or {HEAD_BYTES} bytes")
        if self._in_head and len(name) in _WATCHED_LENGTHS:
            self._watch(name.lower(), value)

    def _watch(self, name: bytes, value: bytes) -> None:
        if name == b"content-length":
            self._lengths += 1
        elif name == b"transfer-encoding":
            self._codings += 1
            if value.strip().lower() != b"chunked":
                self._refuse("the answer's Transfer-Encoding is not chunked")
        elif name == b"connection":
            self._connection += b"," + value.lower()
        elif name == b"upgrade":
            self._protocol = value.strip().lower()
        elif name == b"www-authenticate" and names_connection_scheme(value):
            self.authenticates = True

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        version = _VERSIONS.get(self._parser.get_http_version())
        if version is None:
            self._refuse("the answer's version is neither HTTP/1.0 nor HTTP/1.1")
            return
        if self._lengths + self._codings > 1 or (self._codings and version == (1, 0)):
            self._refuse("the answer states its length twice")
        self._in_head = False
        if status == _SWITCHING:
            self._switch(version)
        elif status < _FINAL:
            self._note_interim(AnswerHead(status, self._reason, version, tuple(self._fields)))
        else:
            self._take_final(status, version)

    def _switch(self, version: tuple[int, int]) -> None:
        if self._upgrade is None or not self._parser.should_upgrade() or self._protocol != self._upgrade.lower():
            self._refuse("the upstream switched to a protocol that was not asked for")
        self.head = AnswerHead(_SWITCHING, self._reason, version, tuple(self._fields))
        self.upgraded = True

    def _note_interim(self, head: AnswerHead) -> None:
        self._interims += 1
        if self._interims > INTERIM_HEADS:
            self._refuse(f"more than {INTERIM_HEADS} interim answers")
        self.interim.append(head)

    def _take_final(self, status: int, version: tuple[int, int]) -> None:
        bodiless = self._method == b"HEAD" or status in {_NO_CONTENT, _NOT_MODIFIED}
        until_close = not (bodiless or self._lengths or self._codings)
        if until_close:
            self._keep_alive = False
        elif self._connection:
            options = [option.strip() for option in self._connection.split(b",")]
            self._keep_alive = b"close" not in options and (version == (1, 1) or b"keep-alive" in options)
        else:
            self._keep_alive = version == (1, 1)
        self.head = AnswerHead(status, self._reason, version, tuple(self._fields), until_close)
        self._fields = []  # what follows are trailers, counted and dropped
        self._fields_size = 0
        self.complete = self._method == b"HEAD"

    def on_body(self, body: bytes) -> None:
        if self.complete:
            self._refuse("a body after an answer to HEAD")
        self.pieces.append(body)

    def on_message_complete(self) -> None:
        if self.head is None:  # an interim answer; the final one follows
            self._head_size = 0
            self._clear_head()
        elif not self.upgraded:
            self.complete = True
