"""The answer to a request that goes no further: the same bytes whichever lane it would have taken, with no echo."""

from http import HTTPStatus

_HEAD = (
    "HTTP/1.1 {title}\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nServer: claims-proxy\r\n"
    "Content-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
)


def refusal(status: int, reason: str, reference: str) -> bytes:
    """What is sent; the connection closes behind it. `reason` is a word of ours, `reference` the log line's."""
    title = f"{status} {HTTPStatus(status).phrase}"
    body = f"{title}\n{reason}\nReference: {reference}\n"
    return (_HEAD.format(title=title, length=len(body)) + body).encode()
