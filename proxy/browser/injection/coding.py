"""Content codings of an answer that is changed: decoded as it comes, coded again as it goes, in bounded pieces."""

import re
import zlib
from collections.abc import Iterator

from proxy.errors import UpstreamBroken

# However much a few bytes inflate to, no more than this is held of it at a time.
PIECE = 64 * 1024
_GZIP, _ZLIB, _RAW = 31, 15, -15
_MAGIC = b"\x1f\x8b"
# Pages are coded while somebody waits: what higher levels save takes longer than it saves.
_LEVEL = 4
_IDENTITY = frozenset({"", "identity"})
_GZIPS = frozenset({"gzip", "x-gzip"})
_DEFLATE = "deflate"
_ZERO = re.compile(r"q\s*=\s*0(?:\.0*)?")


class Decoder:
    """Takes one coding off: gzip, deflate or none. Raises UpstreamBroken where the bytes are not what they say."""

    def __init__(self, coding: str) -> None:
        self._is_plain = coding in _IDENTITY
        self._is_gzip = coding in _GZIPS
        self._inflate = zlib.decompressobj(_GZIP) if self._is_gzip else None
        self._held = b""
        self._is_over = False
        self._is_untouched = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Coded bytes; what they come to, in pieces of bounded size."""
        if self._is_plain:
            yield data
            return
        while data and not self._is_over:
            if self._inflate is None:
                data, self._held = self._held + data, b""
                self._inflate = self._begin(data)
                if self._inflate is None:
                    self._held = data
                    return
            yield from self._pieces(self._inflate, data)
            data = b""
            if self._inflate.eof:
                # Another member may follow (RFC 1952, section 2.2); what does not look like one is nobody's.
                data, self._inflate, self._is_over = self._inflate.unused_data, None, not self._is_gzip

    def end(self) -> None:
        """The bytes are all there are. Raises UpstreamBroken where some lack."""
        is_cut = self._inflate is not None and not self._inflate.eof and not self._is_untouched
        if is_cut or (self._held and not self._is_gzip):
            raise UpstreamBroken("the answer's content coding ends too early")

    def _begin(self, data: bytes) -> "zlib._Decompress | None":
        """Where a member, or a stream, begins; None where it is over or cannot be told yet."""
        if len(data) < len(_MAGIC):
            return None
        if self._is_gzip:
            self._is_over = not data.startswith(_MAGIC)
            return None if self._is_over else zlib.decompressobj(_GZIP)
        # «deflate» is zlib's format (RFC 9110, section 8.4.1.2); some send it bare.
        is_zlib = data[0] & 0x0F == 8 and int.from_bytes(data[:2]) % 31 == 0  # noqa: PLR2004 - RFC 1950, section 2.2
        return zlib.decompressobj(_ZLIB if is_zlib else _RAW)

    def _pieces(self, inflate: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
        self._is_untouched = False
        while True:
            try:
                piece = inflate.decompress(data, PIECE)
            except zlib.error as error:
                raise UpstreamBroken(f"the answer's content coding: {error}") from error
            if piece:
                yield piece
            data = inflate.unconsumed_tail
            if inflate.eof or not (data or len(piece) == PIECE):
                return


class Encoder:
    """Puts gzip on, or nothing. What was fed can be read by the client once it is flushed."""

    def __init__(self, *, gzip: bool) -> None:
        self._gzip = gzip
        self._deflate: "zlib._Compress | None" = None  # noqa: UP037 - no name at run time

    def feed(self, data: bytes) -> bytes:
        """Plain bytes; coded ones, or none yet."""
        if not self._gzip or not data:
            return data
        if self._deflate is None:
            self._deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
        return self._deflate.compress(data)

    def flush(self) -> bytes:
        """What was held back."""
        return self._deflate.flush(zlib.Z_SYNC_FLUSH) if self._deflate else b""

    def end(self) -> bytes:
        """The last bytes."""
        return self._deflate.flush() if self._deflate else b""


def is_known(coding: str) -> bool:
    """Whether a `Content-Encoding`, in lower case, can be taken off."""
    return coding in _IDENTITY or coding in _GZIPS or coding == _DEFLATE


def is_identity(coding: str) -> bool:
    """Whether it is none."""
    return coding in _IDENTITY


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether an `Accept-Encoding` takes gzip (RFC 9110, section 12.5.3). None stated: better not."""
    weights: dict[str, bool] = {}
    for item in accept_encoding.lower().split(","):
        name, _, parameters = item.partition(";")
        weights[name.strip()] = _ZERO.fullmatch(parameters.strip()) is None
    return any(weights.get(name, False) for name in _GZIPS) or (weights.get("*", False) and _GZIPS.isdisjoint(weights))
