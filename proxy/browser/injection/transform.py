"""The gateway's response transform, filled: which answer becomes which other one."""

import html
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol
from urllib.parse import quote

from proxy.browser.injection.coding import Decoder, Encoder, accepts_gzip, is_identity, is_known
from proxy.browser.injection.csp import Admission, Wanted, admit, admit_later
from proxy.browser.injection.document import Document
from proxy.browser.injection.headers import Fields, Mark, answered, asked, text_of, values_of
from proxy.browser.injection.script import Script, loader
from proxy.browser.injection.unreached import Unreached, Why
from proxy.model.organization import Organization, ScriptPlacement
from proxy.model.request import RequestFacts
from proxy.model.session import Session
from proxy.model.settings import TimeRules
from proxy.policy.placement import Place, knows_dialogs, may_place

SCRIPT = "session-watch.js"
MODULES = ("session-screens.js", "session-hints.js")
# What the script fetches; a source that ends with a slash stands for all below it.
CONNECTIONS = ("session", "activity", "events", "texts/")

_HTML, _XHTML = "text/html", "application/xhtml+xml"
_SCRIPTS = frozenset({"application/javascript", "application/x-javascript", "text/javascript"})
_CHARSET = re.compile(r"""charset\s*=\s*["']?([^\s;"',]+)""")
# Where a `<` is not the octet 3C, or not always (Encoding Standard): everything else is ASCII as far as our tag goes.
_OTHER_CHARSETS = re.compile(r"utf-?(?:16|32|7)|ucs|iso-10646|unicode(?:feff|fffe)|csunicode|iso-2022|csiso2022|hz-gb")
_CSP = b"content-security-policy"
_NOT_MODIFIED = 304
_WITHOUT_ALL_OF_IT = frozenset({204, 205, 206})
_SAFE_IN_SOURCES = "/%:@!$&()*+=~"


class _Body(Protocol):
    @property
    def unreached(self) -> Why | None: ...

    def feed(self, data: bytes) -> bytes: ...

    def end(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _Inserted:
    """What one organization's answers get. `source`: the script's path."""

    source: str
    line: bytes
    marks: dict[Place, Mark]


class Injection:
    """Fills `gateway.ports.AnswerTransform`.

    `mount`: where our endpoints lie for an organization. `make_nonce`: text for a nonce, another one each time, that
    nobody can guess (base64url, 128 bits or more).
    """

    def __init__(
        self,
        rules_for: Callable[[Organization], TimeRules],
        mount: Callable[[Organization], str],
        make_nonce: Callable[[], str],
    ) -> None:
        self._rules_for = rules_for
        self._mount = mount
        self._make_nonce = make_nonce
        self._inserted: dict[str, _Inserted] = {}
        self._unreached = Unreached()

    def acts_for(self, organization: Organization) -> bool:
        """Whether any answer of this organization may be changed."""
        return organization.inject is not ScriptPlacement.NONE

    def may_change(self, facts: RequestFacts, organization: Organization, session: Session | None) -> bool:
        """Whether the answer to this request may be."""
        return may_place(facts, organization) is not None and knows_dialogs(session, self._rules_for(organization))

    def begin(self, facts: RequestFacts, organization: Organization) -> "Asked":
        """A request for which `may_change` said so."""
        place = may_place(facts, organization)
        if place is None:
            raise ValueError(f"nothing goes into the answer to {facts.path}")
        tell = partial(self._unreached.tell, organization.name, facts.path)
        wanted = _wanted(facts, self._mount(organization))
        return Asked(place, self._inserted_for(organization), wanted, self._make_nonce, tell)

    def _inserted_for(self, organization: Organization) -> _Inserted:
        found = self._inserted.get(organization.name)
        if found is None:
            source = f"{self._mount(organization)}/{SCRIPT}"
            line = loader(source)
            marks = {Place.DOCUMENT: Mark(_tag(source, None)), Place.GLOBAL_CONTEXT: Mark(line)}
            found = self._inserted[organization.name] = _Inserted(source, line, marks)
        return found


class Asked:
    """Fills `gateway.ports.RequestChange`: one request whose answer may be changed."""

    def __init__(
        self,
        place: Place,
        inserted: _Inserted,
        wanted: Wanted,
        make_nonce: Callable[[], str],
        tell: Callable[[Why], None],
    ) -> None:
        self._place = place
        self._inserted = inserted
        self._mark = inserted.marks[place]
        self._wanted = wanted
        self._make_nonce = make_nonce
        self._tell = tell
        self._takes_gzip = self._has_ours = False

    def asked(self, headers: Fields) -> list[tuple[bytes, bytes]]:
        """What the upstream is asked."""
        self._takes_gzip = accepts_gzip(text_of(headers, b"accept-encoding"))
        changed, self._has_ours = asked(headers, self._mark)
        return changed

    def answer(self, status: int, headers: Fields) -> "Changed | None":
        """How the answer with this head is changed; None: it passes as it is."""
        if status == _NOT_MODIFIED:
            # That of a copy with the script in it; its fields take the place of the copy's (RFC 9111, section 4.3.4).
            return self._changed(headers, self._admission(headers), Script(b""), None) if self._has_ours else None
        types = values_of(headers, b"content-type")
        if not 200 <= status < 300 or status in _WITHOUT_ALL_OF_IT or len(types) != 1:  # noqa: PLR2004 - 2xx
            return None
        media_type, _, parameters = types[0].decode("latin-1").lower().partition(";")
        if not self._is_place(media_type.strip(), headers):
            return None
        why, admission = _why_not(parameters, headers), self._admission(headers)
        if why is None and admission.is_sandboxed:
            why = Why.SANDBOX
        if why is not None:
            self._tell(why)
            return None
        coding = text_of(headers, b"content-encoding")
        out = None if is_identity(coding) or not self._takes_gzip else b"gzip"
        return self._changed(headers, admission, self._body(media_type.strip(), admission.nonce), out, Decoder(coding))

    def _is_place(self, media_type: str, headers: Fields) -> bool:
        if self._place is Place.GLOBAL_CONTEXT:
            return media_type in _SCRIPTS
        # What is saved to a file is no page.
        return media_type in {_HTML, _XHTML} and not text_of(headers, b"content-disposition").startswith("attachment")

    def _admission(self, headers: Fields) -> Admission:
        policies = [value.decode("latin-1") for value in values_of(headers, _CSP)]
        if self._place is Place.GLOBAL_CONTEXT or not policies:
            return Admission(tuple(policies))
        return admit(policies, self._wanted, self._make_nonce())

    def _body(self, media_type: str, nonce: str | None) -> _Body:
        if self._place is Place.GLOBAL_CONTEXT:
            return Script(self._inserted.line)
        edit = partial(admit_later, wanted=self._wanted)
        return Document(_tag(self._inserted.source, nonce), edit, is_xml=media_type == _XHTML)

    def _changed(
        self, headers: Fields, admission: Admission, body: _Body, coding: bytes | None, decoder: Decoder | None = None
    ) -> "Changed":
        # A copy with a nonce of ours is good with the very policy that came with it, and with no later one.
        mark = None if admission.is_ours else self._mark
        fields = answered(headers, mark, coding, admission.values)
        return Changed(fields, body, decoder or Decoder(""), Encoder(gzip=coding is not None), self._tell)


class Changed:
    """Fills `gateway.ports.AnswerChange`: one answer on its way."""

    def __init__(
        self, headers: Fields, body: _Body, decoder: Decoder, encoder: Encoder, tell: Callable[[Why], None]
    ) -> None:
        self.headers: Sequence[tuple[bytes, bytes]] = headers
        self._body = body
        self._decoder = decoder
        self._encoder = encoder
        self._tell: Callable[[Why], None] | None = tell

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The next bytes of the upstream's body; what may go out. Raises UpstreamBroken."""
        out = b""
        for plain in self._decoder.feed(piece):
            yield out
            out = self._encoder.feed(self._body.feed(plain))
        # What came by now is to be seen by now.
        yield out + self._encoder.flush()
        self._look()

    def end(self) -> Iterator[bytes]:
        """The upstream's body is whole; the rest. Raises UpstreamBroken."""
        self._decoder.end()
        yield self._encoder.feed(self._body.end()) + self._encoder.end()
        self._look()

    def _look(self) -> None:
        if self._body.unreached is not None and self._tell is not None:
            self._tell(self._body.unreached)
            self._tell = None


def _why_not(parameters: str, headers: Fields) -> Why | None:
    charset = _CHARSET.search(parameters)
    if charset is not None and _OTHER_CHARSETS.match(charset[1]):
        return Why.CHARSET
    if not is_known(text_of(headers, b"content-encoding")):
        return Why.CODING
    if "no-transform" in text_of(headers, b"cache-control"):
        return Why.NO_TRANSFORM
    return Why.INTEGRITY_POLICY if "script" in text_of(headers, b"integrity-policy") else None


def _wanted(facts: RequestFacts, mount: str) -> Wanted:
    if "[" in facts.authority:
        # The grammar of host sources knows no IPv6 address (Content Security Policy Level 3, section 2.3.1).
        return Wanted(("'self'",), ("'self'",))
    base = f"{facts.origin}{quote(mount, safe=_SAFE_IN_SOURCES)}"
    scripts, connections = (tuple(f"{base}/{name}" for name in names) for names in ((SCRIPT, *MODULES), CONNECTIONS))
    return Wanted(scripts, connections)


def _tag(source: str, nonce: str | None) -> bytes:
    # Neither async nor deferred: it is to stand in front of the application's own `fetch` before that is taken hold of.
    named = f' nonce="{html.escape(nonce)}"' if nonce else ""
    return f'<script src="{html.escape(source)}"{named}></script>'.encode("ascii", "xmlcharrefreplace")
