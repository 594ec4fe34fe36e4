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

_TRUST = "add its authority to the file that ca_file names"
_NAME = "write a name or address that it has into upstream, or into upstream_tls.server_name"
_RIGHT = {
    9: "check this machine's clock",
    10: "renew it",
    18: _TRUST,
    19: _TRUST,
    20: _TRUST,
    21: _TRUST,
    62: _NAME,
    64: _NAME,
}
# Alerts about a client's certificate (RFC 8446, section 6.2); before TLS 1.3 a missing one is «handshake failure».
_ABOUT_OUR_CERTIFICATE = ("alert_certificate", "alert_bad_certificate", "alert_unknown_ca", "alert_handshake_failure")


@dataclass(frozen=True, slots=True)
class UpstreamAddress:
    """`tls` is None for plain http. `server_name`: what the certificate must name, host name or address; None for http.

    SNI says it too, unless it is an address (RFC 6066, section 3).
    """

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    server_name: str | None = None

    @property
    def authority(self) -> str:
        """As a Host header says it: `host`, or `host:port` where the port is not the scheme's own (RFC 9110, 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS["https" if self.tls else "http"] else f"{host}:{self.port}"


def parse_address(url: str, context: ssl.SSLContext | None = None, server_name: str | None = None) -> UpstreamAddress:
    """`http://host[:port]` or `https://…` as an address; `context` verifies and is needed for https alone.

    `server_name`: the name in the certificate of an https upstream, where it is not the URL's host.
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
    return UpstreamAddress(host, port, context, server_name or host)


def tls_fault(error: BaseException | None) -> str | None:
    """What was wrong with TLS and what would be right, for the log; None where TLS is not at fault."""
    if isinstance(error, ssl.SSLCertVerificationError):
        # https://docs.openssl.org/3.0/man1/openssl-verification-options/ has the codes.
        right = _RIGHT.get(error.verify_code, "see `openssl s_client -verify_return_error` for its chain")
        return f"its certificate is refused: {error.verify_message}; {right}"
    if isinstance(error, ssl.SSLError):
        word = (error.reason or "").lower()
        if any(alert in word for alert in _ABOUT_OUR_CERTIFICATE):
            said = word.replace("_", " ")
            return f"it refuses us: {said}; upstream_tls.certificate and .key name the certificate that it asks for"
        return f"no TLS: {error}"
    return None
