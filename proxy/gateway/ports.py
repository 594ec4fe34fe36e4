"""What the gateway needs of others, as `app` fills it in."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from aiohttp import web

from proxy.model.decision import Ending
from proxy.model.held_form import HeldForm, Kept, NotKept, NotSent
from proxy.model.organization import Organization
from proxy.model.request import RequestFacts
from proxy.model.session import EndReason, Session, SessionLookup, SessionReference
from proxy.model.settings import TimeRules
from proxy.model.time import Instant, Seconds


class SessionsPort(Protocol):
    """What the gateway needs of `sessions.service.Sessions`."""

    async def load(self, cookie: str | None, organization: str, *, past_cache: bool = False) -> SessionLookup:
        """Whose cookie it is; `past_cache` asks the store itself. Never raises StoreUnavailable."""

    def key(self, cookie: str, organization: str) -> bytes:
        """What `copy` knows a session by: it opens nothing."""

    def copy(self, key: bytes) -> Session | None:
        """This worker's own copy, where it may answer by itself. No I/O."""

    async def end(self, session: Session, ending: Ending) -> bool:
        """End a session; whether this very call ended it. Idempotent. Raises StoreUnavailable."""

    def note_activity(self, session: Session, now: Instant, inactivity: Seconds | None) -> None:
        """The user was there at this instant."""

    def watch(self, session: Session, on_end: Callable[[EndReason], None]) -> Callable[[], None]:
        """Call back once when the session is ended anywhere; returns what stops the watching."""


Refresh: TypeAlias = Callable[[Session, Organization, str | None, str], None]
"""(session, organization, cookie, client address): a request came whose session is to be renewed soon. Returns at once.
"""


def no_refresh(_session: Session, _organization: Organization, _cookie: str | None, _address: str) -> None:
    """Sessions end with their tokens."""


BearerLookup: TypeAlias = Callable[[str, Organization, Instant], Awaitable[SessionLookup]]
"""(token, organization, now) -> Live, BearerRefused or CannotTell."""

Endpoint: TypeAlias = Callable[[web.Request, RequestFacts, Organization | None], Awaitable[web.StreamResponse]]
"""One of our own endpoints below the prefix; the organization is None where the login state names it."""


GuardedEndpoint: TypeAlias = Callable[[web.Request, RequestFacts, Organization, Session], Awaitable[web.StreamResponse]]
"""One of our own endpoints for those who are signed in: their session comes with the request."""


class AtRoot(Protocol):
    """WS-Federation at an application's root."""

    @property
    def answer(self) -> web.StreamResponse | None:
        """Ours; None where the request is the application's."""

    @property
    def body(self) -> bytes | None:
        """What was read of the request; None where nothing was."""

    @property
    def is_sign_in(self) -> bool:
        """Whether it is the application's own sign-in or sign-out."""


SignInAtRoot: TypeAlias = Callable[[web.Request, RequestFacts, Organization], Awaitable[AtRoot]]

RulesFor: TypeAlias = Callable[[Organization], TimeRules]


@dataclass(frozen=True, slots=True)
class BearerAddress:
    """Where an API client gets a token: the provider's authorization endpoint, and the resource to ask one for."""

    authorization_uri: str
    resource_id: str


ChallengeAddress: TypeAlias = Callable[[Organization, RequestFacts], BearerAddress | None]
"""None where an organization's provider issues no bearer tokens, or does not say where."""


class KeepsForms(Protocol):
    """What keeps forms that were posted too late."""

    async def keep(
        self, request: web.Request, facts: RequestFacts, organization: Organization, over: SessionReference
    ) -> Kept | NotKept:
        """Keep the form of a session that is over."""

    async def take(
        self, request: web.Request, facts: RequestFacts, organization: Organization, session: Session, token: str
    ) -> HeldForm | NotSent:
        """The kept form that a request has sent on, once. Raises StoreUnavailable."""

    async def give_back(self, form: HeldForm) -> None:
        """Nothing of it went out. Raises StoreUnavailable."""


class AnswerChange(Protocol):
    """One answer of an upstream on its way, as another."""

    @property
    def headers(self) -> Sequence[tuple[bytes, bytes]]:
        """Its fields, raw: without a length, as that of its body is not known."""

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The next bytes of the upstream's body; what may go out, in pieces of bounded size that may be empty.

        Raises UpstreamBroken where they are not what the answer's head says.
        """

    def end(self) -> Iterator[bytes]:
        """The upstream's body is whole; the rest. Raises UpstreamBroken where bytes lack."""


class RequestChange(Protocol):
    """One request whose answer may be changed."""

    def asked(self, headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """What the upstream is asked, for what it would have been."""

    def answer(self, status: int, headers: Sequence[tuple[bytes, bytes]]) -> AnswerChange | None:
        """How the answer with this head is changed; None: it passes as it is."""


class AnswerTransform(Protocol):
    """What changes answers: the injection of the page's script."""

    def acts_for(self, organization: Organization) -> bool:
        """Whether any answer of this organization may be changed."""

    def may_change(self, facts: RequestFacts, organization: Organization, session: Session | None) -> bool:
        """Whether the answer to this request may be. No I/O; asked for every request of such an organization."""

    def begin(self, facts: RequestFacts, organization: Organization) -> RequestChange:
        """A request for which `may_change` said so."""
