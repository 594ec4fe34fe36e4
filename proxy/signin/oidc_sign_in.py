"""OpenID Connect as a sign-in protocol: the authorization code flow with PKCE (OpenID Connect Core, section 3.1)."""

from collections.abc import Mapping

from proxy.errors import SignInRefused
from proxy.model.provider import ProviderMetadata, ResponseMode
from proxy.model.time import Instant
from proxy.policy.credentials import counts_as_credentials
from proxy.signin import oidc
from proxy.signin.protocol import Proof, Question
from proxy.signin.provider import Provider


class OidcSignIn:
    """See `protocol.SignInProtocol`."""

    endpoint = "callback"

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.settings = provider.settings

    @property
    def posts(self) -> bool:
        """A form_post is made a GET by us, but not every browser sends Lax cookies with that one."""
        return self.settings.response_mode is ResponseMode.FORM_POST

    async def metadata(self) -> ProviderMetadata:
        """The discovery document."""
        return await self.provider.metadata()

    async def sign_in_url(self, question: Question, state: str) -> str:
        """The authorization request."""
        return oidc.authorization_url(
            self.settings,
            await self.metadata(),
            redirect_uri=question.reply_to,
            state=state,
            nonce=question.held.nonce,
            verifier=question.held.verifier,
            ask_for_credentials=question.ask_for_credentials,
        )

    async def judge(self, answer: Mapping[str, str]) -> None:
        """Whether it is this provider's answer, and a code."""
        oidc.check_issuer(await self.metadata(), answer.get("iss"))
        if "error" in answer:
            raise oidc.refusal(answer["error"])
        if "code" not in answer:
            raise SignInRefused("provider_refused", "neither code nor error in the answer")

    async def prove(self, answer: Mapping[str, str], question: Question, now: Instant) -> Proof:
        """Redeem the code; the tokens come from the provider itself, so they need no name of their own."""
        response = await self.provider.exchange(answer["code"], question.held.verifier, question.reply_to)
        token = await self.provider.verify(response, question.held.nonce, now)
        kept = response.refresh_token if self.settings.refresh else None
        is_adfs = (await self.metadata()).access_token_issuer is not None
        by_credentials = counts_as_credentials(token.methods, self.settings.credentials, states_methods=is_adfs)
        return Proof(token, by_credentials, id_token=response.id_token, refresh_token=kept)

    async def sign_out_endpoint(self) -> str | None:
        """`end_session_endpoint` of discovery."""
        return (await self.metadata()).end_session_endpoint

    async def sign_out_url(self, id_token: str | None, back_to: str, realm: str | None) -> str | None:  # noqa: ARG002
        """RP-initiated logout."""
        endpoint = await self.sign_out_endpoint()
        if endpoint is None:
            return None
        return oidc.end_session_url(endpoint, id_token=id_token, back_to=back_to, client_id=self.settings.client_id)
