"""A request's head, read in one way or refused. Raw bytes in, raw names and values out; no I/O.

Stricter than any parser behind it (aiohttp's llhttp among them), so that none can read a head in another way: lines end
with CRLF alone, nothing is folded, no blank stands before a colon, a length is told once. Sources: RFC 9112, sections
2.2, 3, 5.1 and 5.2. Which characters and which framing pass is `policy.target.judge_head`'s to say.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from proxy.errors import RequestRefused
from proxy.gateway.headers import RawHeaders
from proxy.policy.target import judge_head

_VERSION = re.compile(rb"HTTP/([0-9])\.([0-9])")
_TOKEN_START = frozenset(b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_PARTS = 3
_LINE_END = b"\r\n"
_CR = 0x0D
_FRAMING = frozenset({b"content-length", b"transfer-encoding", b"expect"})

Version = tuple[int, int]


class Fields(Mapping[str, str]):
    """A head's fields by lower-case name, decoded as aiohttp decodes them; `get` gives the first of several lines."""

    __slots__ = ("_lines",)

    def __init__(self, raw: RawHeaders) -> None:
        self._lines: dict[str, list[str]] = {}
        for name, value in raw:
            self._lines.setdefault(name.decode("ascii").lower(), []).append(value.decode("utf-8", "surrogateescape"))

    def getall(self, key: str, default: Sequence[str] = ()) -> Sequence[str]:
        """Every line of a field."""
        return self._lines.get(key, default)

    def __getitem__(self, key: str) -> str:
        return self._lines[key][0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)


@dataclass(slots=True)
class Head:
    """A head that can be read in one way only, its request line apart. `length` None: no body unless `chunked`."""

    raw: RawHeaders
    fields: Fields
    length: int | None
    chunked: bool
    keep_alive: bool


def read_request_line(line: bytes) -> tuple[bytes, bytes, Version]:
    """(method, target, version) of a request line. Raises RequestRefused(400 or 505)."""
    parts = line.split(b" ")
    if len(parts) != _PARTS or not parts[1]:
        raise RequestRefused(400, "bad_request_line")
    method, target, stated = parts
    version = _VERSION.fullmatch(stated)
    if version is None:
        raise RequestRefused(400, "bad_request_line")
    return method, target, (int(version[1]), int(version[2]))


def read_fields(block: bytes, most: int) -> list[tuple[bytes, bytes]]:
    """The fields of `block`, each of whose lines begins with CRLF. Raises RequestRefused(400 or 431)."""
    lines = block.split(_LINE_END)
    if len(lines) - 1 > most:
        raise RequestRefused(431, "too_many_fields")
    raw = []
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon:
            raise RequestRefused(400, "bad_header_line")
        raw.append((name, value.strip(b" \t")))
    return raw


def read_head(method: bytes, version: Version, block: bytes, most: int) -> Head:
    """The fields of a head and what they say of its body and of its connection. Raises RequestRefused."""
    raw = read_fields(block, most)
    judge_head(method.decode("latin-1"), version, raw)
    fields = Fields(raw)
    length = fields.get("content-length")
    options = {option.strip(" \t").lower() for line in fields.getall("connection") for option in line.split(",")}
    return Head(
        raw,
        fields,
        None if length is None else int(length),
        "transfer-encoding" in fields,
        "close" not in options and (version == (1, 1) or "keep-alive" in options),
    )


def judge_beginning(data: bytes, seen: int) -> None:
    """What a head that is not whole shows already: the sooner it is refused, the less is held. Raises RequestRefused.

    `seen`: how much of it was looked at before. A line that ends with a bare LF never ends for us; what does not begin
    as a method does is no HTTP (TLS, say).
    """
    if data[0] not in _TOKEN_START:
        raise RequestRefused(400, "bad_request_line")
    start = seen - 1 if seen and data[seen - 1] == _CR else seen
    left = data[start : len(data) - (data[-1] == _CR)].replace(_LINE_END, b"")
    if b"\n" in left or b"\r" in left:
        raise RequestRefused(400, "bad_line_end")


def judge_piece(data: bytes, seen: int, most: int) -> None:
    """Bytes of a head that is not whole, of which `most` may come. Raises RequestRefused."""
    if len(data) > most:
        line_is_whole = _LINE_END in data[:most]
        raise RequestRefused(431, "head_too_large") if line_is_whole else RequestRefused(414, "target_too_long")
    if data and data != b"\r":
        judge_beginning(data, seen)


def bodyless(raw: bytes, *, last: bool) -> bytes:
    """A head without its body's framing; `last`: the connection closes behind its answer."""
    dropped = _FRAMING | {b"connection"} if last else _FRAMING
    first, *lines = raw[:-4].split(_LINE_END)
    kept = [line for line in lines if line.partition(b":")[0].lower() not in dropped]
    if last:
        kept.append(b"Connection: close")
    return b"".join([line + _LINE_END for line in (first, *kept, b"")])


def without(raw: bytes, dropped: bytes) -> bytes:
    """A head without the fields of one name, which is in lower case."""
    first, *lines = raw[:-4].split(_LINE_END)
    kept = [line for line in lines if line.partition(b":")[0].lower() != dropped]
    return b"".join([line + _LINE_END for line in (first, *kept, b"")])


def fit(raw: bytes, head: Head, method: str) -> bytes:
    """A head as the full lane may see it: to aiohttp what follows an upgrade is no body, but another protocol.

    So it is for CONNECT, which asks for a tunnel that we are not (RFC 9110, section 9.3.6).
    Raises RequestRefused(400, "bad_upgrade" | "bad_method").
    """
    if method == "CONNECT":
        raise RequestRefused(400, "bad_method")
    if "upgrade" not in head.fields or not (head.chunked or head.length):
        return raw
    if method == "GET" and "websocket" in head.fields["upgrade"].lower():
        raise RequestRefused(400, "bad_upgrade")
    return without(raw, b"upgrade")
