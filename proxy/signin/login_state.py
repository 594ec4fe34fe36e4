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

    `asked_at`: when credentials were asked for, None where they were not. `retried`: it is a second attempt already.
    """

    login_id: str
    slot: int
    organization: str
    return_to: str
    authority: str
    started_at: Instant
    asked_at: Instant | None = None
    retried: bool = False

    def is_over(self, now: Instant) -> bool:
        """Whether it took too long."""
        return now >= self.started_at + LOGIN_SECONDS


@dataclass(frozen=True, slots=True, repr=False)
class LoginSecrets:
    """What the login cookie holds: PKCE verifier, nonce, and the session that the browser had before."""

    login_id: str
    verifier: str
    nonce: str
    started_at: Instant
    replaces: SessionReference | None = None


def start_login(now: Instant, replaces: SessionReference | None) -> LoginSecrets:
    """Secrets of a fresh sign-in: 256 bits each for verifier and nonce, 128 for the id."""
    return LoginSecrets(
        login_id=secrets.token_urlsafe(16),
        verifier=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        started_at=now,
        replaces=replaces,
    )


def free_slot(cookies: Mapping[str, str], names: CookieNames, sealer: Sealer) -> int:
    """The slot for one more sign-in: one without a cookie or with one that does not open, else the oldest's."""
    started: list[tuple[Instant, int]] = []
    for slot, name in enumerate(names.logins()):
        held = open_secrets(sealer, cookies.get(name))
        if held is None:
            return slot
        started.append((held.started_at, slot))
    return min(started)[1]


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
    ]
    return sealer.seal_text(_pack(values), purpose=_STATE)


def open_state(sealer: Sealer, text: str | None) -> LoginState | None:
    """What a `state` parameter says; None for one that is not ours."""
    if text is None:
        return None
    try:
        login_id, slot, organization, return_to, authority, started_at, asked_at, retried = json.loads(
            sealer.open_text(text, purpose=_STATE)
        )
    except (SealBroken, ValueError):
        return None
    if not 0 <= slot < LOGIN_SLOTS:
        return None
    return LoginState(login_id, slot, organization, return_to, authority, started_at, asked_at, retried)


def seal_secrets(sealer: Sealer, held: LoginSecrets) -> str:
    """The login cookie's value."""
    replaces = [held.replaces.tag, held.replaces.id_hash] if held.replaces else None
    return sealer.seal_text(
        _pack([held.login_id, held.verifier, held.nonce, held.started_at, replaces]), purpose=_COOKIE
    )


def open_secrets(sealer: Sealer, value: str | None) -> LoginSecrets | None:
    """What a login cookie holds; None where there is none, or it is not ours."""
    if not value:
        return None
    try:
        login_id, verifier, nonce, started_at, replaces = json.loads(sealer.open_text(value, purpose=_COOKIE))
    except (SealBroken, ValueError):
        return None
    return LoginSecrets(login_id, verifier, nonce, started_at, SessionReference(*replaces) if replaces else None)


def _pack(values: list[object]) -> bytes:
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False).encode()
