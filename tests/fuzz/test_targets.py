"""A request target that passes means the same to every reader, and is sent as it was judged."""

import posixpath
import re
from urllib.parse import unquote, urlsplit

import httptools
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from proxy.edge.head import read_request_line
from proxy.errors import RequestRefused
from proxy.policy.paths import widest_reading
from proxy.policy.target import judge_target
from support.fuzzing import attempt, corpus, fuzz, mutated

SEEDS = (
    "/main.aspx?pagetype=entityrecord&etn=account",
    "/api/data/v9.2/accounts(00000000-0000-0000-0000-000000000001)/name/$value",
    "/%7b636842314640000252%7d/WebResources/contoso_/main.js",
    "/a/..;/b",
    "/a/%2e%2e/b",
    "/a%2fb?c=%2f",
)
WORDS = (
    "/",
    "//",
    "\\",
    ".",
    "..",
    "/../",
    "/./",
    "%2e",
    "%2E",
    "%252e",
    "%2f",
    "%5c",
    "%255c",
    ";",
    "%3b",
    "#",
    "%23",
)
WORDS += (
    "?",
    "%3f",
    "%00",
    "%c0%ae",
    "%e0%80%ae",
    "%f0%80%80%ae",
    "%25",
    "%2525",
    "%",
    " ",
    "\t",
    "%20",
    "%09",
    "http://",
)


def decoded(path: str):
    """Yield a path as readers see it that decode it any number of times, and take backslashes for slashes."""
    for _ in range(8):
        for text in (path, path.replace("\\", "/")):
            yield text
            yield re.sub("[;?#]", "/", text)
            yield "/".join(segment.partition(";")[0] for segment in text.split("/"))
        path = unquote(path, encoding="latin-1")


@fuzz
@given(target=mutated(SEEDS, WORDS), allow_encoded_slash=st.booleans())
@corpus("targets", "target", allow_encoded_slash=False)
@corpus("targets", "target", allow_encoded_slash=True)
def test_every_reader_finds_the_judged_path(target, allow_encoded_slash):
    path, refused = attempt(lambda: judge_target(target, allow_encoded_slash=allow_encoded_slash), RequestRefused)
    if refused:
        assert (refused.status, refused.reason) == (400, "ambiguous_target")
        return
    assert path == target.partition("?")[0]
    for text in decoded(path):
        assert not {".", ".."} & {segment.strip("\x00\t\n\r ") for segment in text.split("/")}
        assert "\0" not in text
        assert text.startswith("/")
    assert posixpath.normpath(path).strip("/") == "/".join(filter(None, path.split("/")))
    assert ".." not in widest_reading(path).split("/")
    line = target.encode("latin-1")
    assert read_request_line(b"GET %b HTTP/1.1" % line) == (b"GET", line, (1, 1))
    if target.isascii():
        assert httptools.parse_url(line).path == path.encode()
        assert URL(target, encoded=True).raw_path_qs.rstrip("?") == target.rstrip("?")
        assert urlsplit(f"http://a{target}").path == path
