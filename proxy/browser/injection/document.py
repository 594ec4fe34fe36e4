"""An HTML document on its way: the script's tag first thing in its head, policies in a `meta` let it in, no more.

Streams: what is held is one token that is not whole, and no more than LOOKED_AT bytes from the document's beginning are
looked at. Where those do not show where the head is, the document passes as it is, and `unreached` says why.
"""

import html
from collections.abc import Callable
from enum import Enum, auto
from typing import TypeAlias

from proxy.browser.injection.markup import Attribute, Token, TokenKind, end_of_raw_text, html_token, xml_token
from proxy.browser.injection.unreached import Why

LOOKED_AT = 64 * 1024

EditPolicy: TypeAlias = Callable[[str], str]
"""The text of a policy in a `meta` -> the text that stands in its place."""

_UTF_8_BOM = b"\xef\xbb\xbf"
_UTF_16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_BOM_LENGTH = 3
_NUL = 0
# End tags that begin the head or the body where nothing else did (13.2.6.4.2 to 4.6); others mean nothing there.
_TELLING_END_TAGS = frozenset({b"head", b"body", b"html", b"br"})
_OF_THE_HEAD = frozenset({b"base", b"basefont", b"bgsound", b"head", b"html", b"link", b"meta"})
_RAW_TEXT = frozenset({b"noframes", b"noscript", b"script", b"style", b"title"})


class _State(Enum):
    START = auto()
    BEFORE_HEAD = auto()
    IN_HEAD = auto()
    DONE = auto()


class Document:
    """One document. `tag`: what is put in. `unreached`: why nothing was, once that is known.

    `edit`: what a policy in a `meta` of the head becomes; one in XHTML stays.
    """

    def __init__(self, tag: bytes, edit: EditPolicy, *, is_xml: bool = False) -> None:
        self.unreached: Why | None = None
        self._tag = tag
        self._edit = edit
        self._is_xml = is_xml
        self._token = xml_token if is_xml else html_token
        self._state = _State.START
        self._held = bytearray()
        self._at = 0  # in `_held`: what lies before is decided
        self._gone = 0  # bytes of the document that left `_held`
        self._is_blank = True
        self._out: list[bytes] = []

    def feed(self, data: bytes) -> bytes:
        """The next bytes of the document; what of it may go out."""
        if self._state is _State.DONE:
            return data
        self._held += data
        self._go_on()
        if self._gone + len(self._held) > LOOKED_AT:
            self._stop(Why.PREAMBLE_TOO_LONG)
        return self._taken()

    def end(self) -> bytes:
        """What is left at the document's end. One without any markup, as an empty one, stays as it is."""
        if self._state is _State.START and self._held:
            self._begin()
            self._go_on()
        if self._state is _State.BEFORE_HEAD:
            if self._is_xml:
                self._stop(Why.NO_HEAD)
            elif self._held[self._at :] or not self._is_blank:
                self._insert()
        self._finish()
        return self._taken()

    # inside

    def _go_on(self) -> None:
        if self._state is _State.START and len(self._held) >= _BOM_LENGTH:
            self._begin()
        while self._state in {_State.BEFORE_HEAD, _State.IN_HEAD} and self._at < len(self._held):
            token = self._token(self._held, self._at)
            if token is None or self._gone + token.end > LOOKED_AT:
                return
            if self._state is _State.BEFORE_HEAD:
                self._before_head(token)
            elif not self._in_head(token):
                return

    def _begin(self) -> None:
        """A byte order mark outranks what the header says; that of UTF-16 is no document for us."""
        self._state = _State.BEFORE_HEAD
        if self._held.startswith(_UTF_16_BOMS) or _NUL in self._held[:_BOM_LENGTH]:
            self._stop(Why.CHARSET)
        elif self._held.startswith(_UTF_8_BOM):
            self._at = len(_UTF_8_BOM)

    def _before_head(self, token: Token) -> None:
        name = token.name if self._is_xml else token.name.lower()
        match token.kind:
            case TokenKind.SPACE:
                self._at = token.end
                return
            case TokenKind.START if name == b"head" and not (self._is_xml and token.closes_itself):
                self._at = token.end
                self._insert()
                return
            case TokenKind.START if name == b"html":
                pass
            case TokenKind.END if not self._is_xml and name not in _TELLING_END_TAGS:
                pass
            case TokenKind.SKIPPED:
                pass
            case _:
                # Its head begins here, without a tag that says so; XML knows no such thing.
                if self._is_xml:
                    self._stop(Why.NO_HEAD)
                else:
                    self._insert()
                return
        self._at = token.end
        self._is_blank = False

    def _insert(self) -> None:
        self._emit(self._at)
        self._out.append(self._tag)
        # Scripts are not text in XML, and what follows them could be misread.
        self._state = _State.DONE if self._is_xml else _State.IN_HEAD
        if self._is_xml:
            self._finish()

    def _in_head(self, token: Token) -> bool:
        """False where more bytes are needed."""
        name = token.name.lower()
        end = token.end
        if token.kind is TokenKind.START and name in _RAW_TEXT:
            text_end = end_of_raw_text(self._held, end, name)
            if text_end is None:
                return False
            # A script within a script's comment ends elsewhere (13.2.5.17): leave what follows alone.
            if name == b"script" and b"<!--" in self._held[end:text_end]:
                self._finish()
                return True
            end = text_end
        elif token.kind is TokenKind.TEXT or (
            name not in _OF_THE_HEAD if token.kind is TokenKind.START else _ends_head(token, name)
        ):
            self._finish()
            return True
        if self._gone + end > LOOKED_AT:
            return False
        is_meta = name == b"meta" and token.kind is TokenKind.START
        self._emit(end, self._edited(token) if is_meta else None)
        return True

    def _edited(self, token: Token) -> bytes | None:
        """A `meta` with another policy; None where it stays."""
        # Of attributes that come twice the first counts (13.2.5.33).
        attributes: dict[bytes, Attribute] = {}
        for each in token.attributes:
            attributes.setdefault(each.name.lower(), each)
        named, content = attributes.get(b"http-equiv"), attributes.get(b"content")
        if named is None or content is None or _text_of(named.value).lower() != "content-security-policy":
            return None
        policy = _text_of(content.value)
        edited = self._edit(policy)
        if edited == policy:
            return None
        written = html.escape(edited).encode("latin-1", "xmlcharrefreplace")
        before, behind = bytes(self._held[: content.start]), bytes(self._held[content.end : token.end])
        return b'%b"%b"%b' % (before, written, behind)

    def _emit(self, end: int, instead: bytes | None = None) -> None:
        """Let out what lies before `end`, or something else in its place."""
        self._out.append(bytes(self._held[:end]) if instead is None else instead)
        del self._held[:end]
        self._gone += end
        self._at = 0

    def _stop(self, why: Why) -> None:
        if self._state in {_State.START, _State.BEFORE_HEAD}:
            self.unreached = why
        self._finish()

    def _finish(self) -> None:
        self._state = _State.DONE
        self._emit(len(self._held))

    def _taken(self) -> bytes:
        if self._state is _State.BEFORE_HEAD and self._at:
            self._emit(self._at)
        out, self._out = self._out, []
        return b"".join(out)


def _ends_head(token: Token, name: bytes) -> bool:
    # A `meta` behind `</head>` still goes into the head (13.2.6.4.6).
    return token.kind is TokenKind.END and name in _TELLING_END_TAGS and name != b"head"


def _text_of(value: bytes) -> str:
    return html.unescape(value.decode("latin-1"))
