"""The way to the application server: HTTP/1.1 with raw bytes in and raw bytes out.

Owns connections (kept, bounded, queued for, pinned), framing, back-pressure and deadlines towards one upstream. Leaves
alone what the bytes mean: which headers may pass, who may ask, and how an error becomes an answer.

    address     where the upstream is
    request     what is asked, and its head as bytes
    answer      bytes to heads and bodies: pure
    flow        bytes waiting for a reader, deadlines
    connection  one connection, one exchange after the other
    upload      the request's body, sent beside the answer
    response    what the caller reads
    slots       who gets which connection
    pool        all of it: `UpstreamPool.send`
"""

from proxy.gateway.upstream.address import UpstreamAddress, parse_address
from proxy.gateway.upstream.pool import UpstreamPool
from proxy.gateway.upstream.request import UpstreamRequest
from proxy.gateway.upstream.response import UpstreamResponse, UpstreamStream

__all__ = [
    "UpstreamAddress",
    "UpstreamPool",
    "UpstreamRequest",
    "UpstreamResponse",
    "UpstreamStream",
    "parse_address",
]
