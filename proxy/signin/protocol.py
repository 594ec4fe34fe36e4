"""What a sign-in needs of an identity provider, whichever protocol it speaks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from proxy.model.principal import VerifiedToken
from proxy.model.provider import IdentityProvider
from proxy.model.time import Instant
from proxy.signin.login_state import LoginSecrets


@dataclass(frozen=True, slots=True)
class Question:
    """One sign-in, as a provider is asked and its answer is judged.

    `reply_to`: our address that the answer comes to. `realm`: what the provider calls us for this organization, None
    where its protocol has no such name.
    """

    held: LoginSecrets
    reply_to: str
    realm: str | None = None
    ask_for_credentials: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class Proof:
    """What a provider's answer proves. `once`: the token's own name, to be used once; None where it cannot be shown.

    `by_credentials`: the user entered credentials, as `policy.credentials` has it.
    `id_token`: to be named at the sign-out, None where the protocol needs none. `refresh_token`: to renew the session
    with, None where it is not to be renewed.
    """

    token: VerifiedToken
    by_credentials: bool
    id_token: str | None = None
    once: str | None = None
    refresh_token: str | None = None


class SignInProtocol(Protocol):
    """One identity provider."""

    settings: IdentityProvider

    @property
    def endpoint(self) -> str:
        """Which of our endpoints its answers come to."""

    @property
    def posts(self) -> bool:
        """Whether its answers come as a POST from its own site, which brings no SameSite=Lax cookie."""

    async def metadata(self) -> object:
        """What it says of itself. Raises ProviderUnavailable, ProviderMisconfigured."""

    async def sign_in_url(self, question: Question, state: str) -> str:
        """Where a browser goes to sign in. Raises ProviderUnavailable, ProviderMisconfigured."""

    async def judge(self, answer: Mapping[str, str]) -> None:
        """Look at an answer before the sign-in is used up. Raises SignInRefused, ProviderError."""

    async def prove(self, answer: Mapping[str, str], question: Question, now: Instant) -> Proof:
        """Who has signed in. Raises SignInRefused, TokenRefused, ProviderError."""

    async def sign_out_endpoint(self) -> str | None:
        """Where it signs people out, None where nowhere. Raises ProviderError."""

    async def sign_out_url(self, id_token: str | None, back_to: str, realm: str | None) -> str | None:
        """Where a browser goes to sign out there and comes back from, None for nowhere. Raises ProviderError."""
