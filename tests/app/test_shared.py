import contextlib

from proxy.app.shared import Shared


class Thing:
    closed = False

    async def close(self) -> None:
        self.closed = True


async def test_equal_keys_mean_one_thing_closed_with_its_last_holder():
    shared, first, second = Shared(), contextlib.AsyncExitStack(), contextlib.AsyncExitStack()
    thing = shared.take(first, "key", Thing, Thing.close)
    assert shared.take(second, "key", Thing, Thing.close) is thing
    await first.aclose()
    assert not thing.closed
    await second.aclose()
    assert thing.closed


async def test_other_keys_mean_other_things():
    shared, holder = Shared(), contextlib.AsyncExitStack()
    one, other = (shared.take(holder, key, Thing, Thing.close) for key in ("one", "other"))
    assert one is not other
    await holder.aclose()
    assert one.closed
    assert other.closed


async def test_what_was_let_go_of_is_made_anew():
    shared, first, second = Shared(), contextlib.AsyncExitStack(), contextlib.AsyncExitStack()
    thing = shared.take(first, "key", Thing, Thing.close)
    await first.aclose()
    again = shared.take(second, "key", Thing, Thing.close)
    assert again is not thing
    assert not again.closed
    await second.aclose()


async def test_one_holder_may_hold_a_thing_twice():
    shared, holder = Shared(), contextlib.AsyncExitStack()
    thing = shared.take(holder, "key", Thing, Thing.close)
    assert shared.take(holder, "key", Thing, Thing.close) is thing
    await holder.aclose()
    assert thing.closed
