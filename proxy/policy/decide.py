"""The one decision, shared by the proxy and the forward-auth endpoint: what becomes of a request, and why."""

from typing import assert_never

from proxy.model.binding import Standing
from proxy.model.decision import Challenge, Decision, Ending, Forward, Reason, Refuse, SignIn
from proxy.model.organization import Organization
from proxy.model.request import RequestFacts, RequestKind
from proxy.model.session import BearerRefused, CannotTell, Ended, EndReason, Live, NoSession, Session, SessionLookup
from proxy.model.settings import ActivityCounts, TimeRules
from proxy.model.time import Instant
from proxy.policy.access import is_anonymous, may_pass
from proxy.policy.limits import ending

_ANONYMOUS = Forward(Reason.ANONYMOUS)
_UPSTREAM_SIGN_IN = Forward(Reason.UPSTREAM_SIGN_IN)
_FORWARD = Forward(Reason.SIGNED_IN)
_FORWARD_AND_COUNT = Forward(Reason.SIGNED_IN, counts_as_activity=True)
_CANNOT_TELL = Refuse(503, Reason.STORE_UNREACHABLE)
_BEARER_REFUSED = Challenge(Reason.BEARER_REFUSED)
_NO_ACCESS = Refuse(403, Reason.NO_ACCESS)
_DEVICE_UNREGISTERED = Refuse(403, Reason.DEVICE_UNREGISTERED)

_REASONS = {
    EndReason.SESSION_TIMEOUT: Reason.SESSION_TIMEOUT,
    EndReason.TOKEN_LIFETIME: Reason.TOKEN_LIFETIME,
    EndReason.INACTIVITY_TIMEOUT: Reason.INACTIVITY_TIMEOUT,
    EndReason.SIGNED_OUT: Reason.SIGNED_OUT,
    EndReason.REVOKED: Reason.REVOKED,
    EndReason.REPLACED: Reason.REPLACED,
    EndReason.BINDING_BROKEN: Reason.BINDING_BROKEN,
    EndReason.REFRESH_REFUSED: Reason.REFRESH_REFUSED,
}
_NAVIGATIONS = frozenset({RequestKind.NAVIGATION, RequestKind.FRAMED_NAVIGATION})
# A redirect would turn another method into GET and lose its body.
_REDIRECTED = frozenset({"GET", "HEAD"})


def decide(
    facts: RequestFacts,
    organization: Organization,
    lookup: SessionLookup,
    rules: TimeRules,
    now: Instant,
    *,
    standing: Standing = Standing.HOLDS,
) -> Decision:
    """What becomes of one request of this organization at `now`.

    An `ending` in the answer is the caller's to carry out: the session has reached a limit and still lies in the
    store. `standing`: how the request stands to what a live session is bound to. Whether a WebSocket's Origin is ours
    is the gateway's to judge.
    """
    if organization.anonymous and is_anonymous(organization, facts.path):
        return _ANONYMOUS
    if isinstance(lookup, Live):
        return _decide_live(facts, organization, lookup.session, rules, now, standing=standing)
    if facts.is_upstream_sign_in and organization.upstream_sign_in:
        return _UPSTREAM_SIGN_IN
    return _decide_without(facts, lookup)


def _decide_without(facts: RequestFacts, lookup: NoSession | Ended | BearerRefused | CannotTell) -> Decision:
    match lookup:
        case NoSession():
            return _sign_in_or_challenge(facts, Reason.NO_SESSION)
        case Ended(tombstone=tombstone):
            return _sign_in_or_challenge(facts, _REASONS[tombstone.reason])
        case BearerRefused():
            return _BEARER_REFUSED
        case CannotTell():
            return _CANNOT_TELL
        case _:
            assert_never(lookup)


def _decide_live(
    facts: RequestFacts,
    organization: Organization,
    session: Session,
    rules: TimeRules,
    now: Instant,
    *,
    standing: Standing,
) -> Decision:
    ended = ending(session, rules, now)
    if ended is None and standing is not Standing.HOLDS:
        return _decide_unbound(facts, standing, now)
    if ended is not None:
        # A bearer's client reads challenges, whatever the request looks like.
        if session.is_bearer or not _may_redirect(facts):
            return Challenge(_REASONS[ended.reason], ended)
        return SignIn(_REASONS[ended.reason], facts.kind is RequestKind.FRAMED_NAVIGATION, ended)
    if organization.require and not may_pass(organization, session.principal, facts.path):
        return _NO_ACCESS
    if _counts(facts, rules.counts) and not session.is_bearer:
        return _FORWARD_AND_COUNT
    return _FORWARD


def _decide_unbound(facts: RequestFacts, standing: Standing, now: Instant) -> Decision:
    """A session cookie in the wrong hands, or in hands that do not show they are the right ones.

    Another browser ends the session; a device that shows no proof does not: its owner's has one.
    """
    if standing is Standing.DEVICE_UNREGISTERED:
        return _DEVICE_UNREGISTERED
    if standing is Standing.DEVICE_UNPROVEN:
        return _sign_in_or_challenge(facts, Reason.DEVICE_UNPROVEN)
    broken = Ending(EndReason.BINDING_BROKEN, now, owes_credentials=True)
    if not _may_redirect(facts):
        return Challenge(Reason.BINDING_BROKEN, broken)
    return SignIn(Reason.BINDING_BROKEN, facts.kind is RequestKind.FRAMED_NAVIGATION, broken)


def _sign_in_or_challenge(facts: RequestFacts, reason: Reason) -> SignIn | Challenge:
    if _may_redirect(facts):
        return SignIn(reason, framed=facts.kind is RequestKind.FRAMED_NAVIGATION)
    return Challenge(reason)


def _may_redirect(facts: RequestFacts) -> bool:
    return facts.kind in _NAVIGATIONS and facts.method in _REDIRECTED


def _counts(facts: RequestFacts, counts: ActivityCounts) -> bool:
    """Whether the request itself is activity; input that the page's script reports is counted where it arrives."""
    match counts:
        case ActivityCounts.USER_INPUT:
            return facts.user_caused
        case ActivityCounts.NAVIGATION:
            return facts.kind in _NAVIGATIONS
        case ActivityCounts.EVERY_REQUEST:
            return True
        case _:
            assert_never(counts)
