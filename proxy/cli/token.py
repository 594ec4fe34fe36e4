"""`claims-proxy token inspect`: the contents of a token, and why the proxy refuses it."""

import asyncio
import json
import re
import sys
import time
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import click

from proxy.app.inspecting import Files, federation_metadata, openid_documents
from proxy.cli.output import complain, config_option, load_or_exit
from proxy.errors import CannotStart, ProviderMisconfigured
from proxy.model.deployment import Deployment
from proxy.model.organization import Organization
from proxy.model.provider import IdentityProvider, Protocol
from proxy.model.time import Instant
from proxy.printable import printable
from proxy.signin.bearer import bearer_provider
from proxy.signin.own_metadata import decryption_keys
from proxy.tokens.inspection import (
    Inspection,
    as_bearer_token,
    as_id_token,
    as_logout_token,
    inspect_jwt,
    inspect_saml,
    kind_of,
    refused_jwt,
    undecided_jwt,
)
from proxy.tokens.saml import SamlExpectation

_SIGNS = {True: "pass", False: "FAIL", None: "not checked"}
_OUTCOMES = {True: "would be accepted", False: "is refused", None: "cannot be decided"}
_EXITS = {True: 0, False: 1, None: 2}
_BEARER = "bearer"
_KINDS = ("id-token", _BEARER, "logout-token")
_file = click.Path(dir_okay=False, path_type=Path)


@click.group()
def token() -> None:
    """Tokens of identity providers."""


@token.command()
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@config_option
@click.option("--organization", help="The organization that received it; by default the first one.")
@click.option(
    "--as", "kind", type=click.Choice(_KINDS), help="For a JWT: check it as this; by default what it looks like."
)
@click.option("--at", "at", help="Check it at this instant: 2026-11-24T03:00:00Z, or seconds since 1970.")
@click.option("--metadata", type=_file, help="The provider's federation metadata as a file, instead of its address.")
@click.option("--discovery", type=_file, help="The provider's openid-configuration as a file, instead of its address.")
@click.option("--jwks", type=_file, help="The provider's keys as a file, instead of their address.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def inspect(
    *,
    file: Path,
    config: Path,
    organization: str | None,
    kind: str | None,
    at: str | None,
    metadata: Path | None,
    discovery: Path | None,
    jwks: Path | None,
    as_json: bool,
) -> None:
    """Show the wresult, assertion or JWT in FILE (- for standard input) and make every check that the proxy makes.

    Keys and metadata are fetched from the provider unless they are given as files. Exit 0 if the proxy would accept
    the token, 1 if it refuses it, 2 if the token cannot be checked.
    """
    deployment = load_or_exit(config)
    files = Files(discovery, jwks, metadata)
    try:
        whose = _organization(deployment, organization)
        text = (sys.stdin.read() if str(file) == "-" else file.read_text()).strip()
        received = _Received(text, deployment, whose, files, _instant(at))
        inspected = _inspect_saml(received) if text.startswith("<") else _inspect_jwt(received, kind or kind_of(text))
    except (OSError, ValueError, CannotStart, ProviderMisconfigured) as error:
        complain(printable(str(error)))
        raise SystemExit(2) from None
    click.echo(_json(inspected) if as_json else _told(inspected))
    raise SystemExit(_EXITS[inspected.accepted])


@dataclass(frozen=True, slots=True)
class _Received:
    """A token, the organization that received it, the files to check it with, and the instant."""

    text: str
    deployment: Deployment
    organization: Organization
    files: Files
    now: Instant

    @property
    def provider(self) -> IdentityProvider:
        """The organization's identity provider."""
        wanted = self.organization.identity_provider
        return next(one for one in self.deployment.identity_providers if one.name == wanted)


def _inspect_jwt(received: _Received, kind: str) -> Inspection:
    text, organization, now = received.text, received.organization, received.now
    settings = bearer_provider(received.provider, organization.bearer) if kind == _BEARER else received.provider
    if settings is None:
        return refused_jwt(text, "no_bearer_here", "sign-in is WS-Federation, and bearer.issuer is not set")
    if settings.protocol is not Protocol.OIDC:
        raise ValueError(f"--as {kind}: {organization.name} signs in by WS-Federation, which has no such token")
    known = asyncio.run(openid_documents(settings, received.deployment.ca_file, received.files, now))
    if isinstance(known, str):
        return undecided_jwt(text, known)
    metadata, keys = known
    match kind:
        case "id-token":
            return inspect_jwt(text, as_id_token(text, settings, metadata), keys, now)
        case "logout-token":
            return inspect_jwt(text, as_logout_token(settings, metadata), keys, now)
        case _:
            return inspect_jwt(text, as_bearer_token(settings, metadata, organization.bearer), keys, now)


def _inspect_saml(received: _Received) -> Inspection:
    provider, organization = received.provider, received.organization
    known = asyncio.run(federation_metadata(provider, received.deployment.ca_file, received.files, received.now))
    expected = SamlExpectation(
        provider,
        issuer="" if isinstance(known, str) else known.entity_id,
        audience=organization.realm or provider.realm or "",
        decryption_keys=decryption_keys(provider.decryption_keys),
        reply_to=provider.wreply,
    )
    own = [re.sub(r":[0-9]+\Z", "", provider.sign_in_host)] if provider.sign_in_host else organization.hosts
    return inspect_saml(received.text, known, expected, own, received.now)


def _organization(deployment: Deployment, name: str | None) -> Organization:
    for organization in deployment.organizations:
        if name in (None, organization.name):
            return organization
    known = ", ".join(organization.name for organization in deployment.organizations)
    raise ValueError(f"--organization: {name} is none; there are {known}")


def _instant(at: str | None) -> Instant:
    if at is None:
        return time.time()  # noqa: TID251 - a command's own wall clock
    try:
        return float(at)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError(f"--at: {at} is no instant; write one such as 2026-11-24T03:00:00Z") from None
    return moment.timestamp()


def _json(inspected: Inspection) -> str:
    told = json.dumps({**asdict(inspected), "accepted": inspected.accepted}, indent=2)
    # JSON escapes control characters and, as ASCII, all others; only DEL is left.
    return told.replace("\x7f", "\\u007f")


def _told(inspected: Inspection) -> str:
    lines = [inspected.kind, ""]
    lines += [f"  {name}: {value}" for name, value in inspected.facts]
    lines += ["", "claims", ""] if inspected.claims else []
    lines += [f"  {name}: {value}" for name, value in inspected.claims]
    lines += ["", "checks", ""]
    for verdict in inspected.verdicts:
        lines.append(f"  {_SIGNS[verdict.ok]}  {verdict.check}{': ' if verdict.why else ''}{verdict.why}")
    lines += ["", _OUTCOMES[inspected.accepted]]
    return "\n".join(map(printable, lines))
