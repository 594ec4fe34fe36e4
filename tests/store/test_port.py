"""The promises of a session store, held by Redis and by the memory twin alike."""

import asyncio
from dataclasses import replace

import pytest

from proxy.store.choose import store_for
from proxy.store.port import Listener, Marks, Owed, Place, Record, SignedIn, Stone, Touch
from support.patience import HANG

NOW = 1_790_000_000.123_456_7
TAG = "dGFn"


async def test_a_session_is_read_as_it_was_written(ledger):
    place = await ledger.sign_in(NOW, token_end=NOW + 600.5, exempt=True)
    expected = Record("contoso", NOW, NOW + 600.5, NOW, exempt=True, sealed={"a": b"\x00a", "s": b"s"})
    assert await ledger.read(place) == expected
    assert await ledger.store.read(place, ("a", "i")) == replace(expected, sealed={"a": b"\x00a"})


async def test_what_was_never_written_is_absent(ledger):
    assert await ledger.read(Place(TAG, "nobody")) is None


async def test_prepare_writes_no_session(ledger):
    creation = ledger.creation()
    assert isinstance(await ledger.store.prepare(creation), SignedIn)
    assert await ledger.read(creation.place) is None


async def test_create_refuses_an_instant_that_is_no_longer_right(ledger):
    creation = ledger.creation(NOW)
    assert await ledger.store.create(creation, NOW - 5, {"a": b""}, ()) == SignedIn(NOW)
    assert await ledger.read(creation.place) is None
    assert await ledger.store.create(creation, NOW, {"a": b""}, ()) == SignedIn(NOW)
    assert await ledger.lives(creation.place)


async def test_an_ended_session_leaves_a_tombstone(ledger):
    place = await ledger.sign_in()
    assert await ledger.store.end(ledger.order(place, NOW + 9.25))
    assert await ledger.read(place) == Stone("contoso", "signed_out", NOW + 9.25)


async def test_ending_twice_keeps_the_first_tombstone(ledger):
    place = await ledger.sign_in()
    await ledger.store.end(ledger.order(place, NOW + 1, "revoked"))
    assert not await ledger.store.end(ledger.order(place, NOW + 2))
    assert await ledger.read(place) == Stone("contoso", "revoked", NOW + 1)


async def test_a_session_that_the_store_lost_is_ended_all_the_same(ledger):
    place = Place(TAG, "lost")
    assert await ledger.store.end(ledger.order(place))
    assert isinstance(await ledger.read(place), Stone)


async def test_a_session_is_amended_once_and_all_hear_of_it(ledger):
    place, told = await ledger.sign_in(), asyncio.Queue()
    beats = asyncio.Event()
    listener = Listener(lambda *_: None, lambda _: beats.set(), lambda: None, told.put_nowait)
    await ledger.store.start(listener)
    async with asyncio.timeout(HANG):
        while not beats.is_set():
            await ledger.store.beat("one")
            await asyncio.sleep(0.02)
        assert await ledger.store.amend(place, "d", b"first")
        assert await told.get() == place
    assert not await ledger.store.amend(place, "d", b"second")
    assert (await ledger.store.read(place, ("a", "d"))).sealed == {"a": b"\x00a", "d": b"first"}


async def test_amending_brings_no_session_back(ledger):
    place = await ledger.sign_in()
    await ledger.store.end(ledger.order(place))
    assert not await ledger.store.amend(place, "d", b"late")
    assert isinstance(await ledger.read(place), Stone)
    assert not await ledger.store.amend(Place(TAG, "nobody"), "d", b"x")
    assert await ledger.read(Place(TAG, "nobody")) is None


async def test_activity_moves_forward_only(ledger):
    place = await ledger.sign_in(NOW)
    await ledger.store.touch([Touch(place, NOW + 30.5), Touch(place, NOW + 20)])
    assert (await ledger.read(place)).seen == NOW + 30.5


async def test_activity_revives_nothing(ledger):
    place, unknown = await ledger.sign_in(NOW), Place(TAG, "unknown")
    await ledger.store.end(ledger.order(place))
    await ledger.store.touch([Touch(place, NOW + 30), Touch(unknown, NOW + 30)])
    assert isinstance(await ledger.read(place), Stone)
    assert await ledger.read(unknown) is None


async def test_a_session_active_elsewhere_is_not_ended_as_idle(ledger):
    place = await ledger.sign_in(NOW)
    await ledger.store.touch([Touch(place, NOW + 30)])
    idle = ledger.order(place, NOW + 20, "inactivity_timeout", owes_credentials=True, seen_at_most=NOW + 10)
    assert not await ledger.store.end(idle)
    assert await ledger.lives(place)
    assert (await ledger.store.marks([TAG], "contoso")).credentials_after is None
    assert await ledger.store.end(replace(idle, seen_at_most=NOW + 30))


@pytest.mark.parametrize(
    ("flag", "marks"),
    [("owes_credentials", Marks(credentials_after=NOW)), ("signs_out", Marks(signed_out_after=NOW))],
)
async def test_an_end_raises_the_mark_it_asks_for_and_no_other(ledger, flag, marks):
    place, other = await ledger.sign_in(NOW), await ledger.sign_in(NOW)
    await ledger.store.end(ledger.order(other, NOW + 1))
    assert await ledger.store.marks([TAG], "contoso") == Marks()
    await ledger.store.end(ledger.order(place, NOW, **{flag: True}))
    assert await ledger.store.marks([TAG], "contoso") == marks
    assert await ledger.store.marks([TAG], "fabrikam") == Marks()


async def test_a_mark_never_falls(ledger):
    for at in (NOW + 5, NOW + 2):
        await ledger.store.end(ledger.order(Place(TAG, str(at)), at, owes_credentials=True))
    assert (await ledger.store.marks(["other", TAG], "contoso")).credentials_after == NOW + 5


async def test_all_sessions_of_a_principal_end_in_one_organization_or_in_all(ledger):
    here, there = await ledger.sign_in(NOW), await ledger.sign_in(NOW, organization="fabrikam")
    stranger = await ledger.sign_in(NOW, tag="b3RoZXI")
    order = ledger.order(Place(TAG, ""), NOW + 1, "revoked", owes_credentials=True, signs_out=True)
    assert await ledger.store.end_principal(TAG, "contoso", order) == (here,)
    assert await ledger.lives(there)
    assert await ledger.store.marks([TAG], "fabrikam") == Marks()
    assert await ledger.store.end_principal(TAG, None, order) == (there,)
    assert await ledger.store.marks([TAG], "fabrikam") == Marks(NOW + 1, NOW + 1)
    assert await ledger.lives(stranger)


async def test_a_sign_out_overtakes_a_sign_in_that_comes_back_after_it(ledger):
    first = await ledger.sign_in(NOW, authenticated_at=NOW - 1)
    await ledger.store.end(ledger.order(first, NOW + 5, signs_out=True))
    begun = {"started_at": NOW + 4}
    assert await ledger.sign_in(NOW + 9, authenticated_at=NOW + 4.5, **begun) == Owed(NOW + 5)
    assert await ledger.sign_in(NOW + 9, authenticated_at=None, **begun) == Owed(NOW + 5)
    assert await ledger.sign_in(NOW + 9, authenticated_at=NOW + 65, **begun) == Owed(NOW + 5)
    assert await ledger.lives(await ledger.sign_in(NOW + 9, authenticated_at=NOW + 65.5, **begun))
    begun = {"started_at": NOW + 6}
    for authenticated_at in (NOW - 1, None):
        assert await ledger.lives(await ledger.sign_in(NOW + 9, authenticated_at=authenticated_at, **begun))


async def test_a_sign_out_overtakes_the_sign_ins_under_way(ledger):
    creation = ledger.creation(NOW)
    answer = await ledger.store.prepare(creation)
    await ledger.store.end_principal(TAG, None, ledger.order(Place(TAG, ""), NOW + 1, signs_out=True))
    assert not isinstance(await ledger.store.create(creation, answer.at, {}, ()), SignedIn)
    assert not await ledger.lives(creation.place)
    assert await ledger.lives(await ledger.sign_in(NOW + 2, authenticated_at=NOW - 1))


async def test_a_replaced_session_ends_as_such(ledger):
    first = await ledger.sign_in(NOW)
    second = await ledger.sign_in(NOW + 5, replaced=first.id_hash)
    assert await ledger.read(first) == Stone("contoso", "replaced", NOW + 5)
    assert await ledger.lives(second)


async def test_a_name_is_used_once(ledger):
    assert await ledger.store.use_once("ticket", 30, NOW)
    assert not await ledger.store.use_once("ticket", 30, NOW + 1)
    assert await ledger.store.use_once("other", 30, NOW)


async def test_sessions_are_found_by_their_further_names(ledger):
    creation = ledger.creation(NOW)
    await ledger.store.create(creation, NOW, {}, ("sid:abc",))
    assert await ledger.store.find("sid:abc") == (creation.place,)
    assert await ledger.store.find("sid:abd") == ()


async def test_names_that_a_provider_signed_out_are_remembered_by_their_latest_instant(ledger):
    await ledger.store.sign_out_names(["sid:a", "sub:b"], NOW)
    await ledger.store.sign_out_names(["sid:a"], NOW + 2.5)
    await ledger.store.sign_out_names(["sid:a"], NOW + 1)
    await ledger.store.sign_out_names([], NOW + 9)
    after = ledger.store.names_signed_out_after
    assert await after(["sid:a"]) == NOW + 2.5
    assert await after(["sid:x", "sub:b"]) == NOW
    assert await after(["sub:b", "sid:a"]) == NOW + 2.5
    assert await after(["sid:x"]) is None
    assert await after([]) is None


async def test_of_names_signed_out_the_newest_are_remembered(ledger, monkeypatch):
    for module in ("memory", "redis"):
        monkeypatch.setattr(f"proxy.store.{module}.SIGN_OUTS_KEPT", 3)
    for number in range(5):
        await ledger.store.sign_out_names([f"sid:{number}"], NOW + number)
    found = [await ledger.store.names_signed_out_after([f"sid:{number}"]) for number in range(5)]
    assert found == [None, None, NOW + 2, NOW + 3, NOW + 4]


async def test_unknown_names_push_out_no_others(ledger, monkeypatch):
    """Anybody can name a session by front channel: what they may fill has a bound of its own."""
    for module in ("memory", "redis"):
        monkeypatch.setattr(f"proxy.store.{module}.UNKNOWN_SIGN_OUTS_KEPT", 3)
    after = ledger.store.names_signed_out_after
    await ledger.store.sign_out_names(["sid:known"], NOW)
    for number in range(5):
        await ledger.store.sign_out_names([f"sid:{number}"], NOW + number, known=False)
    found = [await after([f"sid:{number}"]) for number in range(5)]
    assert found == [None, None, NOW + 2, NOW + 3, NOW + 4]
    assert await after(["sid:known"]) == NOW
    await ledger.store.sign_out_names(["sid:4"], NOW + 9)
    assert await after(["sid:4", "sid:3"]) == NOW + 9


async def test_the_listing_has_the_newest_first_by_organization(ledger):
    facts = {"authenticated_at": None}
    old, new = await ledger.sign_in(NOW, tag="a", **facts), await ledger.sign_in(NOW + 1, tag="b", **facts)
    other = await ledger.sign_in(NOW + 2, tag="c", organization="fabrikam", **facts)
    assert await ledger.store.listing("contoso", 0, 10) == (new, old)
    assert await ledger.store.listing(None, 1, 1) == (new,)
    await ledger.store.end(ledger.order(other, organization="fabrikam"))
    assert await ledger.store.listing("fabrikam", 0, 10) == ()


async def test_sessions_are_counted_by_organization(ledger):
    assert await ledger.store.count([]) == ()
    assert await ledger.store.count(["contoso", "fabrikam"]) == (0, 0)
    for number in range(3):
        await ledger.sign_in(NOW + number)
    assert await ledger.store.count(["fabrikam", "contoso"]) == (0, 3)


async def test_sessions_of_one_instant_are_listed_in_one_order_by_every_store(ledger):
    places = [await ledger.sign_in(NOW, tag=tag) for tag in ("b", "a", "c")]
    expected = sorted(places, key=lambda place: place.member, reverse=True)
    assert await ledger.store.listing("contoso", 0, 10) == tuple(expected)


async def test_the_end_of_a_session_is_told_and_heartbeats_come_back(ledger):
    ended, beats = asyncio.Queue(), asyncio.Queue()
    listener = Listener(lambda *facts: ended.put_nowait(facts), beats.put_nowait, lambda: None)
    await ledger.store.start(listener)
    async with asyncio.timeout(HANG):
        while beats.empty():  # a subscription takes a moment to stand
            await ledger.store.beat("1")
            await asyncio.sleep(0.01)
        place = await ledger.sign_in(NOW)
        await ledger.store.end(ledger.order(place))
        assert await ended.get() == (place, "signed_out")
        assert await beats.get() == "1"


def test_an_address_of_no_store_is_refused():
    with pytest.raises(ValueError, match="state"):
        store_for("http://localhost", None, retention=60)
