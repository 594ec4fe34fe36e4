"""A return leads to a path of this host, for a browser's reading of it, or to the root."""

from urllib.parse import quote, unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.return_url import LONGEST_RETURN, safe_return


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/main.aspx",
        "/contoso/main.aspx?etn=account&extraqs=%3fid%3d1",
        "/%7B637%7D/WebResources/a.html",
        "/a//b",
        "/a%2Fb",
        "/a?b=//evil.com&c=\\\\evil.com&d=https://evil.com",
        "/http:x",
        "/@evil.com",
        "/a/...",
        "/" + "a" * (LONGEST_RETURN - 1),
    ],
)
def test_a_path_of_this_host_survives_unchanged(path):
    assert safe_return(path) == path


@pytest.mark.parametrize(
    "raw",
    [
        None,
        "",
        "main.aspx",
        "//evil.com",
        "///evil.com",
        "/\\evil.com",
        "\\\\evil.com",
        "/a\\b",
        "/\t/evil.com",
        "/a\nb",
        "\t//evil.com",
        " /a",
        "https://evil.com/",
        "https://ok@evil.com",
        "https:evil.com",
        "javascript:alert(1)",
        "/.//evil.com",
        "/./\\evil.com",
        "/../a",
        "/a/..",
        "/%2e%2e/a",
        "/%2f/evil.com",
        "/%2fevil.com",
        "/%5cevil.com",
        "/%252fevil.com",
        "/%09/evil.com",
        "/%20/evil.com",
        "/a%0d%0aSet-Cookie:x",
        "/a?b\r\nSet-Cookie:x",
        "/a?b c",
        "/a#b",
        "/a?b#c",
        "/caf\xe9",
        "/a?\xe9",
        "/\u3035evil.com",
        "/\uff0fevil.com",
        "/a%",
        "*",
        "/" + "a" * LONGEST_RETURN,
    ],
)
def test_anything_else_leads_to_the_root(raw):
    assert safe_return(raw) == "/"


@given(st.lists(st.text(max_size=5), max_size=4), st.dictionaries(st.text(min_size=1, max_size=3), st.text(max_size=5)))
def test_a_target_survives_its_way_through_a_query(segments, query):
    path = "/a" + "".join(f"/a{quote(segment, safe='')}" for segment in segments if segment.isprintable())
    target = path.replace("%5C", "") + "?" + "&".join(f"{quote(name)}={quote(text)}" for name, text in query.items())
    assert safe_return(unquote_plus(quote(target, safe=""))) == target
