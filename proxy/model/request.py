"""What the rules may know of a request."""

from dataclasses import dataclass
from enum import StrEnum


class RequestKind(StrEnum):
    """How a request came about; decides between a redirect and a machine-readable challenge."""

    NAVIGATION = "navigation"
    FRAMED_NAVIGATION = "framed_navigation"
    BACKGROUND = "background"
    API = "api"
    WEBSOCKET = "websocket"


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """One request, as the rules see it.

    `target` is the raw request target byte for byte (latin-1 text); `path` its part before `?`, never decoded.
    `host` is lower-case, without port and trailing dot; `authority` is host[:port] as a browser would write it in an
    origin. `scheme`, `host`, `authority` and `client_address` are what the client used: from `Forwarded` or
    `X-Forwarded-*` only where the peer is a trusted proxy. `user_caused`: a navigation that the user caused.
    `user_agent`: the User-Agent header, empty where there is none. `is_upstream_sign_in`: WS-Federation at the root
    that belongs to no sign-in of ours. `browser`: its stable traits, see `policy.binding.traits_of`.
    """

    method: str
    target: str
    path: str
    scheme: str
    host: str
    authority: str
    client_address: str
    kind: RequestKind
    user_caused: bool = False
    user_agent: str = ""
    is_upstream_sign_in: bool = False
    browser: str = ";;;"

    @property
    def origin(self) -> str:
        """The origin a browser states for pages of this host, e.g. `https://crm.contoso.com:8443`."""
        return f"{self.scheme}://{self.authority}"
