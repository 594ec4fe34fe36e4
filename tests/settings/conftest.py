from dataclasses import replace

import pytest

from proxy.model.deployment import Deployment, Listen
from proxy.model.organization import Organization, OrganizationKind
from proxy.model.provider import IdentityProvider, SecretText
from proxy.model.settings import FeatureControlBits, ServerSettings, SystemSettings
from proxy.settings.live import Author, LiveSettings
from proxy.store.memory import MemoryStore
from proxy.store.port import Listener

CONTOSO = "5b1d1b0c-5d0e-4c53-9d9c-0f3d4f6a7b21"
ADA = Author("ada@contoso.example", "because")


def organization(name: str, **facts) -> Organization:
    return Organization(name=name, id=facts.pop("id", name), hosts=(f"{name}.example",), upstream="http://x", **facts)


@pytest.fixture
def deployment() -> Deployment:
    """Two organizations and a portal; everything is on, contoso has limits of its own."""
    system = SystemSettings(
        sessiontimeoutenabled=True,
        sessiontimeoutinmins=480,
        inactivitytimeoutenabled=True,
        inactivitytimeoutinmins=30,
        inactivitytimeoutreminderinmins=5,
    )
    return Deployment(
        Listen(),
        SecretText("memory:"),
        (SecretText("s" * 32),),
        (IdentityProvider("default", "https://adfs.example/adfs", "id", SecretText("")),),
        (
            organization("contoso", id=CONTOSO, system_settings=system, stated=frozenset({"sessiontimeoutinmins"})),
            organization("fabrikam"),
            organization("portal", kind=OrganizationKind.PORTAL),
        ),
        server_settings=ServerSettings(
            allow_custom_session_duration=True, allow_custom_inactivity_duration=True, wsfed_nonce_cookie_enabled=False
        ),
        feature_control_bits=FeatureControlBits(uci_inactivity_timeout=True),
        settings_live=True,
    )


@pytest.fixture
def read_only(deployment) -> Deployment:
    return replace(deployment, settings_live=False)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(retention=86_400.0)


@pytest.fixture
async def live(store, clock):
    """Settings that follow their store."""
    settings = LiveSettings(store.admin, clock)
    await store.start(Listener(lambda *_: None, lambda _: None, list, settings=settings.changed))
    await settings.start()
    yield settings
    await settings.close()
