"""Values over the configuration, in all workers at once."""

import asyncio
import json

import pytest

from proxy.errors import SettingsConflict, SettingsInvalid, SettingsReadOnly, StoreUnavailable
from proxy.settings.change import Wish
from proxy.settings.current import CurrentRules
from proxy.settings.live import Author, LiveSettings
from proxy.settings.values import Name
from proxy.store.choose import store_for
from proxy.store.port import Listener
from settings.conftest import ADA
from support.patience import until

LENGTH = Wish("contoso", "sessiontimeoutinmins", 90)
BOB = Author("bob@contoso.example")


async def test_a_change_is_in_force_with_its_entry(live, deployment, clock):
    entry, _ = await live.change(deployment, [LENGTH], ADA)
    assert live.values == {Name("contoso", "sessiontimeoutinmins"): 90}
    assert (entry.revision, entry.by, entry.why, entry.at) == (1, ADA.by, ADA.why, clock())
    assert await live.history() == (entry,)
    assert (await live.origins())[entry.items[0].name] == entry


async def test_a_change_to_what_is_so_already_makes_no_entry(live, deployment):
    await live.change(deployment, [LENGTH], ADA)
    entry, _ = await live.change(deployment, [LENGTH], ADA)
    assert entry is None
    assert live.revision == 1


async def test_rules_follow_the_values_in_every_worker(live, deployment, store, clock):
    other = LiveSettings(store.admin, clock)
    await other.start()
    rules, others = CurrentRules(deployment, live), CurrentRules(deployment, other)
    contoso, fabrikam, _ = deployment.organizations
    assert rules(contoso).session_length == 480 * 60
    await live.change(deployment, [LENGTH], ADA)
    other.changed()
    await until(lambda: others(contoso).session_length == 90 * 60)
    assert rules(contoso).session_length == 90 * 60
    assert others(fabrikam).session_length is None
    rules.close()
    await live.change(deployment, [Wish("contoso", "sessiontimeoutinmins", 100)], ADA)
    assert rules(contoso).session_length == 90 * 60
    await other.close()


async def test_a_change_elsewhere_is_heard_over_redis(redis_url, deployment, clock):
    stores = [store_for(redis_url, None, retention=86_400.0) for _ in range(2)]
    here, there = (LiveSettings(store.admin, clock) for store in stores)
    clean = asyncio.Event()
    await stores[1].start(Listener(lambda *_: None, lambda _: clean.set(), list, settings=there.changed))
    await there.start()

    async def heard():
        await stores[1].beat("x")
        return clean.is_set()

    await until(heard)
    await here.change(deployment, [LENGTH], ADA)
    await until(lambda: there.values)
    assert there.values == here.values
    await there.close()
    for store in stores:
        await store.close()


async def test_the_second_of_two_administrators_is_told_what_changed_under_him(live, deployment):
    await live.change(deployment, [LENGTH], ADA, seen=0)
    other = Wish("contoso", "sessiontimeoutreminderinmins", 10)
    with pytest.raises(SettingsConflict, match=r"sessiontimeoutinmins of contoso .* to 90 by ada@contoso.example"):
        await live.change(deployment, [other], BOB, seen=0)
    assert live.revision == 1
    entry, _ = await live.change(deployment, [other], BOB, seen=1)
    assert entry.revision == 2


async def test_a_change_of_another_organization_is_no_conflict(live, deployment):
    await live.change(deployment, [LENGTH], ADA, seen=0)
    entry, _ = await live.change(deployment, [Wish("fabrikam", "sessiontimeoutinmins", 90)], BOB, seen=0)
    assert entry.revision == 2
    await live.change(deployment, [Wish(None, "AllowCustomSessionDuration", False)], ADA)
    with pytest.raises(SettingsConflict, match="AllowCustomSessionDuration from"):
        await live.change(deployment, [Wish("fabrikam", "sessiontimeoutinmins", 100)], BOB, seen=2)


async def test_changes_at_the_same_moment_are_made_one_after_the_other(live, store, clock, deployment):
    several = [LiveSettings(store.admin, clock) for _ in range(4)]
    await asyncio.gather(
        *(
            one.change(deployment, [Wish("contoso", "sessiontimeoutinmins", 90 + number)], ADA)
            for number, one in enumerate(several)
        )
    )
    await live.read()
    assert live.revision == 4
    assert [entry.revision for entry in await live.history()] == [4, 3, 2, 1]


async def test_settings_of_the_file_are_read_only_and_say_so(live, read_only, deployment):
    with pytest.raises(SettingsReadOnly, match=r"settings\.source: live"):
        await live.change(read_only, [LENGTH], ADA)
    assert live.revision == 0
    assert (await live.change(deployment, [LENGTH], ADA))[0]


async def test_an_invalid_change_changes_nothing(live, deployment):
    with pytest.raises(SettingsInvalid):
        await live.change(deployment, [LENGTH, Wish("contoso", "inactivitytimeoutinmins", 90)], ADA)
    assert (live.revision, live.values, await live.history()) == (0, {}, ())


async def test_going_back_is_a_change_of_its_own(live, deployment):
    await live.change(deployment, [LENGTH], ADA)
    await live.change(deployment, [Wish("contoso", "sessiontimeoutinmins", 100)], ADA)
    entry, _ = await live.go_back(deployment, 1, BOB)
    assert (entry.revision, entry.act, entry.why) == (3, "rolled_back", "back to revision 1")
    assert live.values == {Name("contoso", "sessiontimeoutinmins"): 90}
    await live.go_back(deployment, 0, BOB)
    assert live.values == {}


async def test_a_store_that_lost_its_settings_is_given_them_again(live, deployment, store):
    await live.change(deployment, [LENGTH], ADA)
    await live.change(deployment, [Wish(None, "WSFedNonceCookieEnabled", True)], ADA)
    held = dict(live.values)
    store.admin.__init__(store._changed)
    live.changed()
    await until(lambda: store.admin._book.revision == 3)
    assert live.values == held
    assert json.loads((await store.admin.history(0, 1))[0])["act"] == "restored"


async def test_where_the_file_alone_counts_nothing_is_given_back(live, deployment, store, clock):
    looking = LiveSettings(store.admin, clock, lambda: False)
    await live.change(deployment, [LENGTH], ADA)
    await live.change(deployment, [Wish(None, "WSFedNonceCookieEnabled", True)], ADA)
    await looking.read()
    assert (looking.revision, len(looking.values)) == (2, 2)
    store.admin.__init__(store._changed)
    await looking.read()
    assert (await store.admin.book()).revision == looking.revision == 0
    assert looking.values == {}
    await live.read()
    assert (await store.admin.book()).revision == 3


class Away:
    """A store that is away."""

    async def book(self):
        raise StoreUnavailable("away")


async def test_settings_are_unknown_until_the_store_has_told_them(store, clock):
    settings = LiveSettings(Away(), clock)
    await settings.start()
    assert not settings.is_known
    settings._store = store.admin
    await until(lambda: settings.is_known)
    await settings.close()


async def test_a_store_that_goes_away_leaves_them_as_they_were(live, deployment, store):
    await live.change(deployment, [LENGTH], ADA)
    held, live._store = live.values, Away()
    live.changed()
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable):
        await live.read()
    assert live.values == held
    assert live.is_known
    live._store = store.admin
