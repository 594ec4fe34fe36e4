"""Design, section 3, «Credentials owed»: deleting the cookie or starting a sign-in early avoids nothing."""

import pytest

from proxy.store.port import AUTHENTICATIONS_KEPT, Owed, Place, SignedIn, Stone, Touch

NOW = 1_790_000_000.0
HOUR = 3600.0
TAG = "dGFn"
CUSTOM = {"session_length": HOUR, "token_end": NOW + 8 * HOUR}
IDLE = {"inactivity": 600.0, "token_end": NOW + 8 * HOUR}


async def signed_in_at(ledger, place) -> float:
    return (await ledger.read(place)).signed_in_at


async def test_a_cookie_deleted_at_minute_59_keeps_the_old_signed_in_instant(ledger):
    await ledger.sign_in(NOW, authenticated_at=NOW, **CUSTOM)
    again = await ledger.sign_in(NOW + 3540, authenticated_at=NOW, **CUSTOM)
    assert await signed_in_at(ledger, again) == NOW


async def test_a_fresh_authentication_at_minute_59_starts_a_session_of_its_own(ledger):
    await ledger.sign_in(NOW, authenticated_at=NOW, **CUSTOM)
    again = await ledger.sign_in(NOW + 3540, authenticated_at=NOW + 3530, **CUSTOM)
    assert await signed_in_at(ledger, again) == NOW + 3540


@pytest.mark.parametrize("after", [HOUR, HOUR + 1, 30 * HOUR])
async def test_the_same_authentication_after_the_end_owes_credentials(ledger, after):
    await ledger.sign_in(NOW, authenticated_at=NOW, **CUSTOM)
    assert await ledger.sign_in(NOW + after, authenticated_at=NOW, **CUSTOM) == Owed(NOW + HOUR)


async def test_credentials_after_the_end_are_accepted(ledger):
    await ledger.sign_in(NOW, authenticated_at=NOW, **CUSTOM)
    again = await ledger.sign_in(NOW + HOUR + 70, authenticated_at=NOW + HOUR + 65, **CUSTOM)
    assert await signed_in_at(ledger, again) == NOW + HOUR + 70


async def test_a_sign_in_begun_early_and_finished_late_is_refused(ledger):
    await ledger.sign_in(NOW, authenticated_at=NOW, **CUSTOM)
    answer = await ledger.sign_in(NOW + HOUR + 30, authenticated_at=NOW + 3540, asked_at=NOW + 3530, **CUSTOM)
    assert answer == Owed(NOW + HOUR)


async def test_an_older_authentication_than_one_known_gets_that_one_s_instant(ledger):
    await ledger.sign_in(NOW, authenticated_at=NOW, **CUSTOM)
    again = await ledger.sign_in(NOW + 60, authenticated_at=NOW - 999, **CUSTOM)
    assert await signed_in_at(ledger, again) == NOW


async def test_the_first_signed_in_instant_of_an_authentication_outlives_a_change_of_settings(ledger):
    first = await ledger.sign_in(NOW, authenticated_at=NOW)
    second = await ledger.sign_in(NOW + 600, authenticated_at=NOW)
    assert (await signed_in_at(ledger, first), await signed_in_at(ledger, second)) == (NOW, NOW + 600)
    third = await ledger.sign_in(NOW + 900, authenticated_at=NOW, **CUSTOM)
    assert await signed_in_at(ledger, third) == NOW


async def test_without_custom_limits_the_provider_may_answer_from_its_own_sign_on(ledger):
    await ledger.sign_in(NOW, authenticated_at=NOW)
    assert await ledger.lives(await ledger.sign_in(NOW + 5 * HOUR, authenticated_at=NOW))


async def test_a_session_idle_elsewhere_owes_credentials_from_its_inactivity_end(ledger):
    idle = await ledger.sign_in(NOW, authenticated_at=NOW, **IDLE)
    await ledger.store.touch([Touch(idle, NOW + 100)])
    assert await ledger.sign_in(NOW + 700, authenticated_at=NOW, **IDLE) == Owed(NOW + 700)
    assert await ledger.read(idle) == Stone("contoso", "inactivity_timeout", NOW + 700)
    assert await ledger.lives(await ledger.sign_in(NOW + 790, authenticated_at=NOW + 780, **IDLE))


@pytest.mark.parametrize("change", [{"seen": True}, {"exempt": True}, {"other": True}, {"token": True}])
async def test_a_session_that_is_not_idle_owes_nothing(ledger, change):
    facts = IDLE | ({"exempt": True} if "exempt" in change else {})
    facts |= {"token_end": NOW + 500} if "token" in change else {}
    facts |= {"organization": "fabrikam"} if "other" in change else {}
    first = await ledger.sign_in(NOW, authenticated_at=NOW, **facts)
    if "seen" in change:
        await ledger.store.touch([Touch(first, NOW + 101)])
    assert await ledger.lives(await ledger.sign_in(NOW + 700, authenticated_at=NOW, **IDLE))


MARKED = NOW + 100


@pytest.mark.parametrize(
    ("facts", "accepted"),
    [
        ({"authenticated_at": MARKED + 60.5}, True),
        ({"authenticated_at": MARKED + 60}, False),
        ({"authenticated_at": MARKED + 60, "asked_at": MARKED + 1}, True),
        ({"authenticated_at": None}, False),
        ({"authenticated_at": None, "asked_at": MARKED + 1}, False),
        ({"authenticated_at": MARKED + 60.5, "counts_as_credentials": False}, False),
        ({"authenticated_at": MARKED - 58, "asked_at": MARKED + 1}, True),
        ({"authenticated_at": MARKED - 60, "asked_at": MARKED + 1}, False),
        ({"authenticated_at": MARKED - 58, "asked_at": MARKED}, False),
        ({"authenticated_at": MARKED - 58, "asked_at": MARKED + 1, "counts_as_credentials": False}, False),
    ],
)
@pytest.mark.parametrize("organization", ["contoso", None])
async def test_a_mark_asks_for_newer_credentials(ledger, facts, accepted, organization):
    order = ledger.order(Place(TAG, ""), MARKED, "revoked", owes_credentials=True)
    await ledger.store.end_principal(TAG, organization, order)
    answer = await ledger.sign_in(MARKED + 90, **facts)
    assert await ledger.lives(answer) if accepted else answer == Owed(MARKED)


async def test_an_authentication_used_before_the_mark_is_not_newer_whatever_the_leeway(ledger):
    first = await ledger.sign_in(NOW, authenticated_at=NOW - 1)
    await ledger.store.end(ledger.order(first, NOW + 5, owes_credentials=True))
    facts = {"asked_at": NOW + 6}
    assert await ledger.sign_in(NOW + 9, authenticated_at=NOW - 1, **facts) == Owed(NOW + 5)
    assert await ledger.lives(await ledger.sign_in(NOW + 9, authenticated_at=NOW + 4, **facts))


async def test_an_authentication_used_before_the_mark_is_not_newer_by_a_clock_that_is_ahead(ledger):
    first = await ledger.sign_in(NOW, authenticated_at=NOW + 30)
    await ledger.store.end(ledger.order(first, NOW + 5, owes_credentials=True))
    facts = {"asked_at": NOW + 6}
    assert await ledger.sign_in(NOW + 9, authenticated_at=NOW + 30, **facts) == Owed(NOW + 5)
    assert await ledger.lives(await ledger.sign_in(NOW + 9, authenticated_at=NOW + 38, **facts))


async def test_an_unused_authentication_from_before_the_mark_does_not_count_by_a_clock_that_is_ahead(ledger):
    first = await ledger.sign_in(NOW, authenticated_at=NOW - 100)
    await ledger.store.end(ledger.order(first, NOW + 5, owes_credentials=True))
    ahead = {"authenticated_at": NOW + 54}
    assert await ledger.sign_in(NOW + 9, **ahead) == Owed(NOW + 5)
    assert await ledger.lives(await ledger.sign_in(NOW + 9, asked_at=NOW + 6, **ahead))


async def test_paid_credentials_start_a_session_once(ledger):
    await ledger.sign_in(NOW, authenticated_at=NOW, **CUSTOM)
    paid = {"authenticated_at": NOW + HOUR + 65} | CUSTOM
    first = await ledger.sign_in(NOW + HOUR + 70, **paid)
    second = await ledger.sign_in(NOW + HOUR + 1800, **paid)
    assert await signed_in_at(ledger, first) == await signed_in_at(ledger, second) == NOW + HOUR + 70
    assert isinstance(await ledger.sign_in(NOW + 2 * HOUR + 70, **paid), Owed)


@pytest.mark.parametrize("marked", [False, True])
async def test_a_sign_in_without_credentials_continues_the_newest_sign_in(ledger, marked):
    silent = CUSTOM | {"counts_as_credentials": False}
    first = await ledger.sign_in(NOW, authenticated_at=NOW, **CUSTOM)
    if marked:
        await ledger.store.end(ledger.order(first, NOW + 5))
    again = await ledger.sign_in(NOW + 3000, authenticated_at=NOW + 2990, **silent)
    assert await signed_in_at(ledger, again) == NOW
    assert await ledger.sign_in(NOW + HOUR, authenticated_at=NOW + HOUR - 10, **silent) == Owed(NOW + HOUR)
    typed = await ledger.sign_in(NOW + HOUR + 90, authenticated_at=NOW + HOUR + 80, **CUSTOM)
    assert await signed_in_at(ledger, typed) == NOW + HOUR + 90


async def test_a_first_sign_in_without_credentials_starts_a_session_that_it_cannot_restart(ledger):
    silent = CUSTOM | {"counts_as_credentials": False}
    first = await ledger.sign_in(NOW, authenticated_at=NOW, **silent)
    await ledger.store.end(ledger.order(first, NOW + 3500))
    again = await ledger.sign_in(NOW + 3540, authenticated_at=NOW + 3530, **silent)
    assert await signed_in_at(ledger, again) == NOW
    typed = await ledger.sign_in(NOW + 3550, authenticated_at=NOW + 3545, **CUSTOM)
    assert await signed_in_at(ledger, typed) == NOW + 3550


async def test_without_custom_limits_a_silent_sign_in_starts_anew_each_time(ledger):
    await ledger.sign_in(NOW, authenticated_at=NOW)
    again = await ledger.sign_in(NOW + 600, authenticated_at=NOW + 590, counts_as_credentials=False)
    assert await signed_in_at(ledger, again) == NOW + 600


async def test_a_provider_that_states_no_instant_keeps_the_session_it_has(ledger):
    facts = CUSTOM | {"authenticated_at": None}
    await ledger.sign_in(NOW, **facts)
    assert await signed_in_at(ledger, await ledger.sign_in(NOW + 3540, **facts)) == NOW
    assert await ledger.sign_in(NOW + HOUR, **facts) == Owed(NOW + HOUR)


async def test_what_an_older_secret_s_tag_knows_still_binds(ledger):
    assert await ledger.store.prepare(ledger.creation(NOW, earlier=NOW - 600, **CUSTOM)) == SignedIn(NOW - 600)
    assert await ledger.store.prepare(ledger.creation(NOW, earlier=NOW - HOUR, **CUSTOM)) == Owed(NOW)


async def test_few_authentications_are_remembered_and_the_newest_of_them(ledger):
    for number in range(AUTHENTICATIONS_KEPT + 2):
        await ledger.sign_in(NOW + number, authenticated_at=NOW + number)
    later = NOW + AUTHENTICATIONS_KEPT + 2
    assert await ledger.store.prepare(ledger.creation(later, authenticated_at=NOW, **CUSTOM)) == SignedIn(NOW + 2)
