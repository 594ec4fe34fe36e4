"""WS-Federation as a sign-in protocol: the passive requestor profile (WS-Federation 1.2, section 13)."""

from collections.abc import Callable, Mapping

from proxy.errors import ProviderMisconfigured, SignInRefused
from proxy.model.time import Instant
from proxy.policy.credentials import counts_as_credentials
from proxy.signin import wsfed
from proxy.signin.federation import Federation
from proxy.signin.protocol import Proof, Question


class FederationSignIn:
    """See `protocol.SignInProtocol`."""

    endpoint = "wsfed"
    posts = True

    def __init__(self, federation: Federation, clock: Callable[[], Instant]) -> None:
        self.federation = federation
        self.settings = federation.settings
        self._clock = clock

    async def metadata(self) -> object:
        """The federation metadata."""
        return await self.federation.metadata()

    async def sign_in_url(self, question: Question, state: str) -> str:
        """The sign-in request."""
        return wsfed.sign_in_url(
            self.settings,
            (await self.federation.metadata()).endpoint,
            realm=_realm(question),
            reply_to=question.reply_to,
            wctx=state,
            now=self._clock(),
            ask_for_credentials=question.ask_for_credentials,
        )

    async def judge(self, answer: Mapping[str, str]) -> None:
        """Whether it is an answer with a token."""
        if answer.get("wa", "wsignin1.0") != "wsignin1.0":
            raise SignInRefused("bad_request", "wa is not wsignin1.0")
        if "wresult" not in answer:
            raise SignInRefused("provider_refused", "no wresult in the answer")

    async def prove(self, answer: Mapping[str, str], question: Question, now: Instant) -> Proof:
        """What the token says. A browser brought it, so it is taken once."""
        verified = await self.federation.verify(
            answer["wresult"], _realm(question), now, self.settings.wreply or question.reply_to
        )
        methods, rules = verified.token.methods, self.settings.credentials
        by_credentials = counts_as_credentials(methods, rules, states_methods=True)
        return Proof(verified.token, by_credentials, once=verified.token_id)

    async def sign_out_endpoint(self) -> str | None:
        """AD FS signs out where it signs in."""
        return (await self.federation.metadata()).endpoint

    async def sign_out_url(self, id_token: str | None, back_to: str, realm: str | None) -> str | None:  # noqa: ARG002
        """`wsignout1.0`."""
        endpoint = (await self.federation.metadata()).endpoint
        return wsfed.sign_out_url(endpoint, realm=realm or "", back_to=back_to)


def _realm(question: Question) -> str:
    if question.realm is None:
        raise ProviderMisconfigured("no realm; set identity_provider.realm or the organization's own")
    return question.realm
