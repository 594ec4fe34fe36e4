"""What an answer may look like: framing, bounds and smuggling, without socket or clock.

llhttp reads strictly (no bare LF, no folding, no lenient lengths); what it lets through and two readers could still
understand differently is refused here (RFC 9112, 6.1 to 6.3, 11.1 and 11.2).
"""

import re
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple, Protocol

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpResponseParser

from proxy.errors import UpstreamBroken

Headers = tuple[tuple[bytes, bytes], ...]

HEAD_BOUND = 64 * 1024  # bytes of a head; also of anything else that is not body: 1xx answers, trailers, extensions
HEADER_BOUND = 200

_VERSIONS = {"1.1": (1, 1), "1.0": (1, 0)}
_LOOKED_AT = frozenset(
    {
        b"connection",
        b"content-length",
        b"proxy-authenticate",
        b"proxy-connection",
        b"transfer-encoding",
        b"www-authenticate",
    }
)
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_LENGTH = re.compile(rb"[0-9]{1,18}")
_CONTINUE, _SWITCHING, _FINAL = 100, 101, 200
_NO_BODY = frozenset({204, 304})
_ONE = ord("1")
_MOST_KNOWN, _LONGEST_KNOWN = 256, 4096


class Framing(StrEnum):
    """How the end of an answer's body is told. A caller that writes its own head goes by this, not by the fields."""

    NONE = "none"
    LENGTH = "length"
    CHUNKED = "chunked"
    CLOSE = "close"


class AnswerHead(NamedTuple):
    """A judged head. `headers` are raw, in order. `authenticates`: NTLM or Negotiate was offered or continued.

    `content_length`: as stated, which for a HEAD or a 304 is not what follows.
    """

    version: tuple[int, int]
    status: int
    reason: bytes
    headers: Headers
    framing: Framing
    content_length: int | None
    keep_alive: bool
    authenticates: bool


_KNOWN: dict[bytes, AnswerHead] = {}
"""Heads that were read and judged, by their very bytes: of answers that state their length and keep the connection.

An application says the same again and again; only its Date changes, once a second.
"""


class HeadSink(Protocol):
    """Who is told of heads while bytes are fed."""

    def answer_interim(self, status: int, headers: Headers) -> None:
        """A 1xx other than 101 came."""

    def answer_head(self, head: AnswerHead) -> None:
        """The final head came; body may follow at once."""


class AnswerReader:
    """Reads the answers of one connection, one after another; `begin` comes before each.

    After `feed`: `done` says that the answer is whole, `surplus` that bytes followed which nobody asked for (the answer
    stands, the connection is worth nothing), `switched` that a 101 came, with the first raw bytes in `rest`.
    """

    __slots__ = (
        "_asked_head",
        "_asked_upgrade",
        "_data",
        "_fields",
        "_first",
        "_is_fresh",
        "_parser",
        "_reason",
        "_sink",
        "_unread",
        "_was_parsed",
        "done",
        "head",
        "rest",
        "surplus",
        "switched",
        "trailers",
    )

    def __init__(self, sink: HeadSink) -> None:
        self._sink = sink
        self._parser: HttpResponseParser | None = None
        self._fields: list[tuple[bytes, bytes]] = []
        self._asked_head = self._asked_upgrade = self._is_fresh = False
        self._first = b""
        self._reset(_ignore)

    def _reset(self, data: Callable[[bytes], object]) -> None:
        self._was_parsed = False
        self._data = data
        self._reason = b""
        self._unread = 0
        self.head: AnswerHead | None = None
        self.done = self.surplus = self.switched = False
        self.rest = b""
        self.trailers: Headers = ()

    def begin(self, data: Callable[[bytes], object], *, is_head: bool, upgrade: bool) -> None:
        """The next answer is for a HEAD or not, may be a 101 or not; `data` gets each piece of its body."""
        if self._was_parsed:
            self._reset(data)
        else:  # of an answer whose head was known there is nothing else to forget
            self._data, self.head = data, None
            self.done = self.surplus = False
        self._asked_head = is_head
        self._asked_upgrade = upgrade
        self._is_fresh = not (is_head or upgrade)
        self._first = b""
        if self._parser is None:
            self._parser = HttpResponseParser(self)

    def stop(self) -> None:
        """Nothing more is wanted; lets go of the parser, which holds us."""
        self._data = _ignore
        self._parser = None

    def feed(self, data: bytes) -> None:
        """Bytes as they came. Raises UpstreamBroken; from then on the answer is lost."""
        known = self.known(data)
        if known is None:
            self._parse(data)
            return
        head, body = known
        self._sink.answer_head(head)
        if body:
            self._data(body)

    def _parse(self, data: bytes) -> None:
        if self._parser is None:
            return
        self._was_parsed = True
        if self._is_fresh:
            self._first = data
            self._is_fresh = False
        self._unread += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            self.rest = data[upgrade.args[0] :]
        except HttpParserCallbackError as error:
            if not self.done:
                cause = error.__context__
                raise cause if isinstance(cause, UpstreamBroken) else UpstreamBroken(f"not HTTP: {error}") from None
            self.surplus = True
        except HttpParserError as error:
            if not self.done:
                raise UpstreamBroken(f"not HTTP: {error}") from None
            self.surplus = True
        if self._unread > HEAD_BOUND and not self.done and not self.switched:
            raise UpstreamBroken(f"more than {HEAD_BOUND} bytes without any of a body")
        if self.done and self._asked_head:
            self._parser = None  # llhttp cannot be told that a HEAD's answer ends with its head

    def known(self, data: bytes) -> tuple[AnswerHead, bytes] | None:
        """Head and body of a whole answer of stated length, whose head is, byte for byte, one that was judged before.

        Nobody is told of it: it is the caller's. None where `feed` is to read it.
        """
        if not self._is_fresh or self._parser is None:
            return None
        end = data.find(b"\r\n\r\n") + 4
        head = _KNOWN.get(data[:end]) if end > 3 else None  # noqa: PLR2004 - 3 is «not found»
        if head is None:
            return None
        whole = end + (head.content_length or 0)
        if len(data) < whole:
            return None
        self._is_fresh = False
        self.head = head
        self.done = True
        self.surplus = len(data) > whole
        return head, data[end:whole]

    def _remember(self, head: AnswerHead) -> None:
        """So that the next answer with such a head need not be read again."""
        data, self._first = self._first, b""
        end = data.find(b"\r\n\r\n") + 4
        plain = head.framing is Framing.LENGTH and head.keep_alive and not head.authenticates
        # The first bytes of all: no 1xx before it, and no empty line.
        is_first = self._unread == len(data) and data.startswith(b"HTTP/1.1 ") and data[9] != _ONE
        if not plain or not is_first or end > _LONGEST_KNOWN:
            return
        if len(_KNOWN) >= _MOST_KNOWN:
            _KNOWN.clear()
        _KNOWN[data[:end]] = head

    def end_of_input(self, *, clean: bool) -> None:
        """The connection ended; `clean` is FIN, and for TLS a close_notify. Raises UpstreamBroken where bytes lack.

        Without it an answer delimited by the end of the connection may have been cut by anybody (RFC 9112, 9.8).
        """
        if self.head is None:
            raise UpstreamBroken("the connection ended before the answer's head was whole")
        if not (clean and self.head.framing is Framing.CLOSE):
            raise UpstreamBroken("the connection ended before the answer's body was whole")
        self.done = True

    # llhttp's callbacks

    def on_message_begin(self) -> None:
        """A 1xx or the answer begins; nothing may begin after it."""
        if self.done:
            raise UpstreamBroken("bytes after the answer")

    def on_status(self, piece: bytes) -> None:
        """A piece of the reason phrase."""
        self._reason += piece

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head or of the trailers."""
        self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        """A head is whole."""
        fields, self._fields = tuple(self._fields), []
        head = self._judge(fields)
        if head.status == _SWITCHING:
            self.head = head
            self.switched = True
        elif head.status < _FINAL:
            self._reason = b""
            self._sink.answer_interim(head.status, fields)
        else:
            self.head = head
            if self._first and not self._asked_head:
                self._remember(head)
            self._sink.answer_head(head)
            self.done = self._asked_head

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        if self.done:
            raise UpstreamBroken("bytes after the answer")
        self._unread = 0
        self._data(piece)

    def on_message_complete(self) -> None:
        """A 1xx or the answer is whole."""
        if self.head is not None and not self.switched and not self.done:
            if self._fields:
                self.trailers, self._fields = tuple(self._fields), []
                self._bound(self.trailers)
            self.done = True

    def _judge(self, fields: Headers) -> AnswerHead:
        parser = self._parser
        if parser is None:
            raise UpstreamBroken("the answer was given up")
        status = parser.get_status_code()
        version = _VERSIONS.get(parser.get_http_version())
        if version is None or status < _CONTINUE or _CONTROL.search(self._reason):
            raise UpstreamBroken("the answer's status line is not HTTP/1.1")
        self._bound(fields)
        found: dict[bytes, list[bytes]] = {}
        for name, value in fields:
            lower = name.lower()
            if lower in _LOOKED_AT:
                found.setdefault(lower, []).append(value.strip(b" \t"))
        length = _length(found)
        if b"transfer-encoding" in found:
            _only_chunked(found, version)
        if status == _SWITCHING and not (self._asked_upgrade and parser.should_upgrade()):
            raise UpstreamBroken("a 101 that nobody asked for")
        if self._asked_head or status < _FINAL or status in _NO_BODY:
            framing = Framing.NONE
        elif b"transfer-encoding" in found:
            framing = Framing.CHUNKED
        else:
            framing = Framing.CLOSE if length is None else Framing.LENGTH
        return AnswerHead(
            version,
            status,
            self._reason,
            fields,
            framing,
            length,
            framing is not Framing.CLOSE and self._keeps_alive(found, version),
            _binds_connection(found),
        )

    def _bound(self, fields: Headers) -> None:
        if len(fields) > HEADER_BOUND:
            raise UpstreamBroken(f"more than {HEADER_BOUND} fields")
        if self._unread > HEAD_BOUND and sum(len(name) + len(value) + 4 for name, value in fields) > HEAD_BOUND:
            raise UpstreamBroken(f"a head of more than {HEAD_BOUND} bytes")

    def _keeps_alive(self, found: dict[bytes, list[bytes]], version: tuple[int, int]) -> bool:
        if self._asked_head and b"transfer-encoding" in found:
            return False  # servers differ on whether the last chunk follows: never wait to find out
        said = found.get(b"connection", []) + found.get(b"proxy-connection", [])
        tokens = {token.strip(b" \t") for value in said for token in value.lower().split(b",")} if said else ()
        return b"close" not in tokens and (version == (1, 1) or b"keep-alive" in tokens)


def _length(found: dict[bytes, list[bytes]]) -> int | None:
    values = found.get(b"content-length")
    if values is None:
        return None
    if len(values) != 1 or b"transfer-encoding" in found or not _LENGTH.fullmatch(values[0]):
        raise UpstreamBroken("the answer's length is ambiguous")
    return int(values[0])


def _only_chunked(found: dict[bytes, list[bytes]], version: tuple[int, int]) -> None:
    codings = found[b"transfer-encoding"]
    if version != (1, 1) or len(codings) != 1 or codings[0].lower() != b"chunked":
        raise UpstreamBroken("the answer's transfer coding is not «chunked» alone, which is all that was asked for")


def _binds_connection(found: dict[bytes, list[bytes]]) -> bool:
    """Rather too often than too seldom: a realm that only mentions NTLM costs reuse, a miss mixes two users."""
    for name in (b"www-authenticate", b"proxy-authenticate"):
        for value in found.get(name, ()):
            lower = value.lower()
            if b"ntlm" in lower or b"negotiate" in lower:
                return True
    return False


def _ignore(_: bytes) -> None:
    """Takes what nobody wants."""
