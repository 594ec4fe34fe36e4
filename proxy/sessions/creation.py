"""A sign-in on its way to become a session."""

import math
from dataclasses import dataclass

from proxy.model.binding import Binding
from proxy.model.principal import Principal
from proxy.model.session import ClientKind, Session, SessionReference
from proxy.model.settings import TimeRules
from proxy.model.time import Instant, Seconds
from proxy.policy.refresh import refresh_at
from proxy.store.port import Creation, Place, SignedIn


@dataclass(frozen=True, slots=True)
class NewSession:
    """A sign-in that was verified and is about to become a session.

    `counts_as_credentials`: False for a method that pays no credentials owed. `asked_for_credentials_at`: when this
    sign-in asked for credentials, None where it did not. `replaces`: the session that this browser had before.
    `binding`: the browser that signs in.
    `started_at`: when the browser left for the provider.
    `provider`: its name, for `provider_session` and `subject` mean something at that provider alone.
    """

    organization: str
    principal: Principal
    now: Instant
    token_end: Instant
    authenticated_at: Instant | None
    counts_as_credentials: bool
    asked_for_credentials_at: Instant | None
    leeway: Seconds
    client_kind: ClientKind
    rules: TimeRules
    provider_session: str | None = None
    subject: str | None = None
    id_token: str | None = None
    refresh_token: str | None = None
    replaces: SessionReference | None = None
    binding: Binding | None = None
    provider: str = ""
    started_at: Instant | None = None


@dataclass(frozen=True, slots=True)
class Created:
    """A session, and the value of the cookie that opens it."""

    cookie: str
    session: Session


@dataclass(frozen=True, slots=True)
class CredentialsOwed:
    """The principal must sign in with credentials after this instant; no session was made."""

    after: Instant


def creation_of(new: NewSession, place: Place) -> Creation:
    """What the store judges of it."""
    return Creation(
        place,
        new.organization,
        new.now,
        new.token_end,
        authenticated_at=new.authenticated_at,
        counts_as_credentials=new.counts_as_credentials,
        asked_at=new.asked_for_credentials_at,
        leeway=new.leeway,
        session_length=new.rules.session_length,
        inactivity=new.rules.inactivity,
        exempt=new.client_kind in new.rules.exempt_kinds,
        replaced=new.replaces.id_hash if new.replaces and new.replaces.tag == place.tag else "",
        started_at=new.started_at,
    )


def is_newer(new: NewSession, sign_out: Instant) -> bool:
    """Whether somebody has authenticated since a provider signed them out at `sign_out`, its clock allowed for.

    Where the provider states no authentication instant, this stops what was under way and nothing that came after.
    """
    if new.authenticated_at is None:
        return new.now > sign_out
    asked = new.asked_for_credentials_at
    answers = asked is not None and asked > sign_out and new.authenticated_at >= asked - new.leeway
    return new.authenticated_at > sign_out + new.leeway or answers


def session_of(new: NewSession, place: Place, answer: SignedIn) -> Session:
    """The session that it becomes."""
    return Session(
        reference=SessionReference(place.tag, place.id_hash),
        organization=new.organization,
        principal=new.principal,
        signed_in_at=answer.at,
        token_end=new.token_end,
        last_activity=new.now,
        client_kind=new.client_kind,
        credentials_at=new.authenticated_at if new.counts_as_credentials else None,
        provider_session=new.provider_session,
        subject=new.subject,
        binding=new.binding,
        refresh_at=refresh_at(new.token_end, new.now) if new.refresh_token else math.inf,
    )
