"""The promises of what administrators keep, held by Redis and by the memory twin alike."""

import asyncio

import pytest

from proxy.store.admin_port import HISTORY_KEPT, Book
from proxy.store.port import Listener
from support.patience import HANG, until


@pytest.fixture
def kept(ledger):
    return ledger.store.admin


async def test_nothing_was_changed_at_first(kept):
    assert await kept.book() == Book(0, {})
    assert await kept.history(0, 10) == ()


async def test_a_change_is_kept_with_its_entry(kept):
    assert await kept.write(0, 1, {"* a": "true", "contoso b": "5"}, "first")
    assert await kept.book() == Book(1, {"* a": "true", "contoso b": "5"})
    assert await kept.history(0, 10) == ("first",)


async def test_a_change_of_what_is_no_longer_so_is_none(kept):
    assert await kept.write(0, 1, {"* a": "true"}, "first")
    assert not await kept.write(0, 1, {"* a": "false"}, "second")
    assert await kept.book() == Book(1, {"* a": "true"})
    assert await kept.history(0, 10) == ("first",)
    assert await kept.write(1, 2, {"* a": "false"}, "second")
    assert await kept.book() == Book(2, {"* a": "false"})


async def test_a_value_can_be_forgotten(kept):
    await kept.write(0, 1, {"* a": "true", "* b": "1"}, "first")
    await kept.write(1, 2, {"* a": None}, "second")
    assert await kept.book() == Book(2, {"* b": "1"})


async def test_the_history_has_the_newest_first_by_pages_and_an_end(kept):
    for number in range(5):
        await kept.record(f"act {number}")
    assert await kept.history(0, 2) == ("act 4", "act 3")
    assert await kept.history(2, 2) == ("act 2", "act 1")
    assert await kept.history(4, 2) == ("act 0",)
    assert HISTORY_KEPT == 10_000


async def test_what_happened_adds_up_by_bucket_and_name(kept):
    await kept.count_events({(7, "signed_in"): 2, (8, "signed_in"): 1})
    await kept.count_events({(7, "signed_in"): 3, (7, "session_expired token_lifetime"): 1})
    assert await kept.events((6, 7, 8)) == (
        {},
        {"signed_in": 5, "session_expired token_lifetime": 1},
        {"signed_in": 1},
    )
    assert await kept.events(()) == ()


async def test_a_change_is_told_and_a_refused_one_is_not(ledger):
    told = asyncio.Queue()
    heard = asyncio.Event()
    listener = Listener(lambda *_: None, lambda _: heard.set(), list, settings=lambda: told.put_nowait(True))
    await ledger.store.start(listener)

    async def subscribed():
        await ledger.store.beat("beat")
        return heard.is_set()

    await until(subscribed)
    assert await ledger.store.admin.write(0, 1, {"* a": "true"}, "first")
    await asyncio.wait_for(told.get(), HANG)
    assert not await ledger.store.admin.write(0, 1, {"* a": "true"}, "again")
    heard.clear()
    await ledger.store.beat("after")
    await asyncio.wait_for(heard.wait(), HANG)
    assert told.empty()


async def test_several_sessions_are_read_as_one_by_one(ledger):
    places = [await ledger.sign_in() for _ in range(3)]
    await ledger.store.end(ledger.order(places[1]))
    one_by_one = tuple([await ledger.store.read(place, ("a",)) for place in places])
    assert await ledger.store.read_all(places, ("a",)) == one_by_one
    assert await ledger.store.read_all((), ("a",)) == ()


async def test_an_index_is_read_by_pages(ledger):
    places = []
    for number in range(5):
        creation = ledger.creation(1_790_000_000.0 + number)
        answer = await ledger.store.prepare(creation)
        await ledger.store.create(creation, answer.at, {"a": b"a"}, ("user:x",))
        places.append(creation.place)
    assert await ledger.store.find("user:x") == tuple(reversed(places))
    assert await ledger.store.find("user:x", 1, 2) == (places[3], places[2])
