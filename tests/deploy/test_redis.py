"""Redis as deploy/redis/ sets it up: room for all that the proxy does, and for nothing else."""

import asyncio
import re
from urllib.parse import urlsplit

import pytest
import redis

from proxy.store.choose import store_for
from proxy.store.examination import examine
from proxy.store.port import Creation, EndOrder, Listener, Marks, Owed, Place, Record, Renewal, SignedIn, Stone, Touch
from support.patience import HANG

TAG, NOW = "dGFn", 1_790_000_000.0
SEALED = {"s": b"sealed", "r": b"refresh"}


def granted(deploy) -> set[str]:
    """The commands of the proxy's user, as its line in users.acl grants them."""
    (line,) = (line for line in (deploy / "redis/users.acl").read_text().splitlines() if " claims-proxy " in line)
    return set(re.findall(r" \+(\S+)", line))


@pytest.fixture
async def store(guarded_redis):
    one = store_for(guarded_redis.url, None, retention=86_400.0)
    yield one
    await one.close()


async def sign_in(store, name, now=NOW, *, names=(), **facts):
    facts.setdefault("token_end", now + 3600)
    facts.setdefault("authenticated_at", now - 1)
    creation = Creation(Place(TAG, name), "contoso", now, **facts)
    answer = await store.prepare(creation)
    return answer if isinstance(answer, Owed) else await store.create(creation, answer.at, SEALED, names)


async def everything(store) -> None:
    """Each duty of the store once, by the port's own words."""
    ended, beats, changed, settings = asyncio.Queue(), asyncio.Event(), asyncio.Queue(), asyncio.Event()
    await store.start(
        Listener(
            lambda *told: ended.put_nowait(told), lambda _: beats.set(), list, changed.put_nowait, settings=settings.set
        )
    )
    async with asyncio.timeout(HANG):
        while not beats.is_set():
            await store.beat("a beat")
            await asyncio.sleep(0.05)
    assert await store.admin.write(0, 1, {"* a": "true", "* b": None}, "an entry")
    await asyncio.wait_for(settings.wait(), HANG)
    assert (await store.admin.book()).revision == 1
    await store.admin.record("an act")
    assert await store.admin.history(0, 10) == ("an act", "an entry")
    assert await store.forms.hold("a form", b"sealed", 600, NOW, 1 << 20)
    assert await store.forms.look("a form", NOW) == await store.forms.take("a form", NOW) == b"sealed"
    await store.admin.count_events({(1, "signed_in"): 2})
    assert await store.admin.events((1,)) == ({"signed_in": 2},)
    first, second, third = (Place(TAG, name) for name in ("first", "second", "third"))
    assert await sign_in(store, "first", names=("sid:one",)) == SignedIn(NOW)
    assert isinstance(await store.read(first, ("s",)), Record)
    await store.touch([Touch(first, NOW + 10)])
    assert (await store.read(first, ())).seen == NOW + 10
    assert await store.amend(first, "d", b"a device's key")
    async with asyncio.timeout(HANG):
        assert await changed.get() == first
    assert await store.find("sid:one") == (first,)
    await store.sign_out_names(("sid:two",), NOW)
    assert await store.names_signed_out_after(("sid:one", "sid:two")) == NOW
    assert await store.lease(first, "owner", 30, NOW)
    renewal = Renewal(first, "contoso", "owner", NOW, b"refresh", SEALED, NOW, token_end=NOW + 7200, names=("sid:one",))
    assert await store.renew(renewal)
    async with asyncio.timeout(HANG):
        assert await changed.get() == first
    await sign_in(store, "second", NOW + 1, authenticated_at=None, replaced="first")
    assert isinstance(await store.read(first, ()), Stone)
    assert await store.listing(None, 0, 10) == (second,)
    assert await store.count(["contoso"]) == (1,)
    # One that reached its custom limit while nobody looked: the next sign-in finds it, and owes credentials.
    late = NOW + 4000
    assert isinstance(await sign_in(store, "third", late, session_length=3600.0, authenticated_at=NOW - 2), Owed)
    assert isinstance(await sign_in(store, "third", late, authenticated_at=late, counts_as_credentials=True), SignedIn)
    assert await store.end(EndOrder(third, "contoso", "signed_out", late + 1, signs_out=True))
    await sign_in(store, "fourth", late + 2, authenticated_at=late + 2, counts_as_credentials=True)
    order = EndOrder(Place(TAG, ""), "*", "administrator", late + 3, owes_credentials=True)
    assert await store.end_principal(TAG, None, order) == (Place(TAG, "fourth"),)
    assert await store.marks([TAG], "contoso") == Marks(late + 3, late + 1)
    assert [await store.use_once("code", 60, NOW) for _ in range(2)] == [True, False]
    async with asyncio.timeout(HANG):
        told = [await ended.get() for _ in range(4)]
    assert told[0] == (first, "replaced")
    assert told[-1] == (Place(TAG, "fourth"), "administrator")


async def test_the_proxys_user_may_do_all_that_a_store_does_and_has_no_command_to_spare(guarded_redis, deploy, store):
    await everything(store)
    assert guarded_redis.refused() == []
    spare = {command.partition("|")[0] for command in granted(deploy)} - guarded_redis.used()
    # A silent subscription is pinged, one that ends may say so, and a replica is waited for where there is one.
    assert spare <= {"ping", "unsubscribe", "wait"}


async def test_a_whole_visit_runs_under_it(guarded_redis, world, browser):
    one = await world(state=guarded_redis.url)
    page = await browser.sign_in(one.url("/main.aspx"), "alice")
    assert (page.status, str(page.url)) == (200, one.url("/main.aspx"))
    cookie = browser.cookie("claims-session")
    assert (await browser.fetch(one.url("/.claims/activity"), "POST")).status == 200
    await browser.open(one.url("/.claims/sign-out"))
    await browser.submit()
    stolen = {"Cookie": f"claims-session={cookie}"}
    answer = await browser.fetch(one.url("/api/data/v9.2/WhoAmI"), headers=stolen, cookies=False)
    assert (answer.status, answer.json()["error"]) == (401, "signed_out")
    assert guarded_redis.refused() == []


@pytest.mark.parametrize(
    "command",
    [
        ("GET", "claims:once:code"),
        ("SET", "other:key", "1"),
        ("HGETALL", "session"),
        ("PUBLISH", "other", "a word"),
        ("SUBSCRIBE", "*"),
        ("PSUBSCRIBE", "claims:*"),
        ("KEYS", "claims:*"),
        ("FLUSHALL",),
        ("CONFIG", "GET", "*"),
        ("ACL", "LIST"),
        ("SCRIPT", "FLUSH"),
        ("EVAL", "return redis.call('GET', KEYS[1])", "1", "claims:a"),
        ("EVAL", "return redis.call('HGET', 'other', 'a')", "0"),
    ],
    ids=" ".join,
)
def test_it_may_do_nothing_else(guarded_redis, command):
    address = urlsplit(guarded_redis.url)
    with guarded_redis.client(address.username, address.password) as client:
        with pytest.raises(redis.ResponseError, match=r"(?i)no permissions|can't run this command|can't access"):
            client.execute_command(*command)
        assert client.execute_command("SET", "claims:once:code", "1", "NX", "PX", "1000") is True


def test_who_has_no_password_may_ask_for_its_health_and_nothing_else(guarded_redis):
    with guarded_redis.client("health", "any") as client:
        assert client.ping() is True
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.execute_command("PUBLISH", "claims:ended", "a b c")
    with guarded_redis.client("default", "") as client, pytest.raises(redis.AuthenticationError):
        client.ping()
    with guarded_redis.client("claims-proxy", "a guess") as client, pytest.raises(redis.AuthenticationError):
        client.ping()


async def test_a_sign_out_outlives_the_loss_of_power_a_moment_later(guarded_redis, store):
    await sign_in(store, "first")
    await sign_in(store, "second", authenticated_at=None)
    await store.end(EndOrder(Place(TAG, "first"), "contoso", "signed_out", NOW + 5, signs_out=True))
    guarded_redis.kill()
    guarded_redis.start()
    assert await store.read(Place(TAG, "first"), ()) == Stone("contoso", "signed_out", NOW + 5)
    assert isinstance(await store.read(Place(TAG, "second"), ()), Record)
    assert (await store.marks([TAG], "contoso")).signed_out_after == NOW + 5


def test_nothing_is_evicted_and_every_write_is_on_disk_before_its_answer(guarded_redis):
    settings = guarded_redis.admin.config_get("*")
    assert (settings["maxmemory-policy"], settings["appendonly"], settings["appendfsync"]) == (
        "noeviction",
        "yes",
        "always",
    )
    assert int(settings["maxmemory"]) > 0
    assert settings["save"] == ""


def test_secrets_are_made_once_and_differ_from_each_other(make_secrets, tmp_path):
    assert make_secrets(tmp_path / "one", "redis.contoso.com:6379").returncode == 0
    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o700
    address = urlsplit((tmp_path / "one/redis_url").read_text().strip())
    assert (address.username, address.hostname, address.port) == ("claims-proxy", "redis.contoso.com", 6379)
    secret = (tmp_path / "one/secret").read_text()
    assert len({secret, address.password}) == 2
    assert {len(secret), len(address.password)} == {64}
    assert address.password not in (tmp_path / "one/users.acl").read_text()
    again = make_secrets(tmp_path / "one")
    assert again.returncode == 1
    assert "there already" in again.stderr
    assert (tmp_path / "one/secret").read_text() == secret
    assert make_secrets(tmp_path / "two").returncode == 0
    assert (tmp_path / "two/secret").read_text() != secret


async def test_the_doctor_finds_that_its_user_may_do_what_it_must(guarded_redis):
    found = await examine(guarded_redis.url, None)
    assert (found.version, found.eviction) == (None, None)
