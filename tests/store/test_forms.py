"""Held forms, of both stores: one of a name, for some minutes, taken once, within the bound of all."""

import asyncio

import pytest

from proxy.store.choose import store_for
from proxy.store.forms_port import OVERHEAD_BYTES

NOW = 1_790_000_000.0
PLENTY = 1 << 20


@pytest.fixture
def forms(ledger):
    return ledger.store.forms


async def test_one_that_is_held_is_seen_and_taken_once(forms):
    assert await forms.hold("one", b"\x00form", 600, NOW, PLENTY)
    assert await forms.look("one", NOW) == b"\x00form"
    assert await forms.look("two", NOW) is None
    assert await forms.take("one", NOW) == b"\x00form"
    assert await forms.take("one", NOW) is None
    assert await forms.look("one", NOW) is None


async def test_of_several_that_take_it_one_gets_it(forms):
    await forms.hold("one", b"form", 600, NOW, PLENTY)
    got = await asyncio.gather(*(forms.take("one", NOW) for _ in range(20)))
    assert [form for form in got if form] == [b"form"]


async def test_the_latest_of_a_name_takes_the_place_of_the_earlier(forms):
    assert await forms.hold("one", b"first", 600, NOW, PLENTY)
    assert await forms.hold("one", b"second", 600, NOW + 1, PLENTY)
    assert await forms.take("one", NOW + 2) == b"second"


async def test_it_lapses_at_the_instant_itself(forms):
    await forms.hold("one", b"form", 600, NOW, PLENTY)
    assert await forms.look("one", NOW + 599.9) == b"form"
    assert await forms.look("one", NOW + 600) is None
    assert await forms.take("one", NOW + 600) is None


def charge(*forms: bytes) -> int:
    return sum(len(form) + OVERHEAD_BYTES for form in forms)


async def test_all_together_stay_within_the_budget(forms):
    budget = charge(b"a" * 1000, b"b" * 1000)
    assert await forms.hold("a", b"a" * 1000, 600, NOW, budget)
    assert not await forms.hold("b", b"b" * 1001, 600, NOW, budget)
    assert await forms.hold("b", b"b" * 1000, 600, NOW, budget)
    assert not await forms.hold("c", b"", 600, NOW, budget)
    assert await forms.look("a", NOW) == b"a" * 1000


@pytest.mark.parametrize("leaves", ["taken", "lapsed"])
async def test_what_leaves_makes_room(forms, leaves):
    budget = charge(b"a" * 1000)
    assert await forms.hold("a", b"a" * 1000, 600, NOW, budget)
    assert not await forms.hold("b", b"b" * 1000, 600, NOW + 1, budget)
    later = NOW + (600 if leaves == "lapsed" else 2)
    if leaves == "taken":
        await forms.take("a", later)
    assert await forms.hold("b", b"b" * 1000, 600, later, budget)


async def test_one_that_takes_its_own_place_is_charged_once_and_one_too_large_leaves_the_earlier(forms):
    budget = charge(b"a" * 1000)
    for _ in range(3):
        assert await forms.hold("a", b"a" * 1000, 600, NOW, budget)
    assert not await forms.hold("a", b"a" * 1001, 600, NOW, budget)
    assert await forms.look("a", NOW) == b"a" * 1000


async def test_redis_forgets_by_itself(redis_url):
    store = store_for(redis_url, None, retention=60.0)
    await store.forms.hold("one", b"form", 600, NOW, PLENTY)
    for key in ("kept", "sizes", "form:one"):
        assert 590 < await store._link.run("TTL", f"claims:{{forms}}:{key}") <= 600
    await store.close()
