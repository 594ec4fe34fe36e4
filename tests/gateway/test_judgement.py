"""A decision that is kept for the next request is the one that would be taken anew."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.gateway.judgement import Credentials, Judge
from proxy.model.binding import Binding, BindingSettings, DeviceBound, DeviceKey
from proxy.model.organization import Organization
from proxy.model.request import RequestFacts, RequestKind
from proxy.model.session import Session, SessionReference
from proxy.model.settings import TimeRules
from proxy.observability.audit import Audit
from proxy.policy.binding import REGISTER_WITHIN
from proxy.sessions.guard import BindingGuard
from support.stage import ALICE, SEALER, SessionsInHand

NOW = 1_790_000_000.0
CONTOSO = Organization("contoso", "1", ("crm.contoso.com",), "http://127.0.0.1:1", anonymous=("/public",))
RULES = [
    TimeRules(),
    TimeRules(session_length=900.0),
    TimeRules(inactivity=300.0),
    TimeRules(session_length=900.0, inactivity=300.0, binds_to_browser=True),
]
SESSIONS = [
    Session(
        reference=SessionReference("tag", f"hash-{number}"),
        organization="contoso",
        principal=ALICE,
        signed_in_at=NOW,
        token_end=NOW + 600.0 * (number + 1),
        last_activity=NOW + 60.0 * number,
        binding=Binding("of another nonce" if number == 1 else "", ";;;", "", NOW),
        device=DeviceKey("{}", NOW) if number == 2 else None,
    )
    for number in range(3)
]
STEPS = st.lists(
    st.tuples(st.sampled_from(RULES), st.sampled_from([None, *SESSIONS]), st.floats(-60.0, 2000.0)),
    min_size=2,
    max_size=12,
)


class Now:
    """The clock and the rules of the moment."""

    at = NOW
    rules = RULES[0]


def judge_with(device: DeviceBound) -> Judge:
    """One whose clock and rules are `Now`'s."""
    return Judge(
        sessions=SessionsInHand(),
        bearer=None,
        rules_for=lambda _: Now.rules,
        clock=lambda: Now.at,
        audit=Audit(),
        guard=BindingGuard(BindingSettings(device), SEALER),
    )


def facts_of(path: str) -> RequestFacts:
    host = "crm.contoso.com"
    return RequestFacts("GET", path, path, "https", host, host, "192.0.2.1", RequestKind.BACKGROUND)


@pytest.mark.parametrize("device", [DeviceBound.OFF, DeviceBound.REQUIRED])
@pytest.mark.parametrize("path", ["/main.aspx", "/public/a"])
@given(steps=STEPS)
def test_a_kept_decision_is_the_one_taken_anew(device, path, steps):
    facts, judge, kept = facts_of(path), judge_with(device), None
    for Now.rules, session, seconds in steps:
        Now.at = NOW + seconds
        anew = judge.judge_at_once(facts, CONTOSO, session, Credentials())
        kept = judge.judge_at_once(facts, CONTOSO, session, Credentials(), kept)
        assert kept == anew


def test_where_devices_are_required_the_time_to_register_one_runs_out():
    facts, judge, session = facts_of("/"), judge_with(DeviceBound.REQUIRED), SESSIONS[0]
    Now.rules, Now.at = RULES[0], NOW + REGISTER_WITHIN - 1
    kept = judge.judge_at_once(facts, CONTOSO, session, Credentials())
    assert kept is not None
    Now.at = NOW + REGISTER_WITHIN
    assert judge.judge_at_once(facts, CONTOSO, session, Credentials(), kept) is None
