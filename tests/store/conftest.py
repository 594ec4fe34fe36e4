from collections.abc import AsyncIterator
from itertools import count

import pytest

from proxy.store.choose import store_for
from proxy.store.port import Creation, EndOrder, Place, Record, SignedIn

NOW = 1_790_000_000.0
RETENTION = 86_400.0
TAG = "dGFn"
SEALED = ("a", "s")


class Ledger:
    """A store and what a test does to it over and over."""

    def __init__(self, store) -> None:
        self.store = store
        self._numbers = count()

    def creation(self, now=NOW, *, tag=TAG, organization="contoso", **facts) -> Creation:
        place = Place(tag, f"id-{next(self._numbers)}")
        facts.setdefault("token_end", now + 3600)
        facts.setdefault("authenticated_at", now - 1)
        return Creation(place, organization, now, **facts)

    async def sign_in(self, now=NOW, **facts):
        """The place of a session that could be created, else the store's other answer."""
        creation = self.creation(now, **facts)
        answer = await self.store.prepare(creation)
        if not isinstance(answer, SignedIn):
            return answer
        created = await self.store.create(creation, answer.at, {"a": b"\x00a", "s": b"s"}, ())
        assert created == answer
        return creation.place

    async def read(self, place):
        return await self.store.read(place, SEALED)

    async def lives(self, place) -> bool:
        return isinstance(await self.read(place), Record)

    def order(self, place, at=NOW, reason="signed_out", organization="contoso", **facts) -> EndOrder:
        return EndOrder(place, organization, reason, at, **facts)


@pytest.fixture(params=["memory", "redis"])
async def ledger(request) -> AsyncIterator[Ledger]:
    """Each test runs on both stores: they keep the same promises."""
    if request.param == "memory":
        store = store_for("memory:", None, retention=RETENTION)
    else:
        store = store_for(request.getfixturevalue("redis_server").url, None, retention=RETENTION)
        await store._link.run("FLUSHALL")
    yield Ledger(store)
    await store.close()
