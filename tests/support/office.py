"""Sessions that are renewed at a provider in a test's hand."""

from proxy.model.organization import Organization
from proxy.model.session import Ended, Live
from proxy.model.settings import TimeRules
from proxy.observability.audit import Audit
from proxy.signin.refresh import Refresher
from support import tokens

CONTOSO = Organization(
    name="contoso", id="1", hosts=("crm.contoso.com",), upstream="http://crm", identity_provider="adfs"
)
HOUR = 3600


class Office:
    """A session that was signed in at a provider, and who renews it. `rules`: the rules of time in force."""

    def __init__(self, desk, openid, provider) -> None:
        self.desk, self.openid, self.provider = desk, openid, provider
        self.clock = desk.clock
        self.rules = TimeRules()
        self.audited: list[tuple[str, str, str]] = []
        self.refresher = self.another_worker(desk)

    def another_worker(self, desk) -> Refresher:
        return Refresher(
            sessions=desk.sessions.renewals,
            providers={"adfs": self.provider},
            rules_for=lambda _: self.rules,
            clock=desk.clock,
            audit=Audit(on_event=lambda *event: self.audited.append(event)),
        )

    async def sign_in(self, **facts):
        token = await self.provider.verify(await self.provider.exchange("c", "v", "r"), tokens.NONCE, self.clock())
        known = {
            "principal": token.principal,
            "subject": token.subject,
            "token_end": token.ends_at,
            "authenticated_at": token.authenticated_at,
            "id_token": self.openid.granted["id_token"],
            "refresh_token": "refresh-1",
        }
        self.created = await self.desk.sign_in(**(known | facts))
        self.openid.asked.clear()
        self.openid.posted.clear()
        return self.created

    def grant(self, **claims) -> None:
        """The provider's next id token: an hour from now, without a nonce."""
        now = int(self.clock())
        changes = {"iat": now, "exp": now + HOUR, "nonce": ..., "name": "Alice Archer"} | claims
        self.openid.granted["id_token"] = self.openid.id_token(**changes)
        self.openid.granted.pop("access_token", None)

    async def due(self, **claims) -> None:
        """The last minutes of the token."""
        self.clock.advance(self.created.session.token_end - self.clock() - 300)
        self.grant(**claims)

    async def ask(self, *, refresher=None, cookie=...) -> None:
        """A request of the session comes, and what it began comes to its end."""
        one = refresher or self.refresher
        session = self.created.session if cookie is not ... else await self.session() or self.created.session
        one.wanted(session, CONTOSO, self.created.cookie if cookie is ... else cookie, "192.0.2.17")
        await one.idle()

    async def session(self):
        found = await self.desk.sessions.load(self.created.cookie, "contoso")
        return found.session if isinstance(found, Live) else None

    async def reason(self):
        found = await self.desk.sessions.load(self.created.cookie, "contoso")
        return found.tombstone.reason if isinstance(found, Ended) else None

    async def refresh_token(self):
        return (await self.desk.sessions.tokens(self.created.cookie, "contoso")).refresh_token

    @property
    def asked(self) -> int:
        return self.openid.asked["token"]
