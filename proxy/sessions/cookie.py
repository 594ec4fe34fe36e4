"""Our cookies: their names, how they are read from a request and written into an answer.

Over https the names begin with `__Host-` and the cookies are Secure. Browsers would drop such cookies over plain http
on loopback, so the names have no prefix there.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from proxy.errors import RequestRefused
from proxy.model.organization import SameSite

LOGIN_SLOTS = 5
"""Sign-ins that one browser may have under way."""

_HOST_PREFIX = "__Host-"
_BARE = r"claims-(?:session|nonce|device|change|cleanup|held|loop|login)(?:-[a-z0-9-]+)?\Z"
_OURS_BY_SECURE = {True: re.compile(_HOST_PREFIX + _BARE), False: re.compile(_BARE)}
_LIKE_OURS = re.compile(f"(?:{_HOST_PREFIX})?{_BARE}", re.IGNORECASE)
# RFC 6265, section 4.1.1: what a cookie's value may hold; ours are base64url and dots.
_VALUE = re.compile(r"[!#-+\--:<-\[\]-~]*\Z")


@dataclass(frozen=True, slots=True)
class CookieNames:
    """The names on one organization's pages. A login cookie is `login_prefix` and the number of its slot."""

    session: str
    nonce: str
    device: str
    cleanup: str
    held: str
    loop: str
    change: str
    login_prefix: str

    def logins(self) -> tuple[str, ...]:
        """The names of all login cookies, by slot."""
        return tuple(f"{self.login_prefix}{slot}" for slot in range(LOGIN_SLOTS))


@lru_cache(maxsize=4096)
def cookie_names(suffix: str, *, secure: bool) -> CookieNames:
    """The names for an organization's `cookie_suffix`, for https (`secure`) or plain http on loopback."""
    prefix = f"{_HOST_PREFIX}claims-" if secure else "claims-"
    return CookieNames(
        session=f"{prefix}session{suffix}",
        nonce=f"{prefix}nonce{suffix}",
        device=f"{prefix}device{suffix}",
        cleanup=f"{prefix}cleanup{suffix}",
        held=f"{prefix}held{suffix}",
        loop=f"{prefix}loop{suffix}",
        change=f"{prefix}change{suffix}",
        login_prefix=f"{prefix}login-",
    )


def is_ours(name: str) -> bool:
    """Return True if no application may see or set a cookie of this name.

    This covers the names of both schemes in any letter case: some servers ignore case.
    """
    return _LIKE_OURS.match(name.strip()) is not None


def read_cookies(raw_values: Sequence[str], *, secure: bool) -> dict[str, str]:
    """Return our cookies from the values of all Cookie headers of a request made over https (`secure`) or plain http.

    The other scheme's names are ignored. Any site below the same domain can plant a cookie without the `__Host-`
    prefix, so such a cookie must have no effect over https, not even a refusal.

    Raises:
        RequestRefused: 400 `duplicate_cookie` if one of our names comes twice, since one of the two was planted.
    """
    ours = _OURS_BY_SECURE[secure]
    found: dict[str, str] = {}
    seen: set[str] = set()
    for raw in raw_values:
        if "claims-" not in raw:
            continue
        for pair in raw.split(";"):
            # RFC 6265bis, section 5.7: only blanks and tabs are not part of a name. A name that begins with another
            # space, such as U+2003, escapes the browser's rule for `__Host-`, so it is not one of ours.
            name, separator, value = pair.strip(" \t").partition("=")
            name = name.rstrip(" \t")
            if not separator or not ours.match(name):
                continue
            if name in seen:
                raise RequestRefused(400, "duplicate_cookie")
            seen.add(name)
            if _VALUE.match(value):
                found[name] = value
    return found


def set_cookie(name: str, value: str, *, secure: bool, same_site: SameSite, max_age: int | None = None) -> str:
    """The value of a Set-Cookie header. Without `max_age` (seconds) the cookie ends with the browser's session.

    SameSite=None without Secure is dropped by browsers, so over plain http it is Lax.
    """
    attributes = [f"{name}={value}", "Path=/", "HttpOnly"]
    if max_age is not None:
        attributes.append(f"Max-Age={max_age}")
    if secure:
        attributes.append("Secure")
    attributes.append("SameSite=None" if secure and same_site is SameSite.NONE else "SameSite=Lax")
    return "; ".join(attributes)


def expire_cookie(name: str, *, secure: bool, same_site: SameSite) -> str:
    """The Set-Cookie value that removes a cookie."""
    return set_cookie(name, "", secure=secure, same_site=same_site, max_age=0)
