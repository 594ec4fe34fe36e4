"""Base64url and JSON as the standards write them, and nothing else that a lenient reader would also take.

Two readers that differ in what they forgive can be made to see two different tokens in the same bytes.
"""

import binascii
import json
import math
import re
from collections.abc import Sequence
from datetime import datetime

from proxy.model.time import Instant

_DEEPEST = 32
# Possessive, and the closing quote optional: no text, however broken, is gone through twice.
_TEXTS_AND_BRACKETS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)

# The last instant of year 9999, where calendars (and `datetime`) end.
_LAST_INSTANT = 253402300799.0


def decode_base64url(text: str) -> bytes:
    """Bytes of base64url text without padding (RFC 7515, section 2).

    Raises ValueError for padding, white space, a foreign alphabet, an impossible length, or bits set where the
    encoding leaves none (RFC 4648, section 3.5): the same bytes would then have several spellings.
    """
    if not _BASE64URL.fullmatch(text) or len(text) % 4 == 1:
        raise ValueError("not base64url without padding")
    raw = binascii.a2b_base64(text.translate({45: 43, 95: 47}) + "=" * (-len(text) % 4))
    if encode_base64url(raw) != text:
        raise ValueError("base64url with stray bits at its end")
    return raw


def encode_base64url(raw: bytes) -> str:
    """Base64url text without padding."""
    return binascii.b2a_base64(raw, newline=False).decode().translate({43: 45, 47: 95}).rstrip("=")


def parse_object(raw: bytes) -> dict[str, object]:
    """The JSON object (RFC 8259) that these UTF-8 bytes are.

    Raises ValueError for anything else: another type at the top, a member named twice, NaN and the infinities, a byte
    order mark, lone surrogates, more than 32 levels, an integer of more than 4,300 digits.
    """
    try:
        _limit_depth(raw)
        parsed: object = json.loads(raw.decode(), object_pairs_hook=_members_once, parse_constant=_no_constant)
        if b"\\u" in raw:
            json.dumps(parsed, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("JSON nested too deeply") from None
    except json.JSONDecodeError as error:
        # The error itself carries the document, which may be a token's payload.
        raise ValueError(f"not JSON: {error.msg} at {error.pos}") from None
    except UnicodeError:
        raise ValueError("not UTF-8") from None
    if not isinstance(parsed, dict):
        raise ValueError("JSON, but not an object")  # noqa: TRY004 - the text is at fault, not a caller's type
    return parsed


def _limit_depth(raw: bytes) -> None:
    """Refuse deep nesting, which `str` and `json.dumps` could not go through again."""
    if raw.count(b"[") + raw.count(b"{") <= _DEEPEST:
        return
    depth = 0
    for found in _TEXTS_AND_BRACKETS.findall(raw):
        if found in b"[{":
            depth += 1
        elif found in b"]}":
            depth -= 1
        if depth > _DEEPEST:
            raise ValueError("JSON nested too deeply")


def _members_once(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice in one JSON object")
    return members


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def numeric_date(value: object) -> Instant | None:
    """A NumericDate (RFC 7519, section 2) as an instant, or None where the value is none.

    A boolean is a number to Python and a text a number to many a library; here neither is.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Bounded before it is made a float: an integer of 400 digits has no float.
    if not 0 <= value <= _LAST_INSTANT or not math.isfinite(value):
        return None
    return float(value)


def iso_date(value: object) -> Instant | None:
    """An ISO 8601 date-time with its zone as an instant, or None where the value is none."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo else None


def authentication_instant(value: object) -> Instant | None:
    """`auth_time` as an instant: a NumericDate, or the ISO 8601 text that AD FS writes into access tokens."""
    instant = numeric_date(value)
    return iso_date(value) if instant is None else instant
