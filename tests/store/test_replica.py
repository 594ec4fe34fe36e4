"""What must survive a failover is at a replica, where one follows, before anybody is told that it is done."""

import signal
import time

import pytest
import redis
from structlog.testing import capture_logs

from proxy.model.session import EndReason
from proxy.store.redis import RedisStore
from store.conftest import NOW, RETENTION, TAG, Ledger
from support.redis_server import RedisServer

SIGN_OUTS = 50


class Replica(RedisServer):
    """Follows another."""

    def follow(self, primary: RedisServer) -> redis.Redis:
        self.start()
        client = redis.Redis.from_url(self.url)
        client.replicaof("127.0.0.1", primary.port)
        with redis.Redis.from_url(primary.url) as told:
            while not told.role()[2]:
                time.sleep(0.02)
        return client


@pytest.fixture
def replica(tmp_path_factory, own_redis):
    """A replica of `own_redis`; `client` reads it."""
    one = Replica(tmp_path_factory.mktemp("replica"))
    one.client = one.follow(own_redis)
    yield one
    one.client.close()
    if one.process:
        one.process.send_signal(signal.SIGCONT)
    one.stop()


@pytest.fixture
async def ledger(own_redis):
    store = RedisStore(own_redis.url, retention=RETENTION)
    yield Ledger(store)
    await store.close()


async def learns_of(ledger) -> None:
    await ledger.store.beat("a beat")


async def test_a_session_that_was_ended_is_ended_at_the_replica_too(ledger, replica):
    await learns_of(ledger)
    for _ in range(SIGN_OUTS):
        place = await ledger.sign_in()
        assert await ledger.store.end(ledger.order(place, signs_out=True))
        assert replica.client.hget(f"claims:{{{TAG}}}:session:{place.id_hash}", "t") == b"signed_out"


async def test_so_are_all_of_a_principal_the_marks_of_replay_and_the_providers_sign_outs(ledger, replica):
    await learns_of(ledger)
    for number in range(SIGN_OUTS):
        place = await ledger.sign_in()
        order = ledger.order(place, reason=EndReason.REVOKED)
        assert await ledger.store.end_principal(TAG, None, order) == (place,)
        assert replica.client.hget(f"claims:{{{TAG}}}:session:{place.id_hash}", "t") == b"revoked"
        assert await ledger.store.use_once(f"code-{number}", 60, NOW)
        assert replica.client.exists(f"claims:once:code-{number}")
        await ledger.store.sign_out_names((f"sid:{number}",), NOW)
        assert replica.client.zscore("claims:provider-sign-outs", f"sid:{number}") == NOW


async def test_a_replica_that_stands_still_is_told_of_and_holds_up_nobody_for_long(ledger, replica):
    await learns_of(ledger)
    place = await ledger.sign_in()
    replica.process.send_signal(signal.SIGSTOP)
    with capture_logs() as lines:
        assert await ledger.store.end(ledger.order(place))
        # Many that waited would hold every connection: the next ones do not, until the next look.
        assert await ledger.store.use_once("code", 60, NOW)
    assert [line["event"] for line in lines] == ["replica_late"]


async def test_a_command_that_ends_sessions_and_no_more_waits_too(ledger, replica):
    for _ in range(SIGN_OUTS):
        place = await ledger.sign_in()
        assert await ledger.store.end(ledger.order(place, signs_out=True))
        assert replica.client.hget(f"claims:{{{TAG}}}:session:{place.id_hash}", "t") == b"signed_out"


async def test_where_none_follows_none_is_waited_for(ledger, own_redis):
    await learns_of(ledger)
    assert await ledger.store.end(ledger.order(await ledger.sign_in()))
    with redis.Redis.from_url(own_redis.url) as client:
        assert "cmdstat_wait" not in client.info("commandstats")


async def test_a_redis_that_does_not_say_whether_one_follows_serves_all_the_same(ledger, own_redis):
    with redis.Redis.from_url(own_redis.url) as client:
        client.execute_command("ACL", "SETUSER", "default", "-role")
    await learns_of(ledger)
    assert await ledger.store.end(ledger.order(await ledger.sign_in()))
