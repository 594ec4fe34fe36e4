from dataclasses import replace

from proxy.sessions.cache import SessionCache, digest
from proxy.store.port import Place

NOW = 1_790_000_000.0


def clean_cache(size: int = 10) -> SessionCache:
    cache = SessionCache(size)
    assert cache.beat(cache.next_beat(NOW))
    return cache


async def copies(desk, count):
    made = []
    for _ in range(count):
        created = await desk.sign_in()
        made.append((digest(created.cookie, "contoso"), created.session, created.session.reference.id_hash))
    return made


async def test_the_least_recently_used_copy_goes_first(desk):
    cache, (one, two, three) = clean_cache(2), await copies(desk, 3)
    cache.put(*one)
    cache.put(*two)
    cache.hit(one[0])
    cache.put(*three)
    assert [cache.hit(each[0]) is not None for each in (one, two, three)] == [True, False, True]
    assert len(cache._by_id) == 2


async def test_two_missed_heartbeats_make_the_cache_unclean_and_one_does_not(desk):
    cache, (one,) = clean_cache(), await copies(desk, 1)
    cache.put(*one)
    cache.next_beat(NOW + 1)
    cache.next_beat(NOW + 2)
    assert cache.hit(one[0]) == one[1]
    cache.next_beat(NOW + 3)
    assert cache.hit(one[0]) is None


async def test_a_late_heartbeat_says_nothing_of_now(desk):
    cache, (one,) = clean_cache(), await copies(desk, 1)
    cache.put(*one)
    cache.lost()
    late = cache.next_beat(NOW + 1)
    current = cache.next_beat(NOW + 2)
    assert not cache.beat(late)
    assert cache.beat(current)
    assert cache.hit(one[0]) is None, "everything of before was dropped"


async def test_copies_serve_through_an_outage_until_the_grace_is_over(desk):
    cache, (one,) = clean_cache(), await copies(desk, 1)
    cache.put(*one)
    cache.lost()
    assert cache.hit(one[0]) is None
    assert cache.in_grace(one[0], NOW + 59.9, 60.0) == one[1]
    assert cache.in_grace(one[0], NOW + 60.0, 60.0) is None
    assert cache.in_grace(one[0], NOW, 0.0) is None


async def test_a_revocation_voids_the_loads_under_way_of_its_session_alone(desk):
    cache, (one, two) = clean_cache(), await copies(desk, 2)
    with cache.flight(Place("t", one[2])) as first, cache.flight(Place("t", two[2])) as second:
        cache.drop(one[2])
        assert (first.voided, second.voided) == (True, False)
        cache.lost()
        cache.beat(cache.next_beat(NOW))
        assert second.voided
    assert not cache._flights


async def test_activity_moves_a_copy_forward_only(desk):
    cache, ((key, session, id_hash),) = clean_cache(), await copies(desk, 1)
    cache.put(key, session, id_hash)
    cache.active(id_hash, session.last_activity + 9)
    cache.active(id_hash, session.last_activity + 5)
    cache.active("unknown", NOW)
    assert cache.hit(key) == replace(session, last_activity=session.last_activity + 9)


async def test_a_revocation_that_arrives_between_the_store_s_answer_and_its_use_wins(desk, monkeypatch):
    created = await desk.sign_in()
    read, answers = desk.store.read, []

    async def overtaken(place, names):
        found = await read(place, names)
        if not answers:
            await desk.sessions.end_principal(created.session.principal.key, None, "revoked", 0, owes_credentials=False)
        answers.append(found)
        return found

    monkeypatch.setattr(desk.store, "read", overtaken)
    assert not await desk.lives(created)
    assert len(answers) == 2
