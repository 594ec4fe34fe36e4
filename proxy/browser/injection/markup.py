"""HTML's and XML's tokens at the beginning of a document, as far as finding its head needs them. Bytes in, no state.

What a token is follows the HTML standard's tokenizer (section 13.2.5), so that a `<head>` in a comment, in an attribute
or in a script's text is none here either. A token that is not whole yet is None: more bytes may make it another one.
"""

import re
import string
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

_NOT_SPACE = re.compile(rb"[^\t\n\f\r ]")
_TAG_NAME = re.compile(rb"[^\t\n\f\r />]+")
_BETWEEN = re.compile(rb"[\t\n\f\r /]*")
_SPACES = re.compile(rb"[\t\n\f\r ]*")
# What begins an attribute's name may be «=» (13.2.5.32).
_ATTRIBUTE_NAME = re.compile(rb"[^\t\n\f\r />][^\t\n\f\r />=]*")
_UNQUOTED = re.compile(rb"[^\t\n\f\r >]+")
_LETTERS = frozenset(string.ascii_letters)
_QUOTES = frozenset(b"\"'")
_COMMENT = b"<!--"
_END_TAG = b"</"


class TokenKind(Enum):
    """What was found. SKIPPED: a comment, a doctype, a processing instruction, or what browsers take for a comment."""

    SPACE = auto()
    TEXT = auto()
    SKIPPED = auto()
    START = auto()
    END = auto()
    STRANGE = auto()


@dataclass(frozen=True, slots=True)
class Attribute:
    """`name` as written; `value` without its quotes; `start` and `end`: where the value lies, quotes included."""

    name: bytes
    value: bytes
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Token:
    """`end`: where the next one begins. `name`: a tag's, as written."""

    kind: TokenKind
    end: int
    name: bytes = b""
    attributes: tuple[Attribute, ...] = ()
    closes_itself: bool = False


NextToken: TypeAlias = Callable[[bytes | bytearray, int], Token | None]


def html_token(data: bytes | bytearray, at: int) -> Token | None:
    """The token of a text/html document at `at`; None where more bytes are needed to tell."""
    if data[at] != ord("<"):
        return _text(data, at)
    if at + 1 == len(data):
        return None
    match chr(data[at + 1]):
        case "!":
            return _declaration(data, at)
        case "?":
            return _until(data, at + 2, b">")
        case "/":
            return _end_tag(data, at)
        case sign:
            is_tag = sign in _LETTERS
            return _tag(data, at, at + 1, TokenKind.START) if is_tag else Token(TokenKind.TEXT, at + 1)


def xml_token(data: bytes | bytearray, at: int) -> Token | None:
    """The token of an application/xhtml+xml document at `at`; a doctype with declarations of its own is STRANGE."""
    if data[at] != ord("<"):
        return _text(data, at)
    if at + 1 == len(data):
        return None
    match chr(data[at + 1]):
        case "!":
            return _xml_declaration(data, at)
        case "?":
            return _until(data, at + 2, b"?>")
        case "/":
            return _end_tag(data, at)
    return _tag(data, at, at + 1, TokenKind.START)


def end_of_raw_text(data: bytes | bytearray, at: int, name: bytes) -> int | None:
    """Where the end tag of an element begins whose content is text alone (script, style, title); None: not here."""
    found = re.compile(rb"</%b[\t\n\f\r />]" % re.escape(name), re.IGNORECASE).search(data, at)
    return found.start() if found else None


def _text(data: bytes | bytearray, at: int) -> Token:
    found = _NOT_SPACE.search(data, at)
    if found is None:
        return Token(TokenKind.SPACE, len(data))
    return Token(TokenKind.TEXT, at + 1) if found.start() == at else Token(TokenKind.SPACE, found.start())


def _until(data: bytes | bytearray, at: int, closing: bytes) -> Token | None:
    found = data.find(closing, at)
    return None if found < 0 else Token(TokenKind.SKIPPED, found + len(closing))


def _declaration(data: bytes | bytearray, at: int) -> Token | None:
    """A comment, or a doctype, or what browsers take for a comment: both end with the first `>`, quoted or not."""
    if _COMMENT.startswith(data[at : at + 4]):
        return None if at + 4 > len(data) else _comment(data, at)
    return _until(data, at + 2, b">")


def _xml_declaration(data: bytes | bytearray, at: int) -> Token | None:
    if _COMMENT.startswith(data[at : at + 4]):
        return None if at + 4 > len(data) else _until(data, at + 4, b"-->")
    found = _until(data, at + 2, b">")
    declares = data.find(b"[", at, found.end if found else len(data)) >= 0
    return Token(TokenKind.STRANGE, at) if declares else found


def _comment(data: bytes | bytearray, at: int) -> Token | None:
    """`<!-->` and `<!--->` are whole comments (13.2.5.43 and 44), and `--!>` ends one (13.2.5.52)."""
    ends = [
        found + len(closing)
        for closing, start in ((b"-->", at + 2), (b"--!>", at + 4))
        if (found := data.find(closing, start)) >= 0
    ]
    return Token(TokenKind.SKIPPED, min(ends)) if ends else None


def _end_tag(data: bytes | bytearray, at: int) -> Token | None:
    if at + 2 == len(data):
        return None
    third = data[at + 2]
    if chr(third) in _LETTERS:
        return _tag(data, at, at + 2, TokenKind.END)
    return _until(data, at + 2, b">")


def _tag(data: bytes | bytearray, at: int, name_at: int, kind: TokenKind) -> Token | None:
    named = _TAG_NAME.match(data, name_at)
    if named is None:
        return Token(TokenKind.STRANGE, at)
    attributes: list[Attribute] = []
    place, length = named.end(), len(data)
    while True:
        place = _end_of(_BETWEEN, data, place)
        if place == length:
            return None
        if data[place] == ord(">"):
            closes = data[place - 1] == ord("/")
            return Token(kind, place + 1, bytes(named[0]), tuple(attributes), closes)
        found = _attribute(data, place)
        if found is None:
            return None
        attributes.append(found)
        place = found.end


def _attribute(data: bytes | bytearray, at: int) -> Attribute | None:
    place = _end_of(_ATTRIBUTE_NAME, data, at)
    name = bytes(data[at:place])
    after = _end_of(_SPACES, data, place)
    if after == len(data):
        return None
    if data[after] != ord("="):
        return Attribute(name, b"", place, place)
    start = _end_of(_SPACES, data, after + 1)
    if start == len(data):
        return None
    if data[start] in _QUOTES:
        closing = data.find(data[start : start + 1], start + 1)
        return None if closing < 0 else Attribute(name, bytes(data[start + 1 : closing]), start, closing + 1)
    end = _end_of(_UNQUOTED, data, start)
    return None if end == len(data) else Attribute(name, bytes(data[start:end]), start, end)


def _end_of(pattern: re.Pattern[bytes], data: bytes | bytearray, at: int) -> int:
    found = pattern.match(data, at)
    return found.end() if found else at
