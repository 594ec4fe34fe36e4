"""What may become of a request. Policy returns one of these; only the gateway turns it into HTTP."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from proxy.model.session import EndReason
from proxy.model.time import Instant


class Reason(StrEnum):
    """Why a decision was taken. The words are public: logs, metrics and machine-readable challenges carry them."""

    SIGNED_IN = "signed_in"
    ANONYMOUS = "anonymous"
    UPSTREAM_SIGN_IN = "upstream_sign_in"
    NO_SESSION = "no_session"
    SESSION_TIMEOUT = "session_timeout"
    TOKEN_LIFETIME = "token_lifetime"  # noqa: S105 - the name of a limit, not a secret
    INACTIVITY_TIMEOUT = "inactivity_timeout"
    SIGNED_OUT = "signed_out"
    REVOKED = "revoked"
    REPLACED = "replaced"
    BINDING_BROKEN = "binding_broken"
    DEVICE_UNPROVEN = "device_unproven"
    DEVICE_UNREGISTERED = "device_unregistered"
    REFRESH_REFUSED = "refresh_refused"
    BEARER_REFUSED = "bearer_refused"
    NO_ACCESS = "no_access"
    FOREIGN_ORIGIN = "foreign_origin"
    STORE_UNREACHABLE = "store_unreachable"


@dataclass(frozen=True, slots=True)
class Ending:
    """A session that has reached a limit and is to be ended by the caller.

    `at` is the instant of the limit itself, not of its discovery. `owes_credentials`: a custom limit was reached, so
    the principal must sign in with credentials after `at`.
    """

    reason: EndReason
    at: Instant
    owes_credentials: bool


@dataclass(frozen=True, slots=True)
class Forward:
    """The request goes upstream. `counts_as_activity`: it also moves the inactivity limit."""

    reason: Reason
    counts_as_activity: bool = False


@dataclass(frozen=True, slots=True)
class SignIn:
    """A navigation goes to sign in; a framed one gets a page with a link out of the frame."""

    reason: Reason
    framed: bool = False
    ending: Ending | None = None


@dataclass(frozen=True, slots=True)
class Challenge:
    """401, machine-readable, never a redirect."""

    reason: Reason
    ending: Ending | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """403 or 503; `status` says which."""

    status: int
    reason: Reason


Decision: TypeAlias = Forward | SignIn | Challenge | Refuse
