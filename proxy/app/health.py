"""How the store and the providers are, as one worker finds them."""

import asyncio
from collections.abc import Mapping

from proxy.errors import ProviderError
from proxy.model.health import Check
from proxy.model.time import Seconds
from proxy.sessions.service import Sessions
from proxy.signin.protocol import SignInProtocol

_PATIENCE: Seconds = 1.0


async def checks_of(sessions: Sessions, providers: Mapping[str, SignInProtocol]) -> tuple[Check, ...]:
    """The store, then each provider by its name; within a second."""
    reason = "" if sessions.hears else "it does not answer, or its messages do not arrive"
    if not sessions.tells:
        reason += "; no session can be told"
    store = Check("store", ok=sessions.hears, reason=reason, needed=not sessions.tells)
    return (store, *await asyncio.gather(*(_checked(name, each) for name, each in providers.items())))


async def _checked(name: str, provider: SignInProtocol) -> Check:
    what = f"provider {name}"
    try:
        async with asyncio.timeout(_PATIENCE):
            await provider.metadata()
    except TimeoutError:
        return Check(what, ok=False, reason=f"no metadata within {_PATIENCE:g} s")
    except ProviderError as error:
        return Check(what, ok=False, reason=f"no metadata: {error}")
    return Check(what, ok=True)
