"""The rules of time: the truth table of what is enforced, and what holds for every session under every setting."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model.decision import Ending
from proxy.model.organization import Organization, OrganizationKind
from proxy.model.principal import Principal
from proxy.model.session import ClientKind, EndReason, Session, SessionReference
from proxy.model.settings import (
    EXEMPT_KINDS,
    ActivityCounts,
    FeatureControlBits,
    Finding,
    Limits,
    ServerSettings,
    SystemSettings,
    TimeRules,
)
from proxy.policy.limits import ending, inactivity_end, problems, session_end, time_left, time_rules

HOUR = 3600.0
CUSTOM = SystemSettings(
    sessiontimeoutenabled=True,
    sessiontimeoutinmins=120,
    sessiontimeoutreminderinmins=15,
    inactivitytimeoutenabled=True,
    inactivitytimeoutinmins=30,
    inactivitytimeoutreminderinmins=5,
)
ALL_ON = ServerSettings(allow_custom_session_duration=True, allow_custom_inactivity_duration=True)
FEATURE_ON = FeatureControlBits(uci_inactivity_timeout=True)
BOUNDS = Limits()
ON_AND_OFF = [True, False]


def rules_of(
    settings=CUSTOM,
    server=ALL_ON,
    bits=FEATURE_ON,
    limits=BOUNDS,
    counts=ActivityCounts.USER_INPUT,
    **of_organization,
):
    organization = Organization(
        name="contoso", id="1", hosts=("a",), upstream="http://u", system_settings=settings, **of_organization
    )
    return time_rules(organization, server, bits, limits, counts)


@pytest.mark.parametrize("feature_bit", ON_AND_OFF)
@pytest.mark.parametrize("enabled", ON_AND_OFF)
@pytest.mark.parametrize("allowed", ON_AND_OFF)
def test_table_of_the_session_timeout(session, allowed, enabled, feature_bit):
    rules = rules_of(
        replace(CUSTOM, sessiontimeoutenabled=enabled),
        replace(ALL_ON, allow_custom_session_duration=allowed),
        FeatureControlBits(feature_bit),
    )
    if allowed and enabled:
        assert session_end(session, rules) == (session.signed_in_at + 2 * HOUR, EndReason.SESSION_TIMEOUT)
    else:
        assert session_end(session, rules) == (session.token_end, EndReason.TOKEN_LIFETIME)


@pytest.mark.parametrize("kind", list(ClientKind))
@pytest.mark.parametrize("enabled", ON_AND_OFF)
@pytest.mark.parametrize("allowed", ON_AND_OFF)
@pytest.mark.parametrize("feature_bit", ON_AND_OFF)
def test_table_of_the_inactivity_timeout(session, feature_bit, allowed, enabled, kind):
    rules = rules_of(
        replace(CUSTOM, inactivitytimeoutenabled=enabled),
        replace(ALL_ON, allow_custom_inactivity_duration=allowed),
        FeatureControlBits(feature_bit),
    )
    enforced = feature_bit and allowed and enabled and kind in (ClientKind.BROWSER, ClientKind.API)
    expected = session.last_activity + 1800 if enforced else None
    assert inactivity_end(replace(session, client_kind=kind), rules) == expected


OWES = {EndReason.SESSION_TIMEOUT: True, EndReason.INACTIVITY_TIMEOUT: True, EndReason.TOKEN_LIFETIME: False}


@pytest.mark.parametrize(
    ("length", "inactivity", "token_end", "at", "reason"),
    [
        (None, None, 3600, 3600, EndReason.TOKEN_LIFETIME),
        (None, 600, 3600, 600, EndReason.INACTIVITY_TIMEOUT),
        (None, 7200, 3600, 3600, EndReason.TOKEN_LIFETIME),
        (None, 3600, 3600, 3600, EndReason.INACTIVITY_TIMEOUT),
        (7200, None, 3600, 7200, EndReason.SESSION_TIMEOUT),
        (1800, None, 3600, 1800, EndReason.SESSION_TIMEOUT),
        (7200, 600, 3600, 600, EndReason.INACTIVITY_TIMEOUT),
        (3600, 3600, 9999, 3600, EndReason.SESSION_TIMEOUT),
        (3600, 3600, 3600, 3600, EndReason.SESSION_TIMEOUT),
    ],
)
def test_the_nearer_end_wins_at_the_instant_itself(session, now, *, length, inactivity, token_end, at, reason):
    session = replace(session, token_end=now + token_end)
    rules = TimeRules(session_length=length, inactivity=inactivity)
    assert ending(session, rules, now + at - 0.001) is None
    expected = Ending(reason, now + at, owes_credentials=OWES[reason])
    assert ending(session, rules, now + at) == expected
    assert ending(session, rules, now + at + 86400) == expected


@pytest.mark.parametrize(
    ("length", "token_end", "at", "reason"),
    [
        (None, 3600, 3600, EndReason.TOKEN_LIFETIME),
        (7200, 3600, 3600, EndReason.TOKEN_LIFETIME),
        (1800, 3600, 1800, EndReason.SESSION_TIMEOUT),
        (3600, 3600, 3600, EndReason.SESSION_TIMEOUT),
    ],
)
def test_a_bearer_s_session_ends_at_the_nearer_of_token_and_length_and_never_idles(
    bearer, now, *, length, token_end, at, reason
):
    bearer = replace(bearer, token_end=now + token_end)
    rules = TimeRules(session_length=length, inactivity=60)
    assert session_end(bearer, rules) == (now + at, reason)
    assert inactivity_end(bearer, rules) is None
    assert inactivity_end(replace(bearer, reference=object()), rules) == now + 60


@pytest.mark.parametrize("server", [ServerSettings(), ALL_ON])
@pytest.mark.parametrize("bits", [FeatureControlBits(), FEATURE_ON])
@pytest.mark.parametrize("enabled", ON_AND_OFF)
def test_a_portal_without_switches_goes_by_its_system_settings_alone(server, bits, enabled):
    settings = replace(CUSTOM, sessiontimeoutenabled=enabled, inactivitytimeoutenabled=enabled)
    rules = rules_of(settings, server, bits, kind=OrganizationKind.PORTAL)
    assert rules.session_length == (2 * HOUR if enabled else None)
    assert rules.inactivity == (1800 if enabled else None)


def test_a_portal_s_own_switches_count_and_the_server_s_do_not():
    off = rules_of(kind=OrganizationKind.PORTAL, server_settings=ServerSettings())
    on = rules_of(server=ServerSettings(), kind=OrganizationKind.PORTAL, server_settings=ALL_ON)
    assert (off.session_length, off.inactivity) == (None, None)
    assert (on.session_length, on.inactivity) == (2 * HOUR, 1800)


@pytest.mark.parametrize(
    ("kind", "server", "of_organization", "owes"),
    [
        (OrganizationKind.CRM, False, None, False),
        (OrganizationKind.CRM, True, None, True),
        (OrganizationKind.CRM, True, False, False),
        (OrganizationKind.CRM, False, True, True),
        (OrganizationKind.PORTAL, True, None, False),
        (OrganizationKind.PORTAL, False, True, True),
    ],
)
def test_the_organization_s_nonce_setting_outranks_the_server_s(kind, server, of_organization, owes):
    rules = rules_of(
        server=ServerSettings(wsfed_nonce_cookie_enabled=server), kind=kind, wsfed_nonce_cookie_enabled=of_organization
    )
    assert rules.sign_out_owes_credentials is owes


def test_nothing_is_enforced_until_enabled():
    rules = rules_of(SystemSettings())
    assert rules == TimeRules(session_length=None, session_reminder=1200, inactivity=None, exempt_kinds=EXEMPT_KINDS)


@pytest.mark.parametrize("counts", list(ActivityCounts))
def test_what_counts_as_activity_is_handed_on(counts):
    assert rules_of(counts=counts).counts is counts


@pytest.mark.parametrize(
    ("setting", "bad", "least", "good"),
    [
        *(
            ("sessiontimeoutinmins", bad, 60, good)
            for bad, good in [(59, 60), (1441, 1440), (None, 61), (0, 60), (-1, 60)]
        ),
        *(
            ("sessiontimeoutreminderinmins", bad, 1, good)
            for bad, good in [(0, 1), (120, 119), (None, 2), (2**31 - 1, 20)]
        ),
        *(("inactivitytimeoutinmins", bad, 5, good) for bad, good in [(4, 6), (120, 119), (None, 6), (0, 6), (-5, 6)]),
        *(("inactivitytimeoutreminderinmins", bad, 1, good) for bad, good in [(0, 1), (30, 29), (-1, 2)]),
    ],
)
def test_a_value_out_of_bounds_counts_as_the_strictest_and_is_found(setting, bad, least, good):
    # A reminder must lie below what it warns of, also where that is taken as its least value.
    base = replace(CUSTOM, inactivitytimeoutreminderinmins=2)
    if setting == "sessiontimeoutinmins":
        base = replace(base, inactivitytimeoutinmins=10)
    rules = rules_of(replace(base, **{setting: bad}))
    assert [(finding.setting, finding.value, finding.taken_as) for finding in rules.findings] == [(setting, bad, least)]
    assert all(finding.bound for finding in rules.findings)
    strictest = rules_of(replace(base, **{setting: least}))
    assert replace(rules, findings=()) == strictest
    assert rules_of(replace(base, **{setting: good})).findings == ()


def test_a_length_taken_as_its_least_bounds_what_hangs_on_it():
    settings = replace(
        CUSTOM, sessiontimeoutinmins=5000, inactivitytimeoutinmins=90, inactivitytimeoutreminderinmins=60
    )
    rules = rules_of(settings)
    assert (rules.session_length, rules.inactivity, rules.inactivity_reminder) == (60 * 60, 5 * 60, 60)
    assert [finding.setting for finding in rules.findings] == [
        "sessiontimeoutinmins",
        "inactivitytimeoutinmins",
        "inactivitytimeoutreminderinmins",
    ]


def test_what_does_not_act_is_not_found_at_fault():
    broken = replace(CUSTOM, sessiontimeoutinmins=7, inactivitytimeoutinmins=None, inactivitytimeoutreminderinmins=0)
    settings = replace(broken, sessiontimeoutreminderinmins=3)
    assert rules_of(settings, server=ServerSettings()).findings == ()
    assert len(rules_of(settings).findings) > 1


def test_where_no_custom_length_is_set_inactivity_stays_below_the_ceiling():
    settings = replace(CUSTOM, sessiontimeoutenabled=False, inactivitytimeoutinmins=1439)
    assert rules_of(settings).inactivity == 1439 * 60
    assert rules_of(replace(settings, inactivitytimeoutinmins=1440)).inactivity == 5 * 60


def test_the_ceiling_is_a_setting():
    wide = Limits(session_minimum=1, session_maximum=10_000, inactivity_minimum=1)
    settings = replace(CUSTOM, sessiontimeoutinmins=9_999, inactivitytimeoutinmins=2, inactivitytimeoutreminderinmins=1)
    assert rules_of(settings, limits=wide).findings == ()
    assert rules_of(settings, limits=wide).session_length == 9_999 * 60
    assert {finding.setting for finding in rules_of(settings).findings} == {
        "sessiontimeoutinmins",
        "inactivitytimeoutinmins",
    }


def test_problems_name_setting_value_and_bound():
    assert problems(CUSTOM, Limits()) == ()
    (problem,) = problems(replace(CUSTOM, sessiontimeoutinmins=59), Limits())
    assert (problem.setting, problem.value) == ("sessiontimeoutinmins", 59)
    assert problem.bound
    (finding,) = rules_of(replace(CUSTOM, sessiontimeoutinmins=59)).findings
    assert finding == Finding("sessiontimeoutinmins", 59, 60, problem.bound)


@pytest.mark.parametrize(
    ("length", "reminder", "token_life", "warned_before"),
    [(7200, 900, 3600, 900), (None, 900, 3600, 900), (None, 1200, 600, 300), (None, 900, 1800, 900), (None, 900, 0, 0)],
)
def test_the_session_s_warning_comes_before_its_end(session, now, *, length, reminder, token_life, warned_before):
    session = replace(session, token_end=now + token_life)
    left = time_left(session, TimeRules(session_length=length, session_reminder=reminder), now + 10)
    assert left.session_ends_in == (length or token_life) - 10
    assert left.session_warning_in == left.session_ends_in - warned_before
    assert (left.inactivity_ends_in, left.inactivity_warning_in) == (None, None)


def test_time_left_names_both_ends_and_the_nearer_one_s_reason(session, now):
    rules = TimeRules(session_length=7200, session_reminder=900, inactivity=1800, inactivity_reminder=300)
    left = time_left(replace(session, last_activity=now + 60), rules, now + 100)
    assert (left.session_ends_in, left.session_warning_in) == (7100, 6200)
    assert (left.inactivity_ends_in, left.inactivity_warning_in) == (1760, 1460)
    assert left.reason is EndReason.INACTIVITY_TIMEOUT
    assert time_left(replace(session, last_activity=now + 6000), rules, now).reason is EndReason.SESSION_TIMEOUT


SECONDS = st.integers(1, 200_000).map(float)
MAYBE = st.none() | SECONDS
RULES = st.builds(
    TimeRules, session_length=MAYBE, session_reminder=SECONDS, inactivity=MAYBE, inactivity_reminder=SECONDS
)
KINDS = st.sampled_from(ClientKind)


SESSION = Session(SessionReference("tag", "hash"), "contoso", Principal("key", "Alice"), 0.0, HOUR, 0.0)


@given(rules=RULES, kind=KINDS, token=SECONDS, activity=SECONDS, bears=st.booleans(), now=SECONDS)
def test_a_session_ends_exactly_where_an_end_is_reached(*, rules, kind, token, activity, bears, now):
    session = replace(SESSION, client_kind=kind, token_end=token, last_activity=activity)
    session = replace(session, reference=None) if bears else session
    ends = [end for end in (session_end(session, rules)[0], inactivity_end(session, rules)) if end is not None]
    found = ending(session, rules, now)
    assert (found is not None) == (now >= min(ends))
    assert found is None or found.at == min(ends) <= now
    left = time_left(session, rules, now)
    assert left.session_warning_in <= left.session_ends_in
    assert found is None or found.reason is left.reason


@given(rules=RULES, token=SECONDS, activity=SECONDS, reminders=st.tuples(SECONDS, SECONDS), now=SECONDS)
def test_reminders_never_move_an_end(rules, token, activity, reminders, now):
    session = replace(SESSION, token_end=token, last_activity=activity)
    other = replace(rules, session_reminder=reminders[0], inactivity_reminder=reminders[1])
    assert ending(session, rules, now) == ending(session, other, now)


@given(rules=RULES, token=SECONDS, activity=SECONDS, now=SECONDS, less=SECONDS)
def test_a_stricter_setting_never_lengthens_a_session(rules, token, activity, now, less):
    session = replace(SESSION, token_end=token, last_activity=activity)
    for stricter in (
        replace(rules, inactivity=min(less, rules.inactivity or less)),
        replace(rules, session_length=min(less, rules.session_length)) if rules.session_length else rules,
    ):
        if ending(session, rules, now):
            assert ending(session, stricter, now)


@given(
    settings=st.builds(
        SystemSettings,
        sessiontimeoutenabled=st.booleans(),
        sessiontimeoutinmins=st.none() | st.integers(-10, 3000),
        sessiontimeoutreminderinmins=st.none() | st.integers(-10, 3000),
        inactivitytimeoutenabled=st.booleans(),
        inactivitytimeoutinmins=st.none() | st.integers(-10, 3000),
        inactivitytimeoutreminderinmins=st.none() | st.integers(-10, 3000),
    )
)
def test_whatever_the_store_holds_the_rules_are_within_bounds(settings):
    rules = rules_of(settings)
    assert (rules.session_length is not None) == settings.sessiontimeoutenabled
    assert (rules.inactivity is not None) == settings.inactivitytimeoutenabled
    assert rules.session_length is None or 3600 <= rules.session_length <= 86400
    assert rules.inactivity is None or 300 <= rules.inactivity < (rules.session_length or 86400)
    assert rules.session_reminder >= 60
    assert rules.session_length is None or rules.session_reminder < rules.session_length
    if rules.inactivity is not None and rules.inactivity_reminder is not None:
        assert 60 <= rules.inactivity_reminder < rules.inactivity
