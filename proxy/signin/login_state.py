"""A sign-in under way: what travels sealed in `state`, and what binds it to the browser that started it."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from proxy.errors import SealBroken
from proxy.model.session import SessionReference
from proxy.model.time import Instant, Seconds
from proxy.sealing import Sealer
from proxy.sessions.cookie import LOGIN_SLOTS, CookieNames

LOGIN_SECONDS: Seconds = 600.0
"""How long a sign-in may take."""

_STATE = "login-state"
_COOKIE = "login-cookie"


@dataclass(frozen=True, slots=True)
class LoginState:
    """What the `state` parameter says. `slot`: the number of the login cookie. `authority`: the host it began on.

    `asked_at`: when credentials were asked for, None where they were not.
    `retried`: it is a second attempt, for credentials owed.
    `restarted`: it took the place of one whose login cookie another tab had overwritten.
    `provider`: the name of the provider that the browser was sent to; empty in a state of an earlier version.
    `change`: digest of the administrator's change that waits for this sign-in, empty where none does.
    """

    login_id: str
    slot: int
    organization: str
    return_to: str
    authority: str
    started_at: Instant
    asked_at: Instant | None = None
    retried: bool = False
    restarted: bool = False
    provider: str = ""
    change: str = ""

    def is_over(self, now: Instant) -> bool:
        """Whether it took too long."""
        return now >= self.started_at + LOGIN_SECONDS


@dataclass(frozen=True, slots=True, repr=False)
class LoginSecrets:
    """What the login cookie holds: PKCE verifier, nonce, and the session that the browser had before.

    `browser`: the value of its nonce cookie, which a POST from another site does not bring; empty in one of before.
    """

    login_id: str
    verifier: str
    nonce: str
    started_at: Instant
    replaces: SessionReference | None = None
    browser: str = ""


def start_login(now: Instant, replaces: SessionReference | None, browser: str = "") -> LoginSecrets:
    """Secrets of a fresh sign-in: 256 bits each for verifier and nonce, 128 for the id."""
    return LoginSecrets(
        login_id=secrets.token_urlsafe(16),
        verifier=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        started_at=now,
        replaces=replaces,
        browser=browser,
    )


def free_slot(cookies: Mapping[str, str], names: CookieNames, sealer: Sealer) -> int:
    """The slot for one more sign-in: one without a cookie or with one that does not open, else the oldest's.

    Of several free ones any: tabs that a browser restores at once do not know of each other's cookies yet.
    """
    held = [open_secrets(sealer, cookies.get(name)) for name in names.logins()]
    free = [slot for slot, one in enumerate(held) if one is None]
    if free:
        return secrets.choice(free)
    return min((one.started_at, slot) for slot, one in enumerate(held) if one)[1]


def is_signing_in(cookies: Mapping[str, str], names: CookieNames, sealer: Sealer) -> bool:
    """Whether this browser has a sign-in of its own under way."""
    return any(open_secrets(sealer, cookies.get(name)) for name in names.logins())


def seal_state(sealer: Sealer, state: LoginState) -> str:
    """The `state` parameter."""
    values = [
        state.login_id,
        state.slot,
        state.organization,
        state.return_to,
        state.authority,
        state.started_at,
        state.asked_at,
        state.retried,
        state.restarted,
        state.provider,
        state.change,
    ]
    return sealer.seal_text(_pack(values), purpose=_STATE)


def open_state(sealer: Sealer, text: str | None) -> LoginState | None:
    """What a `state` parameter says; None for one that is not ours."""
    if text is None:
        return None
    try:
        state = LoginState(*json.loads(sealer.open_text(text, purpose=_STATE)))
    except (SealBroken, ValueError, TypeError):
        return None
    return state if 0 <= state.slot < LOGIN_SLOTS else None


def seal_secrets(sealer: Sealer, held: LoginSecrets) -> str:
    """The login cookie's value."""
    replaces = [held.replaces.tag, held.replaces.id_hash] if held.replaces else None
    return sealer.seal_text(
        _pack([held.login_id, held.verifier, held.nonce, held.started_at, replaces, held.browser]), purpose=_COOKIE
    )


def open_secrets(sealer: Sealer, value: str | None) -> LoginSecrets | None:
    """What a login cookie holds; None where there is none, or it is not ours."""
    if not value:
        return None
    try:
        login_id, verifier, nonce, started_at, replaces, *more = json.loads(sealer.open_text(value, purpose=_COOKIE))
    except (SealBroken, ValueError):
        return None
    before = SessionReference(*replaces) if replaces else None
    return LoginSecrets(login_id, verifier, nonce, started_at, before, *more[:1])


def _pack(values: list[object]) -> bytes:
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False).encode()
