"""A browser's cookie store, as strict as Chromium's: what it would drop is dropped here, with the reason kept."""

from dataclasses import dataclass, field
from http.cookiejar import http2time

from yarl import URL

SECURE_SCHEMES = ("https", "wss")


@dataclass(frozen=True, slots=True)
class StoredCookie:
    name: str
    value: str
    host: str
    path: str
    secure: bool = False
    http_only: bool = False
    same_site: str = "lax"

    def goes_to(self, url: URL) -> bool:
        """Cookies know no ports: one host's servers share them (RFC 6265, section 8.5)."""
        within = url.path == self.path or url.path.startswith(self.path.rstrip("/") + "/")
        return self.host == url.host and within and (not self.secure or url.scheme in SECURE_SCHEMES)


@dataclass(slots=True)
class CookieStore:
    """`dropped`: (name, reason) of every cookie that a server set and this browser refused."""

    cookies: dict[tuple[str, str, str], StoredCookie] = field(default_factory=dict)
    dropped: list[tuple[str, str]] = field(default_factory=list)

    def take(self, url: URL, set_cookie: str) -> None:
        """Take what one `Set-Cookie` header says, or drop it, or expire what was there."""
        pair, *rest = (part.strip() for part in set_cookie.split(";"))
        name, _, value = pair.partition("=")
        attributes = {key.lower(): text for key, _, text in (part.partition("=") for part in rest)}
        directory = url.path.rpartition("/")[0] or "/"
        path = attributes.get("path", "")
        cookie = StoredCookie(
            name=name,
            value=value,
            host=str(url.host),
            path=path if path.startswith("/") else directory,
            secure="secure" in attributes,
            http_only="httponly" in attributes,
            same_site=attributes.get("samesite", "lax").lower(),
        )
        place = (cookie.host, cookie.path, cookie.name)
        if reason := self._why_dropped(url, cookie, attributes):
            self.dropped.append((name, reason))
        elif expired(attributes):
            self.cookies.pop(place, None)
        else:
            self.cookies[place] = cookie

    def _why_dropped(self, url: URL, cookie: StoredCookie, attributes: dict[str, str]) -> str:
        if cookie.secure and url.scheme not in SECURE_SCHEMES:
            return "Secure over http"
        if cookie.same_site == "none" and not cookie.secure:
            return "SameSite=None without Secure"
        if cookie.name.startswith("__Host-") and not (
            cookie.secure and cookie.path == "/" and "domain" not in attributes
        ):
            return "__Host- without its attributes"
        if "domain" in attributes:
            return "Domain: no server of ours or of its providers may share cookies with other hosts"
        if len(cookie.name) + len(cookie.value) > 4096:
            return "longer than 4096 bytes"
        return ""

    def header(self, url: URL, *, same_site: bool, navigation: bool, method: str) -> str:
        """The `Cookie` header for a request, `""` for none (RFC 6265bis, section 5.8.3)."""
        allowed = {"none"}
        if same_site or (navigation and method in ("GET", "HEAD")):
            allowed.add("lax")
        if same_site:
            allowed.add("strict")
        going = [cookie for cookie in self.cookies.values() if cookie.same_site in allowed and cookie.goes_to(url)]
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in sorted(going, key=lambda one: -len(one.path)))

    def named(self, name: str) -> list[StoredCookie]:
        return [cookie for cookie in self.cookies.values() if cookie.name == name]

    def forget(self, name: str) -> int:
        """Delete every cookie of a name, as a person could; how many there were."""
        places = [place for place, cookie in self.cookies.items() if cookie.name == name]
        for place in places:
            del self.cookies[place]
        return len(places)


def expired(attributes: dict[str, str]) -> bool:
    """Whether a server deletes this cookie. What lives on lives until the end of the test: limits are the server's."""
    if "max-age" in attributes:
        return int(attributes["max-age"]) <= 0
    ends = http2time(attributes["expires"]) if "expires" in attributes else None
    return ends is not None and ends <= 0.0
