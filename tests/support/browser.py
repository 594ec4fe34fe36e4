"""A browser for tests: cookies, redirects, forms and the headers of a real one; no scripts but self-posting forms.

    async with Browser() as browser:
        page = await browser.sign_in("http://127.0.0.1:8080/main.aspx", "alice")
        assert page.status == 200

Every name resolves to 127.0.0.1, so a test may use the host names of its configuration and reaches nothing outside.
"""

import json
import socket
import ssl
from dataclasses import dataclass, field
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from support.cookies import CookieStore
from support.forms import Form, read_forms
from support.patience import HANG

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)
_AS_NAVIGATION = {
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "en-US,en;q=0.9",
    "Upgrade-Insecure-Requests": "1",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
}
_AS_FETCH = {"Accept": "*/*", "Accept-Language": "en-US,en;q=0.9", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
_RELATIONS = ("none", "same-origin", "same-site", "cross-site")
_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_HOPS = 20
_USER_FIELDS = ("login", "UserName")
_PASSWORD_FIELDS = ("password", "Password")


class TooManyRedirects(Exception):
    """What a browser shows as ERR_TOO_MANY_REDIRECTS; its text lists the hops."""


class _Loopback(AbstractResolver):
    async def resolve(self, host, port=0, family=socket.AF_INET):
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": family, "proto": 0, "flags": 0}]

    async def close(self):
        pass


@dataclass(frozen=True, slots=True)
class Hop:
    """One request and its answer. `sent`: the request's headers as the browser chose them."""

    method: str
    url: URL
    status: int
    sent: CIMultiDict[str]
    headers: CIMultiDictProxy[str]
    text: str

    @property
    def location(self) -> str:
        return self.headers.get("Location", "")

    @property
    def set_cookies(self) -> list[str]:
        return self.headers.getall("Set-Cookie", [])

    def __str__(self) -> str:
        return f"{self.method} {self.url} -> {self.status} {self.location}".rstrip()


@dataclass(frozen=True, slots=True)
class Page:
    """Where a navigation or a fetch ended. `hops`: its way there, the last one included."""

    hops: tuple[Hop, ...]
    forms: list[Form] = field(default_factory=list)

    @property
    def last(self) -> Hop:
        return self.hops[-1]

    @property
    def url(self) -> URL:
        return self.last.url

    @property
    def status(self) -> int:
        return self.last.status

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        return self.last.headers

    @property
    def text(self) -> str:
        return self.last.text

    def json(self):
        return json.loads(self.text)

    def form_with(self, name: str) -> Form | None:
        """The first form that has a field, a choice or a button of this name."""
        return next((form for form in self.forms if form.has(name)), None)


class Browser:
    """One browser profile. `page`: where it is, None before the first; `hops`: every request it ever made."""

    def __init__(self, *, user_agent: str = CHROME, tls: ssl.SSLContext | bool = True) -> None:
        self.cookies = CookieStore()
        self.page: Page | None = None
        self.hops: list[Hop] = []
        self._user_agent = user_agent
        self._tls = tls
        self._client: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(resolver=_Loopback(), ssl=self._tls, force_close=True)
        self._client = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(total=HANG)
        )
        return self

    async def __aexit__(self, *_) -> None:
        await self._client.close()

    async def open(self, url: str | URL) -> Page:
        """Type an address; nobody's page caused it."""
        return await self._navigate("GET", URL(str(url), encoded=True), None, None, by_user=True)

    async def follow(self, link: str, *, by_user: bool = True) -> Page:
        """Click a link of this page, or let its script go there."""
        return await self._navigate("GET", self._absolute(link), None, self.page, by_user=by_user)

    async def submit(self, form: Form | None = None, *, by_user: bool = True, **fields: str) -> Page:
        """Submit a form of this page, its first one by default; `fields` fill it in and press a named button."""
        method, url, data = self._form_request(form or self.page.forms[0], fields)
        return await self._navigate(method, url, data, self.page, by_user=by_user)

    async def sign_in(self, url: str | URL, login: str = "alice", password: str = "secret") -> Page:
        """Open an address and go through whatever sign-in and consent pages come, as a person would."""
        return await self.complete_sign_in(await self.open(url), login, password)

    async def complete_sign_in(self, page: Page, login: str = "alice", password: str = "secret") -> Page:
        """From the provider's page on: fill in its form, agree, and land where it leads."""
        for _ in range(4):
            form = next((found for name in _USER_FIELDS if (found := page.form_with(name))), None)
            if form:
                user, word = (next(filter(form.has, names)) for names in (_USER_FIELDS, _PASSWORD_FIELDS))
                choices = form.choices.get(user, [])
                chosen = next(
                    (choice for choice in choices if choice == login or choice.startswith(f"{login}@")), login
                )
                page = await self.submit(form, **{user: chosen, word: password})
            elif consent := next((form for form in page.forms if form.fields.get("prompt") == "consent"), None):
                page = await self.submit(consent)
            else:
                return page
        raise AssertionError("the sign-in does not end:\n" + "\n".join(map(str, self.hops[-8:])))

    async def fetch(self, url: str | URL, method: str = "GET", *, headers=(), data=None, cookies: bool = True) -> Page:
        """What a page's script asks for: no navigation, no redirect followed, the page stays."""
        target = self._absolute(str(url))
        sent = CIMultiDict(_AS_FETCH | {"Sec-Fetch-Site": self._relation(target, self.page)})
        if self.page and (method not in ("GET", "HEAD") or self.page.url.origin() != target.origin()):
            sent["Origin"] = str(self.page.url.origin())
        same_site = sent["Sec-Fetch-Site"] != "cross-site"
        cookie = self.cookies.header(target, same_site=same_site, navigation=False, method=method)
        if cookies and cookie:
            sent["Cookie"] = cookie
        sent.update(dict(headers))
        return Page((await self._exchange(method, target, sent, data),))

    def cookie(self, name: str) -> str | None:
        """The value of the one cookie of this name, None where there is none."""
        found = self.cookies.named(name)
        assert len(found) < 2, f"{name} stands at several hosts or paths"
        return found[0].value if found else None

    def forget(self, name: str) -> None:
        """Delete a cookie, as a person could."""
        assert self.cookies.forget(name), f"there is no cookie {name}"

    async def _navigate(self, method: str, url: URL, data, initiator: Page | None, *, by_user: bool) -> Page:
        hops: list[Hop] = []
        chain = [url]
        while len(hops) < _MOST_HOPS:
            hop = await self._exchange(method, url, self._navigation_headers(method, chain, initiator, by_user), data)
            hops.append(hop)
            if hop.status in _REDIRECTS and hop.location:
                url = url.join(URL(hop.location, encoded=True))
                chain.append(url)
                if hop.status == 303 or (hop.status in (301, 302) and method == "POST"):
                    method, data = "GET", None
                continue
            is_html = hop.headers.get("Content-Type", "").startswith("text/html")
            forms, self_posting = read_forms(hop.text) if is_html else ([], False)
            self.page = initiator = Page(tuple(hops), forms)
            if not self_posting:
                return self.page
            method, url, data = self._form_request(forms[0], {})
            chain, by_user = [url], False
        raise TooManyRedirects("\n".join(map(str, hops)))

    def _navigation_headers(self, method: str, chain: list[URL], initiator: Page | None, by_user: bool):
        """Sec-Fetch-Site tells of the whole chain of redirects; SameSite, as Chromium has it, of its last step."""
        sent = CIMultiDict(_AS_NAVIGATION)
        sent["Sec-Fetch-Site"] = max((self._relation(url, initiator) for url in chain), key=_RELATIONS.index)
        if by_user:
            sent["Sec-Fetch-User"] = "?1"
        if method == "POST":
            # A page that gives no referrer gives no origin either (Fetch, «serializing a request origin»).
            silent = initiator is None or initiator.headers.get("Referrer-Policy") == "no-referrer"
            sent["Origin"] = "null" if silent else str(initiator.url.origin())
        same_site = self._relation(chain[-1], initiator) != "cross-site"
        if cookie := self.cookies.header(chain[-1], same_site=same_site, navigation=True, method=method):
            sent["Cookie"] = cookie
        return sent

    def _form_request(self, form: Form, fields: dict[str, str]) -> tuple[str, URL, dict[str, str] | None]:
        values, target = form.fields | fields, self._absolute(form.action)
        return ("GET", target.with_query(values), None) if form.method == "GET" else ("POST", target, values)

    async def _exchange(self, method: str, url: URL, sent: CIMultiDict[str], data) -> Hop:
        sent.setdefault("User-Agent", self._user_agent)
        async with self._client.request(method, url, headers=sent, data=data, allow_redirects=False) as response:
            hop = Hop(method, url, response.status, sent, response.headers, await response.text(errors="replace"))
        self.hops.append(hop)
        for set_cookie in hop.set_cookies:
            self.cookies.take(url, set_cookie)
        return hop

    def _absolute(self, link: str) -> URL:
        return self.page.url.join(URL(link, encoded=True)) if self.page else URL(link, encoded=True)

    @staticmethod
    def _relation(url: URL, initiator: Page | None) -> str:
        """Sec-Fetch-Site. A site here is scheme and host: no two hosts of a test share a registrable domain."""
        if initiator is None:
            return "none"
        if initiator.url.origin() == url.origin():
            return "same-origin"
        same_site = (initiator.url.scheme, initiator.url.host) == (url.scheme, url.host)
        return "same-site" if same_site else "cross-site"
