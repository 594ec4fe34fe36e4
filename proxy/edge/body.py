"""Where a request's body ends: counted, or in chunks. Bytes in, pieces out; no I/O.

Chunks are made anew for whoever gets them, so no two readers see the same chunked bytes: extensions and trailers end
here. Sources: RFC 9112, sections 6.3 and 7.1.
"""

import re
from typing import Protocol

from proxy.edge.head import read_fields
from proxy.errors import RequestRefused
from proxy.policy.target import judge_head

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;[\t -~\x80-\xff]*)?")
_LONGEST_LINE = 4096
_MOST_TRAILERS = 8192
_MOST_FIELDS = 100
# Every chunk costs work however short it is, so a long body is not made of the shortest.
_LEAST_AVERAGE = 16
_ANY_CHUNKS = 64 * 1024  # bytes of a body with its framing, up to which its chunks may have any sizes


class Body(Protocol):
    """A body under way."""

    chunked: bool

    def feed(self, data: bytes) -> tuple[list[bytes], bytes | None]:
        """The pieces in further bytes, none empty, and what stands behind the body; None there: it has not ended.

        Raises RequestRefused(400), `bad_body` or `chunk_overhead`.
        """


class CountedBody:
    """A body of a stated length, above 0."""

    chunked = False

    def __init__(self, length: int) -> None:
        self._left = length

    def feed(self, data: bytes) -> tuple[list[bytes], bytes | None]:
        """See `Body`."""
        piece = data[: self._left]
        self._left -= len(piece)
        return ([piece] if piece else []), (None if self._left else data[len(piece) :])


class ChunkedBody:
    """A body in chunks. Those that come together go on as one."""

    chunked = True

    def __init__(self) -> None:
        self._kept = b""
        self._left = 0
        self._in_chunk = self._in_trailers = False
        self._trailers = b""
        self._came = self._chunks = self._size = 0  # bytes before those that are read, chunks, and the bytes in them

    def feed(self, data: bytes) -> tuple[list[bytes], bytes | None]:
        """See `Body`."""
        data, position = self._kept + data, 0
        pieces: list[bytes] = []
        while True:
            if self._in_chunk:
                piece = data[position : position + self._left]
                if piece:
                    pieces.append(piece)
                    position += len(piece)
                    self._left -= len(piece)
                if self._left or not self._chunk_ends(data, position):
                    break
                position += 2
                continue
            end = data.find(b"\r\n", position)
            if end < 0:
                _judge_open_line(data, position)
                break
            line, position = data[position:end], end + 2
            if not self._in_trailers:
                self._begin(line, self._came + position)
            elif line:
                self._add_trailer(line)
            else:
                return _joined(pieces), data[position:]
        self._kept = data[position:]
        self._came += position
        return _joined(pieces), None

    def _chunk_ends(self, data: bytes, position: int) -> bool:
        following = data[position : position + 2]
        if not b"\r\n".startswith(following):
            raise RequestRefused(400, "bad_body", "a chunk longer than its size")
        self._in_chunk = len(following) < len(b"\r\n")
        return not self._in_chunk

    def _begin(self, line: bytes, came: int) -> None:
        size = _SIZE.fullmatch(line)
        if size is None or len(line) > _LONGEST_LINE:
            raise RequestRefused(400, "bad_body", "no size of a chunk")
        self._left = int(size[1], 16)
        self._in_chunk = self._left > 0
        self._in_trailers = self._left == 0
        if self._in_chunk:
            self._chunks += 1
            self._size += self._left
            if came > _ANY_CHUNKS and self._size < _LEAST_AVERAGE * self._chunks:
                raise RequestRefused(400, "chunk_overhead", "a long body in the shortest chunks")

    def _add_trailer(self, line: bytes) -> None:
        self._trailers += b"\r\n" + line
        if len(self._trailers) > _MOST_TRAILERS:
            raise RequestRefused(400, "bad_body", "too many trailers")
        try:
            judge_head("POST", (1, 0), read_fields(b"\r\n" + line, _MOST_FIELDS))
        except RequestRefused as refused:
            raise RequestRefused(400, "bad_body", f"a trailer: {refused.reason}") from refused


def _joined(pieces: list[bytes]) -> list[bytes]:
    return [b"".join(pieces)] if len(pieces) > 1 else pieces


def _judge_open_line(data: bytes, position: int) -> None:
    if len(data) - position > _LONGEST_LINE or data.find(b"\n", position) >= 0:
        raise RequestRefused(400, "bad_body", "a line without its end")
