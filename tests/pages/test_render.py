"""Pages escape what is hostile, carry their reference, and let nothing in from elsewhere."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from aiohttp.test_utils import make_mocked_request

from proxy.pages.reference import REFERENCE
from proxy.pages.render import Page, Pages, origin_of

HOSTILE = "\"'><script>alert(1)</script>{{ 7*7 }}"
VOID = {"meta", "link", "br", "input", "img", "hr"}


class Reader(HTMLParser):
    """Reads a page and fails on a tag that is not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes = [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def of(self, tag):
        return [attributes for name, attributes in self.attributes if name == tag]


@pytest.fixture(scope="module")
def pages():
    return Pages()


@pytest.fixture
def request_():
    request = make_mocked_request("GET", "/main.aspx")
    request[REFERENCE] = "0123456789AB"
    return request


LINKS = {
    "retry": "/main.aspx?a=1&b=2",
    "sign_in": "/.claims/sign-in?return=%2F",
    "sign_out": "/.claims/sign-out",
    "cancel": "/",
    "action": "/.claims/sign-out",
}


@pytest.mark.parametrize("page", Page)
def test_every_page_is_whole_accessible_html_with_its_reference(pages, request_, page):
    response = pages.respond(request_, page, status=418, organization="Contoso", name="Alice Ng", **LINKS)
    html = Reader(response.text)
    assert response.status == 418
    assert "0123456789AB" in response.text
    assert html.tags.count("h1") == html.tags.count("main") == html.tags.count("title") == 1
    assert html.of("html") == [{"lang": "en"}]
    assert "width=device-width" in str(html.of("meta"))
    assert not {"script", "img", "iframe", "link"} & set(html.tags)
    assert not re.search(r"https?://|url\(|@import", response.text)


@pytest.mark.parametrize("page", Page)
def test_a_page_needs_no_context(pages, request_, page):
    html = Reader(pages.respond(request_, page, status=400).text)
    assert not {"a", "form"} & set(html.tags)


def test_headers_are_strict_and_the_style_is_the_one_the_policy_names(pages, request_):
    response = pages.respond(request_, Page.SIGN_OUT, status=200)
    style = re.search(r"<style>(.*?)</style>", response.text, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert response.headers["Content-Security-Policy"] == (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"


def test_callers_headers_are_added(pages, request_):
    response = pages.respond(request_, Page.STORE_UNAVAILABLE, status=503, headers={"Retry-After": "5"})
    assert response.headers["Retry-After"] == "5"
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("page", Page)
def test_hostile_context_is_text(pages, request_, page):
    request_[REFERENCE] = HOSTILE
    response = pages.respond(
        request_, page, status=400, organization=HOSTILE, name=HOSTILE, **dict.fromkeys(LINKS, "/" + HOSTILE)
    )
    html = Reader(response.text)
    assert "script" not in html.tags
    assert "49" not in response.text
    assert not [name for tag, attributes in html.attributes for name in attributes if name.startswith("on")]


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "/\t/evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "evil",
        "",
        "/a\\b",
        "/a\r\nb",
        "/a\n",
    ],
)
@pytest.mark.parametrize("name", LINKS)
def test_only_paths_of_this_host_are_linked(pages, request_, name, target):
    html = Reader(pages.respond(request_, Page.SIGN_OUT, status=200, **{name: target}).text)
    assert not html.of("a")
    assert not html.of("form")
    plain = Reader(pages.respond(request_, Page.SIGN_OUT, status=200, **{name: LINKS[name]}).text)
    assert [a.get("href", a.get("action")) for a in (*plain.of("a"), *plain.of("form"))] == [LINKS[name]]


def test_framed_sign_in_leaves_the_frame_and_may_stand_in_it(pages, request_):
    response = pages.respond(
        request_, Page.FRAMED, status=401, sign_in="/.claims/sign-in", framed_by=["https://outlook.example/x"]
    )
    assert Reader(response.text).of("a") == [{"class": "first", "href": "/.claims/sign-in", "target": "_top"}]
    assert "frame-ancestors 'self' https://outlook.example;" in response.headers["Content-Security-Policy"]


def test_sign_out_posts_to_ourselves_and_may_be_redirected_to_the_provider(pages, request_):
    response = pages.respond(
        request_,
        Page.SIGN_OUT,
        status=200,
        action="/.claims/sign-out",
        form_action=["https://adfs.contoso.com:8443/adfs/oauth2/logout"],
    )
    assert Reader(response.text).of("form") == [{"method": "post", "action": "/.claims/sign-out"}]
    assert "form-action 'self' https://adfs.contoso.com:8443;" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize("url", ["", "/adfs", "javascript:1", "https://", "https://a b", "https://a;x", "https://a@b"])
def test_an_origin_that_could_widen_the_policy_is_refused(url):
    with pytest.raises(ValueError, match="has no origin"):
        origin_of(url)
    assert origin_of("https://a/b;c") == "https://a"


def test_a_request_without_reference_gets_one_and_keeps_it(pages):
    request = make_mocked_request("GET", "/")
    response = pages.respond(request, Page.NOT_FOUND, status=404)
    assert request[REFERENCE] in response.text


def _luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one, other):
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_enough_in_light_and_dark(pages):
    light, dark = pages._style.split("@media")
    for scheme in (light, dark):
        colour = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", scheme))
        pairs = [("text", "card"), ("link", "card"), ("soft", "card"), ("soft", "back"), ("on-strong", "strong")]
        assert len(colour) == 8
        for front, back in pairs:
            assert _contrast(colour[front], colour[back]) >= 4.5, (front, back)


def test_control_characters_of_a_name_are_shown_escaped(pages, request_):
    page = pages.respond(request_, Page.SIGN_OUT, status=200, name="al\x1bice\u202egpj\u2066", organization="Contoso")
    assert r"al\x1bice\u202egpj\u2066" in page.text
    assert "\u202e" not in page.text
    plain = pages.respond(request_, Page.SIGN_OUT, status=200, name="Jörg Müller سلام", organization="Contoso")
    assert "Jörg Müller سلام" in plain.text
