"""Our own federation metadata: an administrator gives AD FS this one address, and the trust is made."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import structlog
from aiohttp import web

from proxy.errors import CannotStart, VerificationBusy
from proxy.model.organization import Organization
from proxy.model.provider import ClaimNames
from proxy.model.request import RequestFacts
from proxy.pages.render import Page, Pages
from proxy.signin.answers import failed, reason_of
from proxy.signin.departure import sign_in_origin
from proxy.signin.federation_sign_in import FederationSignIn
from proxy.signin.protocol import SignInProtocol
from proxy.tokens.own_metadata import OwnParty
from proxy.tokens.xml_encryption import DecryptionKey

log = structlog.get_logger("signin")


class OwnMetadata:
    """Signed by the first decryption key that has a certificate, which is also the one that it publishes."""

    def __init__(
        self, providers: Mapping[str, SignInProtocol], pages: Pages, prefix: str, mount: Callable[[Organization], str]
    ) -> None:
        self._providers = providers
        self._pages = pages
        self._prefix = prefix
        self._mount = mount

    async def __call__(
        self, request: web.Request, facts: RequestFacts, organization: Organization | None
    ) -> web.StreamResponse:
        """GET: the metadata of this organization's trust."""
        provider = self._providers.get(organization.identity_provider) if organization else None
        if organization is None or not isinstance(provider, FederationSignIn):
            return self._pages.respond(request, Page.NOT_FOUND, status=404)
        if request.method not in ("GET", "HEAD"):
            return web.Response(status=405, headers={"Allow": "GET, HEAD"})
        origin = sign_in_origin(provider.settings, facts)
        party = OwnParty(
            realm=organization.realm or provider.settings.realm or "",
            endpoints=(f"{origin}{self._prefix}/{provider.endpoint}",),
            claim_types=_claim_types(provider.settings.claims),
        )
        try:
            body = await provider.federation.own_metadata(party)
        except VerificationBusy as error:
            log.warning("own_metadata_not_signed", detail=str(error))
            return failed(self._pages, request, reason_of(error), sign_in=None, organization=organization.friendly_name)
        return web.Response(
            body=body, content_type="application/samlmetadata+xml", headers={"Cache-Control": "public, max-age=300"}
        )


def _claim_types(names: ClaimNames) -> tuple[str, ...]:
    """The claims that make a principal, by the names that are URIs."""
    listed = (names.upn, names.sid, names.name, names.email, names.groups, names.roles)
    return tuple(name for each in listed for name in each if "://" in name)


def decryption_keys(files: Sequence[str]) -> tuple[DecryptionKey, ...]:
    """The keys in these PEM files. Raises CannotStart, which names the file, what is wrong and what would be right."""
    keys = []
    for file in files:
        try:
            keys.append(DecryptionKey.from_pem(Path(file).read_bytes()))
        except OSError as error:
            wrong = f"identity_provider.decryption_keys: {file} cannot be read: {error.strerror}"
            raise CannotStart(f"{wrong}; name a PEM file that this user can read") from error
        except ValueError as error:
            wrong = f"identity_provider.decryption_keys: {file} cannot be used: {error}"
            raise CannotStart(f"{wrong}; name a PEM file with an RSA key and its certificate") from error
    return tuple(keys)
