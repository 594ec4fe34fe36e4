"""Sessions in the store of a configuration, for tests of commands."""

import asyncio
import time

from proxy.app import sessions_of
from proxy.configuration import load
from proxy.model.principal import Principal
from proxy.model.session import ClientKind
from proxy.model.settings import TimeRules
from proxy.sessions.service import NewSession


def with_sessions(config, work):
    """Runs `work(sessions)` against the configuration's store."""

    async def whole():
        sessions = sessions_of(load(config, {}), time.time)
        try:
            return await work(sessions)
        finally:
            await sessions.close()

    return asyncio.run(whole())


def sign_in(
    config, upn: str | None, *, name: str | None = None, provider: str = "default", signed_in_ago: float = 0.0
) -> str:
    """A session in the store; its cookie. Without a UPN its user is `sub` at that provider, with a display name."""
    user = upn or f"sub of {name}"
    kind = "upn" if upn else "sub"
    who = Principal(
        key=f"{provider}|{kind}|{user}",
        name=name or user,
        upn=upn,
        provider=provider,
        subject=user,
    )

    async def create(sessions):
        now = time.time() - signed_in_ago
        made = await sessions.create(
            NewSession(
                organization="contoso",
                principal=who,
                now=now,
                token_end=now + 86_400,
                # Later than every mark, whatever the clocks may differ by.
                authenticated_at=now + 61,
                counts_as_credentials=True,
                asked_for_credentials_at=None,
                leeway=60.0,
                client_kind=ClientKind.BROWSER,
                rules=TimeRules(),
                provider_session=None,
                subject=None,
                id_token=None,
                refresh_token=None,
                replaces=None,
            )
        )
        return made.cookie

    return with_sessions(config, create)
