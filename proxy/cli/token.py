"""`claims-proxy token inspect`: what a token says, and why it is refused."""

import json
import sys
import time
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click

from proxy.cli.output import complain, config_option, load_or_exit
from proxy.errors import CannotStart, ProviderMisconfigured
from proxy.model.deployment import Deployment
from proxy.model.organization import Organization
from proxy.model.provider import IdentityProvider, Protocol
from proxy.model.time import Instant
from proxy.signin.own_metadata import decryption_keys
from proxy.tokens.federation_metadata import read_metadata
from proxy.tokens.inspection import Inspection, inspect_jwt, inspect_saml, is_id_token
from proxy.tokens.jwt import AccessTokenExpectation, IdTokenExpectation
from proxy.tokens.keys import KeySet
from proxy.tokens.saml import SamlExpectation
from proxy.tokens.strict import parse_object

_SIGNS = {True: "pass", False: "FAIL", None: "not checked"}
_file = click.Path(dir_okay=False, path_type=Path)


@click.group()
def token() -> None:
    """Tokens of identity providers."""


@token.command()
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@config_option
@click.option("--organization", help="Whose sign-in it was; by default the first one's.")
@click.option("--at", "at", help="Judge it at this instant: 2026-11-24T03:00:00Z, or seconds since 1970.")
@click.option("--metadata", type=_file, help="The provider's federation metadata, where the YAML names an address.")
@click.option("--jwks", type=_file, help="The provider's keys, for a JWT.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def inspect(
    *,
    file: Path,
    config: Path,
    organization: str | None,
    at: str | None,
    metadata: Path | None,
    jwks: Path | None,
    as_json: bool,
) -> None:
    """Say what the wresult, assertion or JWT in FILE (- for standard input) says, and make every check, offline.

    Exit 0 where it would be accepted, 1 where it is refused, 2 where it cannot be looked at.
    """
    deployment = load_or_exit(config)
    try:
        whose = _organization(deployment, organization)
        (provider,) = (one for one in deployment.identity_providers if one.name == whose.identity_provider)
        text = sys.stdin.read() if str(file) == "-" else file.read_text()
        now, metadata = _instant(at), metadata or _local(provider)
        inspected = _inspect(text.strip(), provider, whose, now, metadata=metadata, jwks=jwks)
    except (OSError, ValueError, CannotStart, ProviderMisconfigured) as error:
        complain(str(error))
        raise SystemExit(2) from None
    click.echo(json.dumps(asdict(inspected), indent=2) if as_json else _told(inspected))
    raise SystemExit(0 if inspected.accepted else 1)


def _inspect(
    text: str,
    provider: IdentityProvider,
    organization: Organization,
    now: Instant,
    *,
    metadata: Path | None,
    jwks: Path | None,
) -> Inspection:
    if not text.startswith("<"):
        keys = KeySet.from_jwks(parse_object(jwks.read_bytes())) if jwks else None
        return inspect_jwt(text, keys, _expected_of_jwt(text, provider), now)
    known = read_metadata(metadata.read_bytes(), now) if metadata else None
    expected = SamlExpectation(
        provider,
        issuer=known.entity_id if known else "",
        audience=organization.realm or provider.realm or "",
        decryption_keys=decryption_keys(provider.decryption_keys),
    )
    return inspect_saml(text, known.keys if known else None, expected, now)


def _expected_of_jwt(text: str, provider: IdentityProvider) -> IdTokenExpectation | AccessTokenExpectation:
    algorithms, leeway, longest = ("RS256",), provider.leeway, provider.maximum_token_lifetime
    if is_id_token(text):
        return IdTokenExpectation(
            provider.issuer, provider.client_id, "", algorithms, leeway=leeway, maximum_lifetime=longest
        )
    audiences = (provider.resource, provider.client_id, f"microsoft:identityserver:{provider.client_id}")
    host = provider.issuer.partition("://")[2].partition("/")[0]
    issuers = (provider.issuer, f"http://{host}/adfs/services/trust")
    return AccessTokenExpectation(
        issuers, tuple(one for one in audiences if one), algorithms, leeway=leeway, maximum_lifetime=longest
    )


def _organization(deployment: Deployment, name: str | None) -> Organization:
    for organization in deployment.organizations:
        if name in (None, organization.name):
            return organization
    known = ", ".join(organization.name for organization in deployment.organizations)
    raise ValueError(f"--organization: {name} is none; there are {known}")


def _local(provider: IdentityProvider) -> Path | None:
    named = provider.metadata if provider.protocol is Protocol.WS_FEDERATION else None
    return Path(named) if named and "://" not in named else None


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


def _told(inspected: Inspection) -> str:
    lines = [inspected.kind, ""]
    lines += [f"  {name}: {value}" for name, value in inspected.facts]
    lines += ["", "claims", ""] if inspected.claims else []
    lines += [f"  {name}: {value}" for name, value in inspected.claims]
    lines += ["", "checks", ""]
    for verdict in inspected.verdicts:
        lines.append(f"  {_SIGNS[verdict.ok]}  {verdict.check}{': ' if verdict.why else ''}{verdict.why}")
    lines += ["", "would be accepted" if inspected.accepted else "is refused"]
    return "\n".join(lines)
