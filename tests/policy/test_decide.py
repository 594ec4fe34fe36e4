"""The one decision, row by row: what is known of the session, how the request came about, what becomes of it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model.decision import Challenge, Ending, Forward, Reason, Refuse, SignIn
from proxy.model.organization import AccessRule, Organization
from proxy.model.principal import Principal
from proxy.model.request import RequestFacts, RequestKind
from proxy.model.session import (
    BearerRefused,
    CannotTell,
    ClientKind,
    Ended,
    EndReason,
    Live,
    NoSession,
    Session,
    SessionReference,
    Tombstone,
)
from proxy.model.settings import ActivityCounts, TimeRules
from proxy.policy.decide import decide

RULES = TimeRules(session_length=7200, inactivity=600)
REFERENCE = SessionReference("tag", "hash")
NAVIGATION, FRAMED, BACKGROUND = RequestKind.NAVIGATION, RequestKind.FRAMED_NAVIGATION, RequestKind.BACKGROUND
API, WEBSOCKET = RequestKind.API, RequestKind.WEBSOCKET
ANSWERS_TO_KINDS = [
    ("GET", NAVIGATION, SignIn(Reason.NO_SESSION)),
    ("HEAD", NAVIGATION, SignIn(Reason.NO_SESSION)),
    ("GET", FRAMED, SignIn(Reason.NO_SESSION, framed=True)),
    ("POST", NAVIGATION, Challenge(Reason.NO_SESSION)),
    ("POST", FRAMED, Challenge(Reason.NO_SESSION)),
    ("OPTIONS", BACKGROUND, Challenge(Reason.NO_SESSION)),
    ("GET", BACKGROUND, Challenge(Reason.NO_SESSION)),
    ("GET", API, Challenge(Reason.NO_SESSION)),
    ("GET", WEBSOCKET, Challenge(Reason.NO_SESSION)),
]


def ended(reason):
    return Ended(Tombstone(REFERENCE, "contoso", reason, 0.0))


@pytest.mark.parametrize(("method", "kind", "expected"), ANSWERS_TO_KINDS)
def test_without_a_session_navigations_sign_in_and_the_rest_is_challenged(
    facts, organization, now, *, method, kind, expected
):
    facts = replace(facts, method=method, kind=kind)
    assert decide(facts, organization, NoSession(), RULES, now) == expected


@pytest.mark.parametrize("reason", list(EndReason))
@pytest.mark.parametrize(("method", "kind", "expected"), ANSWERS_TO_KINDS)
def test_an_ended_session_is_answered_likewise_with_its_own_reason(
    facts, organization, now, *, method, kind, expected, reason
):
    facts = replace(facts, method=method, kind=kind)
    expected = replace(expected, reason=Reason(reason.value))
    assert decide(facts, organization, ended(reason), RULES, now) == expected


@pytest.mark.parametrize(("method", "kind", "expected"), ANSWERS_TO_KINDS)
def test_a_session_at_a_limit_is_answered_likewise_and_to_be_ended(
    facts, organization, session, now, *, method, kind, expected
):
    facts = replace(facts, method=method, kind=kind)
    ending = Ending(EndReason.INACTIVITY_TIMEOUT, now + 600, owes_credentials=True)
    expected = replace(expected, reason=Reason.INACTIVITY_TIMEOUT, ending=ending)
    lookup = Live(session, from_store=True)
    assert decide(facts, organization, lookup, RULES, now + 600) == expected
    assert decide(facts, organization, lookup, RULES, now + 599.999) == Forward(Reason.SIGNED_IN)


@pytest.mark.parametrize(
    ("rules", "after", "reason", "owes"),
    [
        (TimeRules(), 3600, EndReason.TOKEN_LIFETIME, False),
        (TimeRules(session_length=7200), 7200, EndReason.SESSION_TIMEOUT, True),
        (TimeRules(session_length=7200, inactivity=7200), 7200, EndReason.SESSION_TIMEOUT, True),
    ],
)
def test_the_decision_names_the_limit_and_what_it_owes(
    facts, organization, session, now, *, rules, after, reason, owes
):
    decision = decide(facts, organization, Live(session, from_store=False), rules, now + after + 5)
    assert decision == SignIn(Reason(reason.value), ending=Ending(reason, now + after, owes))


def test_a_bearer_at_its_limit_is_challenged_whatever_it_looks_like(facts, organization, bearer, now):
    decision = decide(facts, organization, Live(bearer, from_store=False), RULES, now + 3600)
    assert decision == Challenge(
        Reason.TOKEN_LIFETIME, Ending(EndReason.TOKEN_LIFETIME, now + 3600, owes_credentials=False)
    )
    assert decide(facts, organization, Live(bearer, from_store=False), RULES, now + 3599) == Forward(Reason.SIGNED_IN)


@pytest.mark.parametrize("kind", list(RequestKind))
def test_an_unreachable_store_is_neither_a_sign_out_nor_a_pass(facts, organization, now, kind):
    facts = replace(facts, kind=kind)
    assert decide(facts, organization, CannotTell(), RULES, now) == Refuse(503, Reason.STORE_UNREACHABLE)


@pytest.mark.parametrize("kind", list(RequestKind))
def test_a_refused_bearer_is_challenged(facts, organization, now, kind):
    facts = replace(facts, kind=kind)
    assert decide(facts, organization, BearerRefused("expired"), RULES, now) == Challenge(Reason.BEARER_REFUSED)


@pytest.mark.parametrize(
    "lookup",
    [NoSession(), CannotTell(), BearerRefused("expired"), ended(EndReason.REVOKED)],
    ids=lambda it: str(it)[:12],
)
def test_an_anonymous_path_passes_whatever_is_known(facts, organization, now, lookup):
    organization = replace(organization, anonymous=("/public",))
    public = replace(facts, path="/public/a")
    assert decide(public, organization, lookup, RULES, now) == Forward(Reason.ANONYMOUS)
    assert not isinstance(decide(facts, organization, lookup, RULES, now), Forward)


def test_an_anonymous_path_counts_as_no_activity(facts, organization, session, now):
    organization = replace(organization, anonymous=("/public",))
    rules = replace(RULES, counts=ActivityCounts.EVERY_REQUEST)
    public = replace(facts, path="/public", user_caused=True)
    assert decide(public, organization, Live(session, from_store=True), rules, now) == Forward(Reason.ANONYMOUS)


def test_whom_the_organization_does_not_admit_is_refused_not_signed_out(facts, organization, session, now):
    closed = replace(organization, require=(AccessRule("role", ("admin",), paths=("/settings",)),))
    inside = replace(facts, path="/settings/x")
    lookup = Live(session, from_store=True)
    assert decide(inside, closed, lookup, RULES, now) == Refuse(403, Reason.NO_ACCESS)
    assert decide(facts, closed, lookup, RULES, now) == Forward(Reason.SIGNED_IN)
    admin = replace(session, principal=replace(session.principal, roles=("admin",)))
    assert decide(inside, closed, Live(admin, from_store=True), RULES, now) == Forward(Reason.SIGNED_IN)


def test_a_limit_comes_before_access(facts, organization, session, now):
    closed = replace(organization, require=(AccessRule("role", ("admin",)),))
    decision = decide(facts, closed, Live(session, from_store=True), RULES, now + 600)
    assert decision.reason is Reason.INACTIVITY_TIMEOUT


@pytest.mark.parametrize(
    ("counts", "kind", "user_caused", "counted"),
    [
        (ActivityCounts.USER_INPUT, NAVIGATION, True, True),
        (ActivityCounts.USER_INPUT, FRAMED, True, True),
        (ActivityCounts.USER_INPUT, NAVIGATION, False, False),
        (ActivityCounts.USER_INPUT, BACKGROUND, False, False),
        (ActivityCounts.NAVIGATION, NAVIGATION, True, True),
        (ActivityCounts.NAVIGATION, NAVIGATION, False, True),
        (ActivityCounts.NAVIGATION, FRAMED, False, True),
        (ActivityCounts.NAVIGATION, BACKGROUND, False, False),
        (ActivityCounts.NAVIGATION, API, False, False),
        (ActivityCounts.EVERY_REQUEST, NAVIGATION, True, True),
        (ActivityCounts.EVERY_REQUEST, BACKGROUND, False, True),
        (ActivityCounts.EVERY_REQUEST, API, False, True),
        (ActivityCounts.EVERY_REQUEST, WEBSOCKET, False, True),
    ],
)
def test_what_counts_as_activity(facts, organization, session, now, *, counts, kind, user_caused, counted):
    facts = replace(facts, kind=kind, user_caused=user_caused)
    rules = replace(RULES, counts=counts)
    decision = decide(facts, organization, Live(session, from_store=False), rules, now)
    assert decision == Forward(Reason.SIGNED_IN, counts_as_activity=counted)
    bearer = replace(session, reference=None)
    assert decide(facts, organization, Live(bearer, from_store=False), rules, now) == Forward(Reason.SIGNED_IN)


ORGANIZATION = Organization("contoso", "1", ("crm.contoso.com",), "http://upstream", anonymous=("/public",))
SECONDS = st.floats(0, 200_000)


@given(
    facts=st.builds(
        RequestFacts,
        method=st.sampled_from(("GET", "HEAD", "POST", "OPTIONS", "PROPFIND")),
        target=st.just("/main.aspx"),
        path=st.sampled_from(("/main.aspx", "/publicly", "/")),
        scheme=st.just("https"),
        host=st.just("crm.contoso.com"),
        authority=st.just("crm.contoso.com"),
        client_address=st.just("203.0.113.9"),
        kind=st.sampled_from(RequestKind),
        user_caused=st.booleans(),
    ),
    lookup=st.one_of(
        st.builds(
            Live,
            st.builds(
                Session,
                reference=st.sampled_from((REFERENCE, None)),
                organization=st.just("contoso"),
                principal=st.just(Principal("key", "Alice")),
                signed_in_at=SECONDS,
                token_end=SECONDS,
                last_activity=SECONDS,
                client_kind=st.sampled_from(ClientKind),
            ),
            st.booleans(),
        ),
        st.sampled_from((NoSession(), CannotTell(), BearerRefused("expired"))),
        st.sampled_from(EndReason).map(ended),
    ),
    rules=st.builds(TimeRules, session_length=st.none() | SECONDS, inactivity=st.none() | SECONDS),
    now=SECONDS,
)
def test_only_a_live_session_within_its_limits_is_forwarded_and_only_navigations_redirected(facts, lookup, rules, now):
    decision = decide(facts, ORGANIZATION, lookup, rules, now)
    if isinstance(decision, Forward):
        assert isinstance(lookup, Live)
        session = lookup.session
        longest = session.token_end if rules.session_length is None else session.signed_in_at + rules.session_length
        assert now < (min(longest, session.token_end) if session.is_bearer else longest)
        if rules.inactivity is not None and session.client_kind is ClientKind.BROWSER and not session.is_bearer:
            assert now < session.last_activity + rules.inactivity
    if isinstance(decision, SignIn):
        assert facts.method in ("GET", "HEAD")
        assert facts.kind in (NAVIGATION, FRAMED)
    if isinstance(lookup, CannotTell):
        assert decision == Refuse(503, Reason.STORE_UNREACHABLE)
