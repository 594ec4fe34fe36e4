"""The store in Redis 6.2 or newer, or Valkey. What must hold together is one script on one slot (scripts/)."""

import asyncio
import contextlib
import json
import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import structlog
from redis.exceptions import ConnectionError as LinkBroken
from redis.exceptions import RedisError

from proxy.errors import StoreUnavailable
from proxy.store.link import Link, Observe, client
from proxy.store.port import (
    SIGN_OUTS_KEPT,
    TOMBSTONE_SECONDS,
    UNKNOWN_SIGN_OUT_SECONDS,
    UNKNOWN_SIGN_OUTS_KEPT,
    Creation,
    EndOrder,
    Listener,
    Marks,
    Owed,
    Place,
    Record,
    Renewal,
    SignedIn,
    Stone,
    Touch,
)
from proxy.store.redis_admin import CHANGED as SETTINGS_CHANGED
from proxy.store.redis_admin import RedisAdmin
from proxy.store.redis_forms import RedisForms
from proxy.store.tasks import end_tasks

_ENDED, _CHANGED = "claims:ended", "claims:changed"
_EVERYWHERE = "claims:organizations"
_PLAIN = ("t", "at", "org", "p", "seen")
_SIGN_OUTS, _UNKNOWN_SIGN_OUTS = "claims:provider-sign-outs", "claims:unknown-sign-outs"
_RECONNECT_AFTER = 0.25
_LISTEN_FOR = 0.5
_PING_AFTER, _SILENT_AT_MOST = 1.5, 2.5

_log = structlog.get_logger("store")


class RedisStore:
    """A SessionStore that all workers and nodes share. `retention`: seconds a session is kept at most."""

    def __init__(
        self, url: str, ca_file: str | None = None, *, retention: float, observe: Observe | None = None
    ) -> None:
        self._link = Link(url, ca_file, observe)
        self.admin = RedisAdmin(self._link)
        self.forms = RedisForms(self._link)
        # Its own client, which never reconnects by itself: a gap in the messages must be noticed.
        self._subscription = client(url, ca_file, retries=0)
        self.retention = retention
        self._beats = f"claims:beat:{secrets.token_hex(8)}"
        self._listening: asyncio.Task[None] | None = None
        self._hears = True

    async def start(self, listener: Listener) -> None:
        """As the port says."""
        self._listening = asyncio.create_task(self._listen(listener))

    async def close(self) -> None:
        """As the port says."""
        if self._listening:
            await end_tasks([self._listening])
            self._listening = None
        await self._subscription.aclose()
        await self._link.close()

    async def beat(self, name: str) -> None:
        """As the port says."""
        await self._link.run("PUBLISH", self._beats, name)
        await self._link.look_for_replicas()

    async def prepare(self, creation: Creation) -> SignedIn | Owed:
        """As the port says."""
        return _verdict(await self._create(creation, {"write": False}))

    async def create(
        self, creation: Creation, signed_in: float, sealed: Mapping[str, bytes], names: Sequence[str]
    ) -> SignedIn | Owed:
        """As the port says. The indexes lie on other slots: they come first, so that no session is missing there."""
        forgotten = creation.now - self.retention - TOMBSTONE_SECONDS
        commands: list[tuple[str | float, ...]] = []
        for key in (_EVERYWHERE, _organization(creation.organization)):
            commands.append(("ZADD", key, signed_in, creation.place.member))
            commands.append(("ZREMRANGEBYSCORE", key, "-inf", f"({forgotten!r}"))
        kept_for = max(self.retention, creation.token_end - creation.now) + TOMBSTONE_SECONDS
        for name in names:
            # By when the session is forgotten: a principal that signs in every minute must not grow this for ever.
            commands.append(("ZADD", f"claims:{name}", creation.now + kept_for, creation.place.member))
            commands.append(("ZREMRANGEBYSCORE", f"claims:{name}", "-inf", creation.now))
            commands.append(("EXPIRE", f"claims:{name}", math.ceil(kept_for)))
        await self._link.run_all(commands)
        answer = await self._create(creation, {"write": True, "signed_in": signed_in}, sealed)
        if creation.replaced:
            place = Place(creation.place.tag, creation.replaced)
            await self._unlist(((place, creation.organization),))
        return _verdict(answer)

    async def _create(
        self, creation: Creation, more: Mapping[str, float], sealed: Mapping[str, bytes] | None = None
    ) -> Any:
        facts = {name: value for name, value in asdict(creation).items() if value is not None and name != "place"}
        facts |= {"id_hash": creation.place.id_hash, "retention": self.retention, **more}
        fields = [part for pair in (sealed or {}).items() for part in pair]
        return await self._link.script("create", _sessions(creation.place.tag), json.dumps(facts), *fields)

    async def read(self, place: Place, names: Sequence[str]) -> Record | Stone | None:
        """As the port says."""
        return _understood(await self._link.run("HMGET", _session(place), *_PLAIN, *names), names)

    async def read_all(self, places: Sequence[Place], names: Sequence[str]) -> tuple[Record | Stone | None, ...]:
        """As the port says."""
        if not places:
            return ()
        found = await self._link.run_all([("HMGET", _session(place), *_PLAIN, *names) for place in places])
        return tuple(_understood(each, names) for each in found)

    async def touch(self, touches: Sequence[Touch]) -> None:
        """As the port says."""
        if touches:
            await self._link.script_all("touch", [(_session(touch.place), repr(touch.seen)) for touch in touches])

    async def amend(self, place: Place, name: str, sealed: bytes) -> bool:
        """As the port says."""
        return bool(await self._link.script("amend", _sessions(place.tag), place.id_hash, name, sealed))

    async def end(self, order: EndOrder) -> bool:
        """As the port says."""
        ended = await self._link.script(
            "end",
            _sessions(order.place.tag),
            order.place.id_hash,
            order.organization,
            order.reason,
            repr(order.ended_at),
            int(order.owes_credentials),
            int(order.signs_out),
            _bound(order.seen_at_most),
            _bound(order.token_end_at_most),
            order.made_from or b"",
            lasting=True,
        )
        if ended:
            await self._unlist(((order.place, order.organization),))
        return bool(ended)

    async def lease(self, place: Place, owner: str, seconds: float, now: float) -> bool:  # noqa: ARG002 - as use_once
        """As the port says."""
        whole = math.ceil(seconds)
        return bool(await self._link.script("lease", _sessions(place.tag), place.id_hash, owner, whole))

    async def renew(self, renewal: Renewal) -> bool:
        """As the port says."""
        written = await self._link.script(
            "renew",
            _sessions(renewal.place.tag),
            renewal.place.id_hash,
            renewal.owner,
            repr(renewal.now),
            renewal.made_from,
            _bound(renewal.token_end),
            _bound(renewal.inactivity),
            repr(self.retention),
            *(part for pair in renewal.sealed.items() for part in pair),
        )
        if written and renewal.token_end is not None:
            await self._keep_listed(renewal, renewal.token_end)
        return bool(written)

    async def _keep_listed(self, renewal: Renewal, token_end: float) -> None:
        """Indexes forget by when a session began; one that goes on must be found for longer. Tidying, as `_unlist`."""
        kept_for = max(self.retention, token_end - renewal.now) + TOMBSTONE_SECONDS
        score, member = max(renewal.signed_in, token_end - self.retention), renewal.place.member
        commands: list[tuple[str | float, ...]] = [
            # XX: one that ended a moment ago and is off the index stays off.
            ("ZADD", key, "XX", score, member)
            for key in (_EVERYWHERE, _organization(renewal.organization))
        ]
        for name in renewal.names:
            commands.append(("ZADD", f"claims:{name}", renewal.now + kept_for, member))
            commands.append(("EXPIRE", f"claims:{name}", math.ceil(kept_for)))
        with contextlib.suppress(StoreUnavailable):
            await self._link.run_all(commands)

    async def end_principal(self, tag: str, organization: str | None, order: EndOrder) -> tuple[Place, ...]:
        """As the port says."""
        ended = await self._link.script(
            "end_principal",
            _sessions(tag),
            organization or "*",
            order.reason,
            repr(order.ended_at),
            int(order.owes_credentials),
            int(order.signs_out),
            lasting=True,
        )
        return tuple(Place(tag, id_hash.decode()) for id_hash in ended)

    async def _unlist(self, places: Sequence[tuple[Place, str]]) -> None:
        """Tidying: what stays in an index is read as gone anyway, so what was done has not failed where this does."""
        with contextlib.suppress(StoreUnavailable):
            await self._link.run_all(
                [("ZREM", key, place.member) for place, where in places for key in (_EVERYWHERE, _organization(where))]
            )

    async def marks(self, tags: Sequence[str], organization: str) -> Marks:
        """As the port says."""
        names = [f"{kind}:{where}" for kind in "co" for where in (organization, "*")]
        found = await self._link.run_all([("HMGET", f"claims:{{{tag}}}:marks", *names) for tag in tags])
        credentials = [float(at) for row in found for at in row[:2] if at is not None]
        signed_out = [float(at) for row in found for at in row[2:] if at is not None]
        return Marks(max(credentials, default=None), max(signed_out, default=None))

    async def use_once(self, name: str, seconds: float, now: float) -> bool:  # noqa: ARG002 - Redis keeps this time
        """As the port says."""
        milliseconds = max(1, int(seconds * 1000))
        mark = ("SET", f"claims:once:{name}", "1", "NX", "PX", milliseconds)
        return await self._link.run(*mark, lasting=True) is not None

    async def find(self, name: str, offset: int = 0, limit: int | None = None) -> tuple[Place, ...]:
        """As the port says."""
        last = -1 if limit is None else offset + limit - 1
        found = await self._link.run("ZREVRANGE", f"claims:{name}", offset, last)
        return tuple(Place.of(member.decode()) for member in found)

    async def sign_out_names(self, names: Sequence[str], at: float, *, known: bool = True) -> None:
        """As the port says."""
        if not names:
            return
        key, most, seconds = (
            (_SIGN_OUTS, SIGN_OUTS_KEPT, TOMBSTONE_SECONDS)
            if known
            else (_UNKNOWN_SIGN_OUTS, UNKNOWN_SIGN_OUTS_KEPT, UNKNOWN_SIGN_OUT_SECONDS)
        )
        told = [part for name in names for part in (at, name)]
        await self._link.run_all(
            [
                ("ZADD", key, "GT", *told),
                ("ZREMRANGEBYSCORE", key, "-inf", at - seconds),
                ("ZREMRANGEBYRANK", key, 0, -most - 1),
                ("EXPIRE", key, seconds),
            ],
            lasting=True,
        )

    async def names_signed_out_after(self, names: Sequence[str]) -> float | None:
        """As the port says."""
        if not names:
            return None
        found = await self._link.run_all([("ZMSCORE", key, *names) for key in (_SIGN_OUTS, _UNKNOWN_SIGN_OUTS)])
        return max((float(at) for several in found for at in several if at is not None), default=None)

    async def listing(self, organization: str | None, offset: int, limit: int) -> tuple[Place, ...]:
        """As the port says."""
        key = _EVERYWHERE if organization is None else _organization(organization)
        found = await self._link.run("ZREVRANGE", key, offset, offset + limit - 1)
        return tuple(Place.of(member.decode()) for member in found)

    async def count(self, organizations: Sequence[str]) -> tuple[int, ...]:
        """As the port says."""
        if not organizations:
            return ()
        return tuple(map(int, await self._link.run_all([("ZCARD", _organization(name)) for name in organizations])))

    async def _listen(self, listener: Listener) -> None:
        while True:
            try:
                await self._hear_all(listener)
            except (RedisError, OSError, TimeoutError) as error:
                # One line when it is lost and one when it is back: an outage must not fill the log.
                if self._hears:
                    _log.warning("store_not_reached", error=f"{type(error).__name__}: {error}")
            except Exception:  # noqa: BLE001 - logged with its traceback; the loop goes on
                # Whatever it was: a worker that stays deaf would serve sessions that were ended elsewhere.
                _log.exception("subscription_failed")
            self._hears = False
            listener.lost()
            await asyncio.sleep(_RECONNECT_AFTER)

    async def _hear_all(self, listener: Listener) -> None:
        """Until the connection breaks, or is silent: one that was cut without a word never says so by itself."""
        now = asyncio.get_running_loop().time
        async with self._subscription.pubsub() as channel:
            await channel.subscribe(_ENDED, _CHANGED, SETTINGS_CHANGED, self._beats)
            if not self._hears:
                _log.info("store_reached_again")
            self._hears, heard_at = True, now()
            while True:
                message = await channel.get_message(ignore_subscribe_messages=True, timeout=_LISTEN_FOR)
                if message:
                    heard_at = now()
                if message and message["type"] == "message":
                    self._hear(listener, message["channel"].decode(), message["data"].decode())
                if now() > heard_at + _SILENT_AT_MOST:
                    raise LinkBroken("silent")
                if now() > heard_at + _PING_AFTER:
                    await channel.ping()

    def _hear(self, listener: Listener, channel: str, data: str) -> None:
        if channel == self._beats:
            listener.beat(data)
            return
        if channel == SETTINGS_CHANGED:
            listener.settings()
            return
        tag, _, rest = data.partition(" ")
        if channel == _CHANGED:
            listener.changed(Place(tag, rest))
            return
        id_hash, _, reason = rest.partition(" ")
        listener.ended(Place(tag, id_hash), reason)


def _understood(found: Sequence[Any], names: Sequence[str]) -> Record | Stone | None:
    reason, at, organization, facts, seen = found[: len(_PLAIN)]
    if reason is not None:
        return Stone(organization.decode(), reason.decode(), float(at))
    if facts is None:
        return None
    sealed = {name: value for name, value in zip(names, found[len(_PLAIN) :], strict=True) if value is not None}
    signed_in, token_end, exempt, where = facts.decode().split(" ", 3)
    return Record(where, float(signed_in), float(token_end), float(seen), exempt == "1", sealed)


def _verdict(answer: Sequence[Any]) -> SignedIn | Owed:
    at = float(answer[1])
    return SignedIn(at) if answer[0] == 1 else Owed(at)


def _bound(at: float | None) -> str:
    return "" if at is None else repr(at)


def _sessions(tag: str) -> str:
    return f"claims:{{{tag}}}:sessions"


def _session(place: Place) -> str:
    return f"claims:{{{place.tag}}}:session:{place.id_hash}"


def _organization(organization: str) -> str:
    return f"claims:organization:{organization}"
