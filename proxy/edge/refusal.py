"""The answer to a request that goes no further: the same bytes whichever lane it would have taken, with no echo."""

from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog

from proxy.pages.reference import make_reference

if TYPE_CHECKING:
    from proxy.edge.client import Client

log = structlog.get_logger("gateway")

METHODS = {each.encode(): each for each in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}

_HEAD = (
    "HTTP/1.1 {title}\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nServer: claims-proxy\r\n"
    "Content-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
)


def refusal(status: int, reason: str, reference: str) -> bytes:
    """What is sent; the connection closes behind it. `reason` is a word of ours, `reference` the log line's."""
    title = f"{status} {HTTPStatus(status).phrase}"
    body = f"{title}\n{reason}\nReference: {reference}\n"
    return (_HEAD.format(title=title, length=len(body)) + body).encode()


def log_refused(client: "Client", status: int, reason: str, head: bytes, path: str = "") -> str:
    """Write the one line of a request that no lane saw, and return its reference."""
    client.server.current.gateway.metrics.request("", "refuse", status, 0.0, None)
    reference = make_reference()
    log.info(
        "request",
        decision="refuse",
        reason=reason,
        organization="",
        kind="",
        method=METHODS.get(head.partition(b" ")[0], ""),
        path=path,
        status=status,
        duration_ms=0.0,
        upstream_ms=None,
        client_address=client.address,
        reference=reference,
    )
    return reference
