"""The transport towards one application server: HTTP/1.1 over asyncio protocols and httptools (llhttp).

Owns: connections, their pool and its queue, framing both ways, back-pressure both ways, deadlines, the one safe retry,
the binding of NTLM and Negotiate connections to one session on one client connection, shares, the raw stream after a
101. Raw bytes in, raw bytes out.

Leaves alone: which request may pass, header rules (the caller removes hop-by-hop fields, of requests and of answers),
cookies, redirects, content codings, and every word that a person reads.

    address     where the upstream is
    request     what is sent: heads as bytes
    answer      what an answer may look like: no socket, no clock
    receiver    who hears of an exchange
    connection  one exchange at a time, told to a `Receiver`
    body        a request's body, sent as it comes
    response    an answer for coroutines
    tunnel      bytes both ways after a 101
    owners      whose requests they are; connections that belong to one session on one client connection
    slots       shares of a limit, and who waits for a connection
    turn        a coroutine's waiting there
    opening     a connection opened in time
    pool        where callers start
    group       several addresses of one application, as one pool
"""

from typing import TypeAlias

from proxy.gateway.upstream.address import UpstreamAddress, parse_address
from proxy.gateway.upstream.answer import AnswerHead, Framing
from proxy.gateway.upstream.connection import UpstreamConnection
from proxy.gateway.upstream.group import UpstreamGroup
from proxy.gateway.upstream.owners import Owner, Ownership
from proxy.gateway.upstream.pool import UpstreamPool
from proxy.gateway.upstream.receiver import Receiver
from proxy.gateway.upstream.request import RequestHead, UpstreamRequest
from proxy.gateway.upstream.response import UpstreamResponse
from proxy.gateway.upstream.tunnel import UpstreamStream

Upstream: TypeAlias = UpstreamPool | UpstreamGroup
"""One application: at one address, or at several."""

__all__ = [
    "AnswerHead",
    "Framing",
    "Owner",
    "Ownership",
    "Receiver",
    "RequestHead",
    "Upstream",
    "UpstreamAddress",
    "UpstreamConnection",
    "UpstreamGroup",
    "UpstreamPool",
    "UpstreamRequest",
    "UpstreamResponse",
    "UpstreamStream",
    "parse_address",
]
