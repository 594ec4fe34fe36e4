"""The stations of sign-in and sign-out of one configuration, wired."""

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from proxy.app.parts import Parts
from proxy.gateway.ports import Endpoint
from proxy.model.organization import Organization
from proxy.model.request import RequestFacts
from proxy.policy.application_root import is_cleanup
from proxy.signin.at_root import SignInAtRoot
from proxy.signin.back_channel import BackChannel
from proxy.signin.completion import Confirm
from proxy.signin.device import DeviceRoutes
from proxy.signin.front_channel import FrontChannel
from proxy.signin.own_metadata import OwnMetadata
from proxy.signin.provider_sign_out import ProviderSignOut
from proxy.signin.routes import SignInRoutes
from proxy.signin.sign_out import SignOutRoutes
from proxy.signin.single_sign_out import CleanUp


@dataclass(frozen=True, slots=True)
class SigningIn:
    """The endpoints by their paths below the mount, and what WS-Federation has at organizations' own roots."""

    endpoints: Mapping[str, Endpoint]
    at_root: SignInAtRoot


def signing_in(parts: Parts, confirm: Confirm) -> SigningIn:
    """Sign-in by either protocol, sign-out from here and from the provider, and the device's key.

    `confirm`: carries out a change that waited for a sign-in.
    """
    lasting, prefix = parts.lasting, parts.deployment.listen.prefix
    devices = DeviceRoutes(
        sealer=parts.sealer,
        sessions=lasting.sessions,
        settings=parts.deployment.binding,
        clock=lasting.clock,
        audit=parts.audit,
        mount=parts.table.mount,
    )
    sign_in = SignInRoutes(
        sealer=parts.sealer,
        sessions=lasting.sessions,
        providers=parts.providers,
        organizations={organization.name: organization for organization in parts.deployment.sites},
        rules_for=parts.rules_for,
        pages=lasting.pages,
        clock=lasting.clock,
        audit=parts.audit,
        prefix=prefix,
        mount=parts.table.mount,
        guard=parts.guard,
        devices=devices,
        confirm=confirm,
    )
    clean_up = CleanUp(
        sealer=parts.sealer,
        sessions=lasting.sessions,
        providers=parts.providers,
        organizations=parts.deployment.sites,
        rules_for=parts.rules_for,
        clock=lasting.clock,
        audit=parts.audit,
        prefix=prefix,
    )
    metadata = OwnMetadata(parts.providers, lasting.pages, prefix, parts.table.mount)

    async def wsfed(request: web.Request, facts: RequestFacts, organization: Organization | None) -> web.StreamResponse:
        if request.method == "GET" and is_cleanup(facts.target):
            return await clean_up(request, facts, organization)
        return await sign_in.wsfed(request, facts, organization)

    endpoints: Mapping[str, Endpoint] = {
        "sign-in": sign_in.sign_in,
        "callback": sign_in.callback,
        "callback/": sign_in.callback_of_provider,
        "wsfed": wsfed,
        "federation-metadata.xml": metadata,
        "device/register": devices.register,
        "device/refresh": devices.refresh,
        **_signing_out(parts, clean_up),
    }
    return SigningIn(endpoints, SignInAtRoot(sign_in, clean_up, metadata))


def _signing_out(parts: Parts, clean_up: CleanUp) -> Mapping[str, Endpoint]:
    lasting = parts.lasting
    sign_out = SignOutRoutes(
        sessions=lasting.sessions,
        providers=parts.providers,
        rules_for=parts.rules_for,
        pages=lasting.pages,
        clock=lasting.clock,
        audit=parts.audit,
        mount=parts.table.mount,
        guard=parts.guard,
        scope=parts.deployment.sign_out_everywhere,
        drop=parts.refresher.drop,
    )
    by_provider = ProviderSignOut(
        sessions=lasting.sessions,
        providers=parts.providers,
        organizations=parts.deployment.sites,
        rules_for=parts.rules_for,
        clock=lasting.clock,
        audit=parts.audit,
    )
    return {
        "sign-out": sign_out.sign_out,
        "signed-out": sign_out.signed_out,
        "frontchannel-logout": FrontChannel(by_provider, clean_up, lasting.pages, lasting.clock),
        "backchannel-logout": BackChannel(by_provider, lasting.sessions, lasting.pages, lasting.clock),
    }
