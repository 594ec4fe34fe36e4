"""Whether a request's head can be read in one way only. What is judged here is, byte for byte, what is sent.

Sources: RFC 9112 (HTTP/1.1), RFC 9110 sections 5.5, 5.6.2 and 7.2, RFC 3986 section 5.2.4 (dot segments).
"""

import re
import string
from collections.abc import Sequence

from proxy.errors import RequestRefused
from proxy.policy.paths import MOST_ESCAPES, readings

_REASON = "ambiguous_target"

# The commonest paths at one glance: segments of plain characters that do not begin with a dot, and the escapes that
# CRM writes (braces around revisions, blanks, parentheses). Nothing in them can be read in two ways.
_PLAIN_PATH = re.compile(
    r"(?:/(?:[A-Za-z0-9_~!$&'()*+,:@=-]|%7[BDbd])(?:[A-Za-z0-9._~!$&'()*+,:@=-]|%7[BDbd]|%2[0789Cc])*)+/?|/"
)
_PATH = re.compile(r"/(?!/)[!-~]*")
_NOT_IN_A_PATH = re.compile(r"[\\#]")
# Octets above ASCII may stand in a query (Internet Explorer sends them); `target` is Latin-1 text, one sign an octet.
_NOT_IN_A_QUERY = re.compile(r"[^!-\"$-~\x80-\xff]")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ENCODED_SLASH = re.compile(r"%2f", re.IGNORECASE)
_ENCODED_BACKSLASH = re.compile(r"%5c", re.IGNORECASE)
# UTF-8 forbids these long forms of ASCII, yet decoders have made dots and slashes of them (RFC 3629, section 10).
_OVERLONG = re.compile(r"%c[01]%[89ab]|%e0%[89]|%f0%8", re.IGNORECASE)
# A dot segment in any reading: also with path parameters beside it, or cut off by what ends a path once decoded.
_DOT_SEGMENT = re.compile(r"[/\\;?#][\x00-\x20]*\.(?:[\x00-\x20]*\.)?[\x00-\x20]*(?=[/\\;?#]|\Z)")
_IN_NO_READING = (
    (re.compile("\0"), "an encoded NUL"),
    (_OVERLONG, "an overlong UTF-8 form"),
    (_DOT_SEGMENT, "a dot segment, encoded"),
)

_TOKEN = (string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~").encode()
_FIELD_VALUE = b"\t" + bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100))
_VERSIONS = frozenset({(1, 0), (1, 1)})


def judge_target(target: str, *, allow_encoded_slash: bool, method: str = "GET") -> str:
    """The path of an origin-form request target (RFC 9112, section 3.2.1): its part before `?`, never decoded.

    `target` is Latin-1 text of the request line's octets. Asterisk-form passes for `method` OPTIONS alone.
    Raises RequestRefused(400, "ambiguous_target") for any other form, and for what two readers could understand
    differently: dot segments in any encoding, encoded slashes and backslashes, controls, `#`, broken escapes.
    """
    path, _, query = target.partition("?")
    if query and _NOT_IN_A_QUERY.search(query):
        raise RequestRefused(400, _REASON, "a control, blank or # in the query")
    if _PLAIN_PATH.fullmatch(path):
        return path
    if target == "*" and method == "OPTIONS":
        return path
    fault = _fault_of_path(path, allow_encoded_slash=allow_encoded_slash)
    if fault:
        raise RequestRefused(400, _REASON, fault)
    return path


def _fault_of_path(path: str, *, allow_encoded_slash: bool) -> str | None:
    """What is wrong with a path, in words for the log; None where nothing is."""
    if not _PATH.fullmatch(path):
        return "not origin-form, or a control, blank or sign above ASCII in the path"
    if _NOT_IN_A_PATH.search(path):
        return "a backslash or # in the path"
    if "%" in path:
        fault = _fault_of_escapes(path, allow_encoded_slash=allow_encoded_slash)
        if fault:
            return fault
        found = readings(path)
        if len(found) > MOST_ESCAPES + 1:
            return "escapes within escapes"
        return next((fault for reading in found for says, fault in _IN_NO_READING if says.search(reading)), None)
    return "a dot segment" if _DOT_SEGMENT.search(path) else None


def _fault_of_escapes(path: str, *, allow_encoded_slash: bool) -> str | None:
    if _BROKEN_ESCAPE.search(path):
        return "a percent sign without two hexadecimal digits"
    if _ENCODED_SLASH.search(path) and not allow_encoded_slash:
        return "an encoded slash"
    if _ENCODED_BACKSLASH.search(path):
        return "an encoded backslash"
    return None


def judge_head(method: str, version: tuple[int, int], raw_headers: Sequence[tuple[bytes, bytes]]) -> None:
    """Pass a request head that every HTTP reader frames alike.

    `raw_headers`: names and values as received, white space around values already taken off by the parser.
    Raises RequestRefused(505, "http_version"), and RequestRefused(400, …) with `bad_method`, `bad_header_name`,
    `bad_header_value`, `no_host`, `duplicate_host`, `content_length` or `transfer_encoding`.
    """
    if version not in _VERSIONS:
        raise RequestRefused(505, "http_version")
    _judge_characters(method, raw_headers)
    hosts = 0
    lengths = []
    encodings = []
    for name, value in raw_headers:
        match name.lower():
            case b"host":
                hosts += 1
            case b"content-length":
                lengths.append(value)
            case b"transfer-encoding":
                encodings.append(value)
    if hosts > 1:
        raise RequestRefused(400, "duplicate_host")
    if hosts == 0 and version == (1, 1):
        raise RequestRefused(400, "no_host")
    if lengths or encodings:
        _judge_framing(version, lengths, encodings)


def _judge_characters(method: str, raw_headers: Sequence[tuple[bytes, bytes]]) -> None:
    # Joined, so that one pass in C looks at all octets of all names, and one at all values.
    names = [name for name, _ in raw_headers]
    if b"" in names or b"".join(names).translate(None, _TOKEN):
        raise RequestRefused(400, "bad_header_name")
    if b"".join([value for _, value in raw_headers]).translate(None, _FIELD_VALUE):
        raise RequestRefused(400, "bad_header_value")
    if not method.isascii() or not method or method.encode().translate(None, _TOKEN):
        raise RequestRefused(400, "bad_method")


def _judge_framing(version: tuple[int, int], lengths: list[bytes], encodings: list[bytes]) -> None:
    """Only one way to tell where the body ends (RFC 9112, section 6.3)."""
    if encodings and (lengths or len(encodings) > 1 or encodings[0].lower() != b"chunked" or version == (1, 0)):
        raise RequestRefused(400, "transfer_encoding")
    # isdigit of bytes knows ASCII digits alone; 18 of them fit every reader's integer.
    if lengths and (len(lengths) > 1 or not lengths[0].isdigit() or len(lengths[0]) > 18):  # noqa: PLR2004 - see above
        raise RequestRefused(400, "content_length")
