"""Whether a request comes from the browser, and the device, that its session is bound to.

Asked on every request of both lanes: what can be remembered of the answers is, so that it costs next to nothing.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from proxy.model.binding import Binding, BindingSettings, DeviceBound, Standing
from proxy.model.request import RequestFacts
from proxy.model.session import Session
from proxy.model.settings import TimeRules
from proxy.model.time import Instant
from proxy.policy.binding import Broken, broken_by, device_standing
from proxy.sealing import Sealer
from proxy.sessions.device_cookie import bound_until

_REMEMBERED = 16_384


class Shown(Protocol):
    """The cookies of a request that tell for whom its session is."""

    @property
    def nonce(self) -> str | None:
        """The browser's."""

    @property
    def device(self) -> str | None:
        """The device's bound cookie."""


@dataclass(frozen=True, slots=True, repr=False)
class BindingCookies:
    """They themselves."""

    nonce: str | None
    device: str | None


class BindingGuard:
    """One configuration's."""

    def __init__(self, settings: BindingSettings, sealer: Sealer) -> None:
        self.settings = settings
        self._is_required = settings.device is DeviceBound.REQUIRED
        # Remembered by strings alone, whose hashes Python keeps: the same browser shows the same ones again and again.
        self._broken = lru_cache(_REMEMBERED)(self._compare)
        self._until = lru_cache(_REMEMBERED)(lambda cookie, id_hash: bound_until(sealer, cookie, id_hash))

    def standing(
        self,
        session: Session,
        shown: Shown,
        facts: RequestFacts,
        rules: TimeRules,
        now: Instant,
    ) -> Standing:
        """How a request stands."""
        reference, binding = session.reference, session.binding
        if reference is None:
            return Standing.HOLDS
        if (
            rules.binds_to_browser
            and binding is not None
            and self.broken_by(binding, shown.nonce, facts.browser, facts.client_address) is not None
        ):
            return Standing.BROKEN
        if session.device is None and not self._is_required:
            return Standing.HOLDS
        until = self._until(shown.device, reference.id_hash) if shown.device else 0.0
        made_at = session.signed_in_at if binding is None else binding.at
        return device_standing(session.device, made_at, until, self.settings, now)

    def is_constant(self, session: Session) -> bool:
        """Whether time changes nothing of how requests stand: a proof, and the time to register a device, run out."""
        return session.device is None and not self._is_required

    def broken_by(self, binding: Binding, nonce: str | None, traits: str, address: str) -> Broken | None:
        """See `policy.binding.broken_by`."""
        return self._broken(binding.nonce_hash, binding.traits, binding.network, nonce, traits, address)

    def _compare(  # noqa: PLR0917 - strings, by which the answer is remembered
        self, nonce_hash: str, recorded: str, network: str, nonce: str | None, traits: str, address: str
    ) -> Broken | None:
        binding = Binding(nonce_hash, recorded, network, 0.0)
        return broken_by(binding, nonce, traits, address, by_network=self.settings.networks is not None)
