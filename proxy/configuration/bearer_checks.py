"""Bearer settings of an organization that could never take effect, or would accept id tokens unnoticed."""

from collections.abc import Iterator, Mapping
from typing import Any

_Finding = tuple[str, str, str]


def bearer_faults(bearer: Mapping[str, Any], provider: Mapping[str, Any]) -> Iterator[_Finding]:
    """Yield (key or "", what is wrong, what would be right) for a `bearer` section beside its identity provider."""
    issuer, audiences = bearer.get("issuer"), bearer.get("audiences")
    accepts = bearer.get("accept_id_tokens") is True
    speaks_openid = provider.get("protocol") != "ws-federation"
    client_id = provider.get("client_id") if speaks_openid else None
    own_issuer = speaks_openid and issuer in (None, provider.get("issuer"))
    if not speaks_openid and not issuer:
        wrong = "has no keys to verify tokens with, because the organization signs in by WS-Federation"
        yield "", wrong, "add issuer, the provider's OpenID Connect issuer, such as https://adfs.contoso.com/adfs"
    if issuer and not own_issuer and not audiences:
        wrong = "is missing, and the proxy is not a client of this issuer, so no token would be accepted"
        yield "audiences", wrong, "add the application's identifiers there, such as https://crm.contoso.com/"
    if accepts and not own_issuer:
        wrong = "is for id tokens of identity_provider.client_id, and another issuer verifies bearer tokens here"
        yield "accept_id_tokens", wrong, "leave it out"
    listed = audiences if isinstance(audiences, list) else [audiences]
    if client_id and client_id in listed and not accepts:
        wrong = (
            "contains identity_provider.client_id, which is the audience of id tokens as well; "
            "these travel in URLs, so anyone who reads a log could sign in with them"
        )
        yield "audiences", wrong, "write the application's own identifier, or accept_id_tokens: true beside it"
