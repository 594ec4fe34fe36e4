"""A sign-in that something waits for: what it proves, as the caller of the waiting act needs it."""

from dataclasses import dataclass

from proxy.model.organization import Organization
from proxy.model.request import RequestFacts
from proxy.model.session import Session
from proxy.model.time import Instant, Seconds


@dataclass(frozen=True, slots=True, repr=False)
class Confirmation:
    """One completed sign-in that was started for a change.

    Attributes:
        session: The session that the sign-in has made.
        digest: The change that the sign-in was started for; the sealed login state carried it.
        waiting: Our cookie with the change itself, None where the browser shows none.
        asked_at: The instant at which credentials were requested.
        leeway: Seconds by which the provider's clock may differ from ours.
        return_to: The path that the sign-in was to lead back to.
    """

    facts: RequestFacts
    organization: Organization
    session: Session
    digest: str
    waiting: str | None
    asked_at: Instant | None
    leeway: Seconds
    return_to: str
