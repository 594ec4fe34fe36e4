"""What follows from one head of one client under one configuration: all but the session, the settings and the clock."""

from proxy.edge.head import Head
from proxy.edge.rules import Rules, Way
from proxy.gateway.framing import AnswerFraming
from proxy.gateway.judgement import Credentials, Passing
from proxy.gateway.upstream import AnswerHead, RequestHead
from proxy.gateway.upstream.request import IDEMPOTENT
from proxy.model.principal import Principal
from proxy.model.request import RequestFacts


class Plan:
    """How one request goes upstream, if its session says that it may.

    `raw`: its head as it came, for the full lane. `credentials`, `key`: by which it, and the worker's copy of its
    session, are judged; no key where it shows no cookie. `is_retryable`: it may be sent twice. `is_to_be_kept`: its
    head may come again. `passed`: how the last request with this very head was judged. `framed`: the last answer's
    head, whether the connection was to be kept, and `Framings.of` them.
    """

    __slots__ = (
        "_beginning",
        "_sent",
        "_sent_for",
        "credentials",
        "facts",
        "framed",
        "has_body",
        "head",
        "is_anonymous",
        "is_retryable",
        "is_to_be_kept",
        "key",
        "passed",
        "raw",
        "rules",
        "way",
    )

    def __init__(  # noqa: PLR0917 - made for each head that is not remembered
        self,
        rules: Rules,
        raw: bytes,
        head: Head,
        way: Way,
        facts: RequestFacts,
        credentials: Credentials,
        key: bytes,
        is_anonymous: bool,
        beginning: bytes,
    ) -> None:
        self.rules = rules
        self.raw = raw
        self.head = head
        self.way = way
        self.facts = facts
        self.credentials = credentials
        self.key = key
        self.is_anonymous = is_anonymous
        self.has_body = head.chunked or bool(head.length)
        self.is_retryable = facts.method.encode() in IDEMPOTENT and not self.has_body
        # The lines that go upstream, but for those of the identity and of the body's framing.
        self._beginning = beginning
        self.is_to_be_kept = False
        self.passed: Passing | None = None
        self.framed: tuple[AnswerHead, bool, AnswerFraming, bool] | None = None
        self._sent: RequestHead | None = None
        self._sent_for: Principal | None = None

    def sent(self, principal: Principal | None) -> RequestHead:
        """The head that goes upstream, with the identity of `principal`."""
        sent = self._sent
        if sent is not None and self._sent_for is principal:
            return sent
        head = self.head
        framed = b"" if head.length is None else b"Content-Length: %d\r\n" % head.length
        if head.chunked:
            framed = b"Transfer-Encoding: chunked\r\n"
        identity = b"" if principal is None else self.way.identity(principal)
        sent = RequestHead(
            b"%b%b%b\r\n" % (self._beginning, identity, framed),
            is_head=self.facts.method == "HEAD",
            retryable=self.is_retryable,
            chunked=head.chunked,
            content_length=head.length,
        )
        self._sent, self._sent_for = sent, principal
        return sent
