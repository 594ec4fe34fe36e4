import pytest

from proxy.errors import StoreUnavailable
from proxy.sessions.activity import ActivityWriter
from proxy.store.port import Place

NOW = 1_790_000_000.0
PLACE = Place("tag", "id")


class Written:
    """What reached the store; `away` while it cannot be reached."""

    def __init__(self) -> None:
        self.touches = []
        self.away = False
        self.calls = 0

    async def touch(self, touches):
        if self.away:
            raise StoreUnavailable("away")
        self.calls += 1
        self.touches += [(touch.place.id_hash, touch.seen - NOW) for touch in touches]


def writer(bound: int = 100) -> tuple[ActivityWriter, Written]:
    store = Written()
    return ActivityWriter(store, 5.0, bound), store


@pytest.mark.parametrize(("inactivity", "resolution"), [(None, 5.0), (300.0, 5.0), (60.0, 3.0)])
def test_the_resolution_is_at_most_a_twentieth_of_the_inactivity_timeout(inactivity, resolution):
    assert writer()[0].resolution(inactivity) == resolution


async def test_many_signs_become_one_write_per_resolution():
    activity, store = writer()
    for tenth in range(1, 200):
        activity.note(PLACE, NOW, NOW + tenth / 10, 300.0)
        await activity.write_due(NOW + tenth / 10)
    assert [seen for _, seen in store.touches] == pytest.approx([5.0, 10.0, 15.0], abs=0.2)


async def test_sessions_are_written_in_batches():
    activity, store = writer(2000)
    for number in range(1200):
        activity.note(Place("tag", str(number)), NOW, NOW + 1, None)
    await activity.write_all()
    assert (len(store.touches), store.calls) == (1200, 3)


@pytest.mark.parametrize(("after", "urgent"), [(289.9, False), (290.0, True)])
def test_seen_within_two_resolutions_of_the_end_is_urgent(after, urgent):
    assert writer()[0].note(PLACE, NOW, NOW + after, 300.0) is urgent
    assert writer()[0].note(PLACE, NOW, NOW + after, None) is False


async def test_an_outage_keeps_what_is_pending_and_the_newest_of_it():
    activity, store = writer()
    store.away = True
    activity.note(PLACE, NOW, NOW + 6, None)
    with pytest.raises(StoreUnavailable):
        await activity.write_all()
    activity.note(PLACE, NOW, NOW + 8, None)
    store.away = False
    assert activity.seen(PLACE, NOW) == NOW + 8
    await activity.write_all()
    await activity.write_all()
    assert store.touches == [("id", 8.0)]


async def test_what_is_pending_is_bounded():
    activity, store = writer(2)
    for number in range(3):
        activity.note(Place("tag", str(number)), NOW, NOW + 1, None)
    await activity.write_all()
    assert [name for name, _ in store.touches] == ["1", "2"]


async def test_an_ended_session_is_not_written():
    activity, store = writer()
    activity.note(PLACE, NOW, NOW + 1, None)
    activity.forget(PLACE)
    await activity.write_one(PLACE)
    await activity.write_all()
    assert store.touches == []
