"""Where an upstream is, parsed once from its configured URL."""

import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class UpstreamAddress:
    """`tls` None speaks plain HTTP; `server_name` is sent as SNI and verified, `host` where it is None."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    server_name: str | None = None


def parse_address(url: str, tls: ssl.SSLContext | None = None) -> UpstreamAddress:
    """The address behind `http://host[:port]` or `https://host[:port]`.

    `tls` is used for https alone; without one the system's trust store verifies the upstream.

    Raises:
        ValueError: the URL is anything else, a path, a query or a user name included.
    """
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS:
        raise ValueError(f"{url!r} does not start with http:// or https://")
    if not parts.hostname:
        raise ValueError(f"{url!r} names no host")
    if parts.path not in {"", "/"} or "?" in url or "#" in url or "@" in parts.netloc:
        raise ValueError(f"{url!r} is more than a scheme, a host and a port")
    try:
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{url!r} has a port that is not a number from 1 to 65535") from error
    if port == 0:
        raise ValueError(f"{url!r} has port 0; a port is a number from 1 to 65535")
    if parts.scheme == "http":
        return UpstreamAddress(parts.hostname, port or _DEFAULT_PORTS["http"])
    context = tls or ssl.create_default_context()
    return UpstreamAddress(parts.hostname, port or _DEFAULT_PORTS["https"], context, parts.hostname)
