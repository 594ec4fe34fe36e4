import pytest
from yarl import URL

from support.cookies import CookieStore

HTTPS = URL("https://crm.contoso.com/main.aspx")
LOOPBACK = URL("http://127.0.0.1:8080/app/main.aspx")


def store_with(url, set_cookie):
    store = CookieStore()
    store.take(url, set_cookie)
    return store


def sent(store, url, *, same_site=True, navigation=True, method="GET"):
    return store.header(url, same_site=same_site, navigation=navigation, method=method)


@pytest.mark.parametrize(
    ("set_cookie", "same_site", "navigation", "method", "goes"),
    [
        ("a=1; SameSite=Lax; Path=/", False, True, "GET", True),
        ("a=1; SameSite=Lax; Path=/", False, True, "POST", False),
        ("a=1; SameSite=Lax; Path=/", False, False, "GET", False),
        ("a=1; SameSite=Lax; Path=/", True, False, "POST", True),
        ("a=1; Path=/", False, True, "POST", False),
        ("a=1; SameSite=Strict; Path=/", False, True, "GET", False),
        ("a=1; SameSite=Strict; Path=/", True, True, "GET", True),
        ("a=1; SameSite=None; Secure; Path=/", False, True, "POST", True),
    ],
)
def test_same_site_decides_what_another_sites_page_sends(set_cookie, same_site, navigation, method, goes):
    header = sent(store_with(HTTPS, set_cookie), HTTPS, same_site=same_site, navigation=navigation, method=method)
    assert header == ("a=1" if goes else "")


@pytest.mark.parametrize(
    ("url", "set_cookie", "kept"),
    [
        (HTTPS, "__Host-a=1; Secure; Path=/; HttpOnly", True),
        (HTTPS, "__Host-a=1; Path=/", False),
        (HTTPS, "__Host-a=1; Secure; Path=/app", False),
        (HTTPS, "__Host-a=1; Secure; Path=/; Domain=crm.contoso.com", False),
        (LOOPBACK, "a=1; Secure", False),
        (LOOPBACK, "a=1; SameSite=None", False),
        (LOOPBACK, "a=1; SameSite=Lax", True),
        (LOOPBACK, "a=" + "x" * 4096, False),
    ],
)
def test_what_chromium_drops_is_dropped_with_its_reason(url, set_cookie, kept):
    store = store_with(url, set_cookie)
    assert bool(store.cookies) is kept
    assert bool(store.dropped) is not kept


@pytest.mark.parametrize("deletion", ["a=; Path=/; Max-Age=0", "a=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT"])
def test_a_server_deletes_its_cookie(deletion):
    store = store_with(LOOPBACK, "a=1; Path=/; Max-Age=600; Expires=Fri, 01 Jan 2100 00:00:00 GMT")
    assert sent(store, LOOPBACK) == "a=1"
    store.take(LOOPBACK, deletion)
    assert sent(store, LOOPBACK) == ""


def test_a_path_is_matched_by_whole_segments_and_ports_share_cookies():
    store = store_with(LOOPBACK, "a=1")
    store.take(LOOPBACK, "b=2; Path=/")
    assert sent(store, URL("http://127.0.0.1:9090/app/x")) == "a=1; b=2"
    assert sent(store, URL("http://127.0.0.1:9090/application")) == "b=2"
    assert sent(store, URL("http://localhost:8080/app/x")) == ""
