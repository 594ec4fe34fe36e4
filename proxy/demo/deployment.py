"""The demonstration's configuration: the packaged `demo.yaml`, and the proxy as the AD FS double knows it."""

import os
from dataclasses import replace
from importlib.resources import as_file, files

from proxy.configuration import load
from proxy.demo.adfs_model import Client
from proxy.demo.stage import Places
from proxy.model.deployment import Deployment


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


def demo_client(deployment: Deployment) -> Client:
    """The proxy as the AD FS double knows it: its callback and signed-out addresses on every host it answers for."""
    (provider,) = deployment.identity_providers
    (organization,) = deployment.organizations
    mounts = [f"http://{host}:{deployment.listen.port}{deployment.listen.prefix}" for host in organization.hosts]
    return Client(
        client_id=provider.client_id,
        secret=provider.client_secret,
        redirect_uris=tuple(f"{mount}/callback" for mount in mounts),
        post_logout_redirect_uris=tuple(f"{mount}/signed-out" for mount in mounts),
        resources=(provider.resource,) if provider.resource else (),
    )
