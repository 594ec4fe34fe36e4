"""The header fields of a request whose answer may be changed, and of the changed answer. Raw pairs in, raw pairs out.

The changed answer is another representation than the upstream's (RFC 9110, section 8.8.3.3): its entity tag is ours,
and no validator or range of one is ever taken for the other's.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import TypeAlias

from proxy.browser.injection.coding import accepts_gzip

Fields: TypeAlias = Sequence[tuple[bytes, bytes]]

_ENTITY_TAG = re.compile(rb'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_MARK_LENGTH = 8
# What says something of the very bytes.
_OF_THE_BYTES = frozenset(
    {
        b"accept-ranges",
        b"content-digest",
        b"content-encoding",
        b"content-length",
        b"content-md5",
        b"digest",
        b"etag",
        b"last-modified",
        b"repr-digest",
    }
)
_OF_VALIDATORS = frozenset({b"accept-encoding", b"if-modified-since", b"if-none-match"})


def values_of(fields: Fields, name: bytes) -> list[bytes]:
    """The value of every line of a field; `name` in lower case."""
    return [value for each, value in fields if each.lower() == name]


def text_of(fields: Fields, name: bytes) -> str:
    """Every line of a field as one list, in lower case."""
    return b", ".join(values_of(fields, name)).decode("latin-1").strip().lower()


class Mark:
    """How our entity tags are told from the upstream's. `inserted`: what is put in; other words make another mark."""

    def __init__(self, inserted: bytes) -> None:
        digest = hashlib.sha256(inserted).hexdigest()[:_MARK_LENGTH].encode()
        self._suffixes = {b"W/": b"-w" + digest, b"": b"-s" + digest}

    def put(self, entity_tag: bytes) -> bytes | None:
        """Our tag for the upstream's: weak, as the bytes may differ. None for what is no entity tag."""
        found = _ENTITY_TAG.fullmatch(entity_tag)
        return None if found is None else b'W/"%b%b"' % (found[2], self._suffixes[found[1] or b""])

    def taken_off(self, entity_tags: bytes) -> list[bytes]:
        """Of an `If-None-Match` the upstream's tags behind ours."""
        return [
            b'%b"%b"' % (weak, found[2][: -len(suffix)])
            for found in _ENTITY_TAG.finditer(entity_tags)
            for weak, suffix in self._suffixes.items()
            if found[2].endswith(suffix)
        ]


def asked(fields: Fields, mark: Mark) -> tuple[list[tuple[bytes, bytes]], bool]:
    """What the upstream is asked, and whether it may answer that the client's changed copy is still good.

    gzip where the client takes it, else nothing that would have to be decoded. A validator that is not ours is of an
    answer without the script and goes no further. A range goes along with an `If-Range` alone: that names an answer
    which was not changed, as ours have nothing that could stand there.
    """
    dropped = _OF_VALIDATORS if values_of(fields, b"if-range") else _OF_VALIDATORS | {b"range"}
    kept = [(name, value) for name, value in fields if name.lower() not in dropped]
    wanted = b"gzip" if accepts_gzip(text_of(fields, b"accept-encoding")) else b"identity"
    kept.append((b"Accept-Encoding", wanted))
    ours = mark.taken_off(b", ".join(values_of(fields, b"if-none-match")))
    if ours:
        kept.append((b"If-None-Match", b", ".join(ours)))
    return kept, bool(ours)


def answered(fields: Fields, mark: Mark | None, coding: bytes | None, policies: Sequence[str]) -> Fields:
    """The changed answer's fields. `mark` None: it has no entity tag. `coding`: the content's, None without one.

    `policies`: the values of its `Content-Security-Policy` lines, in their order.
    """
    changed: list[tuple[bytes, bytes]] = []
    left = list(policies)
    for name, value in fields:
        lowered = name.lower()
        if lowered == b"content-security-policy":
            changed.append((name, left.pop(0).encode("latin-1")))
        elif lowered == b"etag" and mark is not None and (ours := mark.put(value)) is not None:
            changed.append((name, ours))
        elif lowered not in _OF_THE_BYTES:
            changed.append((name, value))
    if coding is not None:
        changed.append((b"Content-Encoding", coding))
    return changed
