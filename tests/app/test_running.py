from dataclasses import replace

import pytest

from proxy import app
from proxy.errors import CannotStart
from proxy.model.deployment import Deployment, Listen, Tls
from proxy.model.organization import Organization
from proxy.model.provider import IdentityProvider, SecretText
from support.raw_http import RawClient

DEPLOYMENT = Deployment(
    listen=Listen(port=0),
    state=SecretText("memory:"),
    secrets=(SecretText("x" * 32),),
    identity_providers=(IdentityProvider("default", "http://127.0.0.1:1/adfs", "a", SecretText("b")),),
    organizations=(Organization("contoso", "1", ("127.0.0.1",), "http://127.0.0.1:2"),),
)


async def test_a_proxy_starts_without_provider_or_upstream_and_answers(clock):
    running = await app.start(DEPLOYMENT, clock=clock)
    client = await RawClient.connect(running.port)
    assert (await client.ask(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")).status == 401
    await client.close()
    await running.close()


async def test_a_closed_proxy_has_let_go_of_its_port(clock):
    running = await app.start(DEPLOYMENT, clock=clock)
    port = running.port
    await running.close()
    again = await app.start(replace(DEPLOYMENT, listen=Listen(port=port)), clock=clock)
    assert again.port == port
    await again.close()


async def test_a_certificate_that_cannot_be_read_is_named(clock, tmp_path):
    files = Tls(certificate=str(tmp_path / "nowhere.crt"), key=str(tmp_path / "nowhere.key"))
    with pytest.raises(CannotStart, match=r"listen\.tls\.certificate: .*nowhere\.crt cannot be read"):
        await app.start(replace(DEPLOYMENT, listen=Listen(port=0, tls=files)), clock=clock)


async def test_a_file_of_authorities_that_is_none_is_named(clock, tmp_path):
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(CannotStart, match=r"ca_file: .*ca\.pem cannot be used"):
        await app.start(replace(DEPLOYMENT, ca_file=str(tmp_path / "ca.pem")), clock=clock)


async def test_an_address_that_is_taken_is_an_error(clock):
    running = await app.start(DEPLOYMENT, clock=clock)
    with pytest.raises(OSError, match="address already in use"):
        await app.start(replace(DEPLOYMENT, listen=Listen(port=running.port)), clock=clock)
    await running.close()
