"""Where an upstream is, parsed once."""

import re
import ssl
from dataclasses import dataclass

_ADDRESS = re.compile(
    r"(?P<scheme>https?)://(?:\[(?P<v6>[0-9a-fA-F:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::(?P<port>[0-9]{1,5}))?/?",
    re.IGNORECASE,
)
_PORTS = {"http": 80, "https": 443}
_HIGHEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class UpstreamAddress:
    """`tls` is None for plain http. `server_name` is what the certificate must name (and SNI says): None for http."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    server_name: str | None = None

    @property
    def authority(self) -> str:
        """As a Host header says it: `host`, or `host:port` where the port is not the scheme's own (RFC 9110, 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS["https" if self.tls else "http"] else f"{host}:{self.port}"


def parse_address(url: str, context: ssl.SSLContext | None = None) -> UpstreamAddress:
    """`http://host[:port]` or `https://…` as an address; `context` verifies and is needed for https alone.

    Raises ValueError that says what would be right: no path, no user, no query, a port of 1 to 65535.
    """
    found = _ADDRESS.fullmatch(url)
    if found is None:
        raise ValueError("an upstream is http://host[:port] or https://host[:port], without path, user or query")
    scheme = found["scheme"].lower()
    host = found["v6"] or found["name"]
    port = int(found["port"] or _PORTS[scheme])
    if not 1 <= port <= _HIGHEST_PORT:
        raise ValueError(f"an upstream's port is 1 to {_HIGHEST_PORT}, not {port}")
    if scheme == "http":
        return UpstreamAddress(host, port)
    if context is None:
        raise ValueError("an https upstream needs a TLS context that says whom to trust")
    return UpstreamAddress(host, port, context, host)
