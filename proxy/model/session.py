"""Sessions, what is left of them, and the four different answers to «whose cookie is this?»."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol, TypeAlias

from proxy.model.binding import Binding, DeviceKey
from proxy.model.principal import Principal
from proxy.model.time import Instant


class ClientKind(StrEnum):
    """What a session's client is; fixed at sign-in, never judged per request."""

    BROWSER = "browser"
    OUTLOOK = "outlook"
    PHONE = "phone"
    TABLET = "tablet"
    UNIFIED_SERVICE_DESK = "unified_service_desk"
    LIVE_ASSIST = "live_assist"
    API = "api"


class EndReason(StrEnum):
    """Why a session ended. The words are public: pages, challenges, logs and metrics carry them."""

    SESSION_TIMEOUT = "session_timeout"
    TOKEN_LIFETIME = "token_lifetime"  # noqa: S105 - the name of a limit, not a secret
    INACTIVITY_TIMEOUT = "inactivity_timeout"
    SIGNED_OUT = "signed_out"
    REVOKED = "revoked"
    REPLACED = "replaced"
    BINDING_BROKEN = "binding_broken"
    REFRESH_REFUSED = "refresh_refused"


@dataclass(frozen=True, slots=True)
class SessionReference:
    """Where a session lies in the store. No secret: it opens nothing.

    `tag`: the principal's hash tag, shared by all records of one principal (base64url text).
    `id_hash`: SHA-256 of the cookie's id (base64url text, no padding).
    """

    tag: str
    id_hash: str


@dataclass(frozen=True, slots=True)
class Session:
    """One browser signed in to one organization.

    `reference` is None for a session made from a bearer token, which is never stored; `signed_in_at` is then its `iat`.
    `signed_in_at` starts the session timeout; `token_end` bounds the session where custom timeouts are off, and a
    bearer's always. `credentials_at`: when its user entered credentials (`policy.credentials`), None if they did not or
    the provider does not say. `binding`: the browser it is for, None for one of a time before bindings were recorded.
    `device`: the key that its device registered. `refresh_at`: from then on a refresh token may move the token's end,
    where custom timeouts are off; infinite where there is none.
    """

    reference: SessionReference | None
    organization: str
    principal: Principal
    signed_in_at: Instant
    token_end: Instant
    last_activity: Instant
    client_kind: ClientKind = ClientKind.BROWSER
    credentials_at: Instant | None = None
    provider_session: str | None = None
    subject: str | None = None
    binding: Binding | None = None
    device: DeviceKey | None = None
    refresh_at: Instant = math.inf

    @property
    def is_bearer(self) -> bool:
        """Whether a bearer token made this session; it then knows no inactivity."""
        return self.reference is None


class Timed(Protocol):
    """What the rules of time look at: a session, or what is listed of one."""

    @property
    def signed_in_at(self) -> Instant:
        """The start of the session timeout."""

    @property
    def token_end(self) -> Instant:
        """The end where custom timeouts are off."""

    @property
    def last_activity(self) -> Instant:
        """The start of the inactivity timeout."""

    @property
    def client_kind(self) -> ClientKind:
        """Some know no inactivity."""

    @property
    def is_bearer(self) -> bool:
        """Made from a bearer token."""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is left of an ended session for 24 hours."""

    reference: SessionReference
    organization: str
    reason: EndReason
    ended_at: Instant


class Live(NamedTuple):
    """There is a session. `from_store`: read from the store for this very answer, not from the worker's own copy.

    One is made for each request, and a frozen dataclass takes four times as long to make.
    """

    session: Session
    from_store: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """There was a session; its tombstone tells why it is no more."""

    tombstone: Tombstone


@dataclass(frozen=True, slots=True)
class NoSession:
    """No cookie, or one that names nothing we know."""


@dataclass(frozen=True, slots=True)
class BearerRefused:
    """An `Authorization: Bearer` token that broke a rule; `reason` is a stable snake_case word."""

    reason: str


@dataclass(frozen=True, slots=True)
class CannotTell:
    """The store is unreachable and the worker does not know the session well enough. Not the same as `NoSession`."""


SessionLookup: TypeAlias = Live | Ended | NoSession | BearerRefused | CannotTell


class Vouched(StrEnum):
    """Who vouches for the name in a provider's sign-out, and so for how long it is remembered."""

    SIGNED = "signed"
    """The provider's signature: remembered in any case."""

    UNSIGNED = "unsigned"
    """Nobody: remembered if a session has the name, else briefly and apart, as it may have overtaken a sign-in."""

    SUSPECT = "suspect"
    """Nobody, and its sender has sent many names that no session has: remembered only if a session has the name."""
