"""Values that many tests of policy start from; each test changes the one thing it is about."""

from dataclasses import replace

import pytest

from proxy.model.organization import Organization
from proxy.model.principal import Principal
from proxy.model.request import RequestFacts, RequestKind
from proxy.model.session import Session, SessionReference

NOW = 1_790_000_000.0


@pytest.fixture
def now() -> float:
    return NOW


@pytest.fixture
def organization() -> Organization:
    return Organization(
        name="contoso",
        id="7a1f0a6e-0000-4000-8000-000000000001",
        hosts=("crm.contoso.com",),
        upstream="http://upstream:80",
    )


@pytest.fixture
def principal() -> Principal:
    return Principal(
        key="default|S-1-5-21-1",
        name="Alice",
        upn="Alice@contoso.com",
        groups=("CONTOSO\\CRM Users", "CONTOSO\\Sales"),
        roles=("reader",),
    )


@pytest.fixture
def session(principal) -> Session:
    """Signed in at NOW with a token of an hour, active at NOW."""
    return Session(
        reference=SessionReference("tag", "hash"),
        organization="contoso",
        principal=principal,
        signed_in_at=NOW,
        token_end=NOW + 3600,
        last_activity=NOW,
    )


@pytest.fixture
def bearer(session) -> Session:
    return replace(session, reference=None)


@pytest.fixture
def facts() -> RequestFacts:
    return RequestFacts(
        method="GET",
        target="/main.aspx",
        path="/main.aspx",
        scheme="https",
        host="crm.contoso.com",
        authority="crm.contoso.com",
        client_address="203.0.113.9",
        kind=RequestKind.NAVIGATION,
    )
