"""Sessions of one worker, for tests that sign in, out and on."""

import asyncio
from dataclasses import replace

from proxy.model.deployment import SessionTuning
from proxy.model.principal import Claim, Principal
from proxy.model.session import ClientKind, Live
from proxy.model.settings import TimeRules
from proxy.sealing import Sealer
from proxy.sessions.service import Created, NewSession, Sessions
from proxy.store.choose import store_for
from proxy.store.port import Listener
from support.patience import HANG

RETENTION = 86_400.0
SECRET = "a-secret-of-at-least-thirty-two-bytes-1"
MAIL = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"
ALICE = Principal(
    "adfs S-1-5-21-1", "Alice", upn="alice@contoso.example", claims=(Claim(MAIL, "alice@contoso.example"),)
)


class Desk:
    """Sessions of one worker, and sign-ins to it."""

    def __init__(self, url: str, clock, *, secrets=(SECRET,), tuning: SessionTuning | None = None) -> None:
        self.clock = clock
        self.url = url
        self.store = store_for(url, None, retention=RETENTION)
        tuning = tuning or SessionTuning(cache=100)
        self.sessions = Sessions(self.store, Sealer(secrets), tuning, clock, retention=RETENTION)

    async def clean(self) -> None:
        """Listen, until the cache answers by itself; the heartbeat stays in the test's hand."""
        heart = self.sessions._heart
        await self.store.start(Listener(heart.ended, heart._beat_heard, heart._lost, heart.changed))
        await self.clean_again()

    async def clean_again(self) -> None:
        """Beat until the cache answers by itself."""
        async with asyncio.timeout(HANG):
            while not self.sessions._cache.is_clean:
                await self.sessions._heart.beat()
                await asyncio.sleep(0.01)

    def new(self, **facts) -> NewSession:
        now = self.clock()
        plain = NewSession(
            "contoso", ALICE, now, now + 3600, now - 1, True, None, 60.0, ClientKind.BROWSER, TimeRules()
        )
        return replace(plain, **facts)

    async def sign_in(self, **facts) -> Created:
        created = await self.sessions.create(self.new(**facts))
        assert isinstance(created, Created), created
        return created

    async def lives(self, created: Created) -> bool:
        return isinstance(await self.sessions.load(created.cookie, "contoso"), Live)
