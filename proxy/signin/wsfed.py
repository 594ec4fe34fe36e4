"""The questions of WS-Federation's passive requestor profile (WS-Federation 1.2, section 13), as URLs. Pure."""

from datetime import UTC, datetime
from urllib.parse import urlencode

from proxy.model.provider import IdentityProvider
from proxy.model.time import Instant


def sign_in_url(
    settings: IdentityProvider,
    endpoint: str,
    *,
    realm: str,
    reply_to: str,
    wctx: str,
    now: Instant,
    ask_for_credentials: bool,
) -> str:
    """Where a browser goes to sign in (section 13.2.2).

    Credentials are asked for by `wfresh=0`, and by `wauth`, without which AD FS answers Windows accounts silently.
    """
    parameters = {
        "wa": "wsignin1.0",
        "wtrealm": realm,
        "wctx": wctx,
        "wct": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "wreply": settings.wreply or reply_to,
    }
    if settings.home_realm:
        parameters["whr"] = settings.home_realm
    if ask_for_credentials:
        parameters |= {"wfresh": "0", "wauth": settings.wauth}
    return _with_query(endpoint, parameters)


def sign_out_url(endpoint: str, *, realm: str, back_to: str) -> str:
    """Where a browser goes to sign out (section 13.2.4). AD FS leads back only to an address of the trust."""
    return _with_query(endpoint, {"wa": "wsignout1.0", "wtrealm": realm, "wreply": back_to})


def _with_query(url: str, parameters: dict[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(parameters)}"
