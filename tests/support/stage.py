"""A gateway behind its edge and before an upstream, over real sockets; fixtures for a conftest.py to import."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from proxy.edge.server import Lane, serve
from proxy.errors import StoreUnavailable, UpstreamError
from proxy.gateway.current import CurrentGateway
from proxy.gateway.handler import Gateway
from proxy.gateway.ports import BearerAddress
from proxy.gateway.server import RunningServer
from proxy.gateway.streams import OpenStreams
from proxy.gateway.upstream import UpstreamPool, parse_address
from proxy.model.binding import BindingSettings, DeviceBound
from proxy.model.decision import Ending
from proxy.model.deployment import Listen, UpstreamTuning
from proxy.model.organization import Organization
from proxy.model.principal import Principal
from proxy.model.session import BearerRefused, EndReason, Live, NoSession, Session, SessionLookup, SessionReference
from proxy.model.settings import TimeRules
from proxy.observability.audit import Audit
from proxy.observability.metrics import Metrics
from proxy.pages.render import Pages
from proxy.sealing import Sealer
from proxy.sessions.guard import BindingGuard
from support.raw_http import RawClient, RawUpstream

SEALER = Sealer(["a secret of the tests, long enough"])
ALICE = Principal(key="default:alice", name="Alice", upn="alice@contoso.com", groups=("Sales",))


@dataclass
class SessionsInHand:
    """The sessions port in a test's hand: by cookie, what the worker knows and what the store knows."""

    known: dict[str, SessionLookup] = field(default_factory=dict)
    stored: dict[str, SessionLookup] = field(default_factory=dict)
    ended: list[tuple[Session, Ending]] = field(default_factory=list)
    active: list[tuple[Session, float]] = field(default_factory=list)
    watchers: dict[SessionReference, list[Callable[[EndReason], None]]] = field(default_factory=dict)
    looked_up: int = 0
    asked_store: int = 0
    store_down: bool = False

    async def load(self, cookie, _organization, *, past_cache=False) -> SessionLookup:
        self.looked_up += 1
        self.asked_store += past_cache
        await asyncio.sleep(0)
        if past_cache and cookie in self.stored:
            return self.stored[cookie]
        return self.known.get(cookie, NoSession())

    def key(self, cookie, organization) -> bytes:
        return f"{cookie} {organization}".encode()

    def copy(self, key) -> Session | None:
        lookup = self.known.get(key.split()[0].decode())
        if not isinstance(lookup, Live) or lookup.from_store:
            return None
        self.looked_up += 1
        return lookup.session

    async def end(self, session, ending) -> bool:
        if self.store_down:
            raise StoreUnavailable("the test took it away")
        self.ended.append((session, ending))
        return len(self.ended) == 1

    def note_activity(self, session, now, _inactivity) -> None:
        self.active.append((session, now))

    def watch(self, session, on_end):
        watchers = self.watchers.setdefault(session.reference, [])
        watchers.append(on_end)
        return lambda: on_end in watchers and watchers.remove(on_end)

    def tell(self, session: Session, reason: EndReason) -> None:
        for on_end in list(self.watchers.get(session.reference, ())):
            on_end(reason)


@dataclass
class Stage:
    """A gateway before an upstream, over real sockets. `cookie` is alice's header line, good until `token_end`."""

    server: RunningServer
    streams: OpenStreams
    upstream: RawUpstream
    pools: dict[str, UpstreamPool]
    sessions: SessionsInHand
    session: Session
    bearers: dict[str, SessionLookup]
    current: CurrentGateway
    connect: Callable[[], "asyncio.Future[RawClient]"]
    cookie: bytes = b"Cookie: claims-session=alice\r\n"

    @property
    def port(self) -> int:
        return self.server.port


def request(target=b"/", *lines: bytes, method=b"GET", host=b"crm.contoso.com", version=b"HTTP/1.1", body=b"") -> bytes:
    """A request's bytes; `lines` with their line ends."""
    return b"%b %b %b\r\nHost: %b\r\n%b\r\n%b" % (method, target, version, host, b"".join(lines), body)


@pytest.fixture
def ask():
    """Makes request bytes: `ask(target, *header_lines, method=, host=, version=, body=)`."""
    return request


@pytest.fixture
async def upstream():
    one = RawUpstream()
    await one.start()
    yield one
    await one.close()


@pytest.fixture(params=[Lane.FULL, Lane.BOTH], ids=["full", "fast"])
def lane(request) -> Lane:
    """Every test of the gateway holds in both lanes."""
    return request.param


async def warm(pools: dict[str, UpstreamPool]) -> None:
    """An idle connection in each: without one the first request would be the full lane's."""
    for pool in pools.values():
        with contextlib.suppress(UpstreamError):
            assert pool._take_slot(None)
            (await pool._open(None)).give_back()


@pytest.fixture
async def stage(upstream, clock, lane):
    """Makes stages: `await stage(organization={…}, rules=…, endpoints={…})`."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(
            *,
            organizations=None,
            organization=None,
            rules=None,
            endpoints=None,
            listen=None,
            tuning=None,
            bounds=None,
            metrics=None,
            transform=None,
            lane=lane,
        ) -> Stage:
            only = {"name": "contoso", "id": "1", "hosts": ("crm.contoso.com",), "upstream": upstream.url}
            listed = organizations or [Organization(**(only | (organization or {})))]
            sessions = SessionsInHand()
            now = clock()
            session = Session(
                reference=SessionReference("tag", "hash"),
                organization=listed[0].name,
                principal=ALICE,
                signed_in_at=now,
                token_end=now + 3600,
                last_activity=now,
            )
            sessions.known["alice"] = Live(session, from_store=False)
            bearers: dict[str, SessionLookup] = {}

            async def bearer(token, _organization, _now) -> SessionLookup:
                return bearers.get(token, BearerRefused("signature"))

            pools = {
                each.name: UpstreamPool(parse_address(each.upstream), tuning or UpstreamTuning()) for each in listed
            }
            for pool in pools.values():
                stack.push_async_callback(pool.close)
            streams = OpenStreams(sessions)
            gateway = Gateway(
                organizations=listed,
                listen=listen or Listen(),
                sessions=sessions,
                bearer=bearer,
                rules_for=lambda _: rules or TimeRules(),
                endpoints=endpoints or {},
                pools=pools,
                streams=streams,
                pages=Pages(),
                challenge_address=lambda _, facts: BearerAddress(
                    "https://adfs.contoso.com/adfs/oauth2/authorize", f"{facts.origin}/"
                ),
                clock=clock,
                audit=Audit(),
                metrics=metrics or Metrics(),
                guard=BindingGuard(BindingSettings(DeviceBound.AUTO), SEALER),
                transform=transform,
            )
            streams.follow(gateway.judge, listed)
            current = CurrentGateway(gateway)
            if lane is Lane.BOTH:
                await warm(pools)
            server = await serve(current, streams, "127.0.0.1", 0, bounds=bounds, lane=lane)
            stack.push_async_callback(server.close, 0)

            async def connect() -> RawClient:
                client = await RawClient.connect(server.port)
                stack.push_async_callback(client.close)
                return client

            return Stage(server, streams, upstream, pools, sessions, session, bearers, current, connect)

        yield make
