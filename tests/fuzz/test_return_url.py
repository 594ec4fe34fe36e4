"""No return address leads a browser to another host."""

from urllib.parse import quote, unquote_plus, urljoin, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.return_url import safe_return
from support.fuzzing import corpus, fuzz, mutated
from support.whatwg import BASE, where_a_browser_goes

SEEDS = (
    "/main.aspx?etn=account&id=%7b1%7d",
    "//evil.com/a",
    "/\\evil.com",
    "https://evil.com/",
    "/%09/evil.com",
    "/%2f%2fevil.com",
    "/.evil.com//",
    "/a/..//evil.com",
    "javascript:alert(1)//",
)
WORDS = ("/", "//", "\\", "%2f", "%5c", "%255c", "\t", "%09", "\n", "%0a", "..", "%2e%2e", "@", ":", "#", "?", ";", " ")
WORDS += ("https:", "evil.com", "\u3035", "\uff0f", "\u2044", "%e3%80%b5", "\x00", "%00", "%")


@fuzz
@given(raw=mutated(SEEDS, WORDS) | st.text(max_size=20))
@corpus("return_url", "raw")
def test_no_return_address_leaves_the_host(raw):
    for text in (raw, f"/{raw}"):
        kept = safe_return(text)
        assert kept in ("/", text)
        assert kept.isascii()
        assert kept.isprintable()
        assert where_a_browser_goes(kept) == BASE
        parts = urlsplit(urljoin(f"{BASE}/.claims/callback", kept))
        assert (f"{parts.scheme}://{parts.netloc}", parts.fragment) == (BASE, "")
        assert safe_return(kept) == kept
        # The provider and the proxy's own links carry it in a query, once encoded.
        assert safe_return(unquote_plus(quote(kept, safe=""))) == kept
