"""The demonstration's configuration: the packaged `demo.yaml`, and the proxy as the AD FS double knows it."""

import os
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from proxy.configuration import load
from proxy.demo.adfs_keys import make_signing_key
from proxy.demo.adfs_model import Client, Trust
from proxy.demo.stage import Places
from proxy.model.deployment import Deployment
from proxy.model.provider import IdentityProvider, Protocol, SecretText
from proxy.model.time import Instant
from proxy.policy.application_root import METADATA_PATH

_ADMINISTRATION = "admin.localhost"


def demo_deployment(where: Places) -> Deployment:
    """The packaged `demo.yaml`, moved to these places."""
    with as_file(files("proxy.demo") / "demo.yaml") as path:
        deployment = load(path, os.environ)
    (provider,) = deployment.identity_providers
    (organization,) = deployment.organizations
    hosts = tuple(dict.fromkeys((where.known_as, "localhost")))
    return replace(
        deployment,
        listen=replace(deployment.listen, host=where.host, port=where.port),
        identity_providers=(replace(provider, issuer=f"{where.adfs}/adfs", resource=f"{where.proxy}/"),),
        organizations=(replace(organization, upstream=where.crm, hosts=hosts),),
    )


def federated(deployment: Deployment, where: Places, folder: Path, now: Instant) -> tuple[Deployment, Trust]:
    """The same with sign-in by WS-Federation and encrypted tokens, and the trust that AD FS has of it.

    A decryption key is made and lies in `folder`. Takes some 100 ms: call it in a thread.
    """
    key = make_signing_key(now, "claims-proxy demonstration")
    file = folder / "decryption.pem"
    private = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    certificate = x509.load_der_x509_certificate(key.certificate).public_bytes(Encoding.PEM)
    file.touch(0o600)
    file.write_bytes(private + certificate)
    (provider,) = deployment.identity_providers
    (organization,) = deployment.organizations
    own = IdentityProvider(
        name=provider.name,
        issuer="",
        client_id="",
        client_secret=SecretText(""),
        protocol=Protocol.WS_FEDERATION,
        metadata=f"{where.adfs}{METADATA_PATH}",
        realm=f"{where.proxy}/",
        decryption_keys=(str(file),),
        claims=provider.claims,
        leeway=provider.leeway,
    )
    prefix, port = deployment.listen.prefix, deployment.listen.port
    endpoints = tuple(f"http://{host}:{port}{prefix}/wsfed" for host in organization.hosts)
    here = replace(organization, has_sign_in_at_root=True)
    moved = replace(deployment, identity_providers=(own,), organizations=(here,))
    return moved, Trust((f"{where.proxy}/",), endpoints, key.certificate)


def demo_client(deployment: Deployment) -> Client:
    """The proxy as the AD FS double knows it: its callback and signed-out addresses on every host it answers for.

    That includes a host for the administrators' pages, which deploy/compose has and the demonstration itself has not.
    """
    (provider,) = deployment.identity_providers
    (organization,) = deployment.organizations
    hosts = (*organization.hosts, _ADMINISTRATION)
    mounts = [f"http://{host}:{deployment.listen.port}{deployment.listen.prefix}" for host in hosts]
    return Client(
        client_id=provider.client_id,
        secret=provider.client_secret,
        redirect_uris=tuple(f"{mount}/callback" for mount in mounts),
        post_logout_redirect_uris=tuple(f"{mount}/signed-out" for mount in mounts),
        resources=(provider.resource,) if provider.resource else (),
        # One address, as AD FS knows one: sessions of every host are found by `sid`.
        logout_uri=f"{mounts[0]}/frontchannel-logout",
    )
