"""Sign-in by WS-Federation at providers that nobody here wrote: npm wsfed, and responders around npm saml."""

import time
from dataclasses import dataclass

import pytest

from proxy.demo.adfs_keys import make_signing_key
from proxy.demo.crm import crm_application
from support.certificates import write_decryption_key
from support.processes import FileClock, ProxyProcess
from support.world import free_port, served, write_configuration

AES = "http://www.w3.org/2001/04/xmlenc#aes{}-cbc"
GCM = "http://www.w3.org/2009/xmlenc11#aes{}-gcm"
OAEP = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"
MINUTE = 60.0


@dataclass
class Site:
    """A proxy before a CRM; `origin` is its own."""

    origin: str
    clock: FileClock


@pytest.fixture
async def site(tmp_path, redis_url, federation_provider):
    """`await site("saml20", encryption=(algorithm, key algorithm), provider={…})`: signed in to nowhere yet."""
    running: list[ProxyProcess] = []
    clock, crm_port = FileClock(tmp_path / "clock"), free_port()

    async def start(kind: str, encryption: tuple[str, str] | None = None, *, provider=None, **settings) -> Site:
        port = free_port()
        origin = f"http://127.0.0.1:{port}"
        decryption = write_decryption_key(tmp_path)
        if encryption:
            keys = {"certificate": decryption.pem, "public_key": decryption.public_key}
            settings["encryption"] = keys | {"algorithm": encryption[0], "key_algorithm": encryption[1]}
        responder = federation_provider(
            kind=kind, reply_to=[f"{origin}/.claims/wsfed"], clock_file=str(clock.path), **settings
        )
        own = {"protocol": "ws-federation", "metadata": responder.metadata, "realm": f"{origin}/"}
        path = write_configuration(
            tmp_path,
            port=port,
            issuer="",
            upstream=f"http://127.0.0.1:{crm_port}",
            state=redis_url,
            provider=own | {"decryption_keys": [decryption.path], **(provider or {})},
        )
        running.append(ProxyProcess(path, clock, tmp_path, f"proxy-{port}"))
        running[-1].wait()
        return Site(origin, clock)

    async with served(crm_application(time.time), crm_port):
        yield start
        codes = [process.stop() for process in running]
    assert codes == [0] * len(codes)
    for process in running:
        log = process.log.read_text()
        assert "Traceback" not in log, log
        assert "SecurityTokenResponse" not in log


KINDS = [
    ("wsfed", None),
    ("saml11", None),
    ("saml20", None),
    ("saml11", (AES.format(256), OAEP)),
    ("saml20", (AES.format(256), OAEP)),
    ("saml20", (AES.format(128), OAEP)),
    ("saml20", (GCM.format(256), OAEP)),
    ("saml20", (GCM.format(128), OAEP)),
]


@pytest.mark.parametrize(("kind", "encryption"), KINDS)
async def test_a_person_signs_in_is_known_and_signs_out(site, browser, kind, encryption):
    one = await site(kind, encryption)
    page = await browser.sign_in(f"{one.origin}/main.aspx?etn=account", "alice")
    assert (page.status, str(page.url)) == (200, f"{one.origin}/main.aspx?etn=account")
    answer = await browser.fetch(f"{one.origin}/headers", headers={"Accept": "application/json"})
    reached = {name.lower(): value for name, value in answer.json()["headers"]}
    assert (reached["x-forwarded-user"], reached["x-forwarded-groups"]) == ("alice@contoso.com", "Sales,Staff")
    await browser.open(f"{one.origin}/.claims/sign-out")
    left = await browser.submit()
    assert left.status == 200
    assert left.url.path == "/ls"
    assert (await browser.fetch(f"{one.origin}/api/data/v9.2/WhoAmI")).status == 401
    # The provider's own session has ended, too.
    assert (await browser.open(f"{one.origin}/main.aspx")).form_with("login") is not None


@pytest.mark.parametrize("kind", ["wsfed", "saml20"])
async def test_the_token_s_lifetime_counts_and_the_provider_answers_silently(site, browser, kind):
    one = await site(kind, lifetime=1800)
    await browser.sign_in(f"{one.origin}/main.aspx", "alice")
    one.clock.advance(29 * MINUTE)
    assert (await browser.fetch(f"{one.origin}/api/data/v9.2/WhoAmI")).status == 200
    one.clock.advance(2 * MINUTE)
    refused = await browser.fetch(f"{one.origin}/api/data/v9.2/WhoAmI")
    assert (refused.status, refused.json()["error"]) == (401, "token_lifetime")
    page = await browser.open(f"{one.origin}/main.aspx")
    assert (page.status, str(page.url)) == (200, f"{one.origin}/main.aspx")


@pytest.mark.parametrize("kind", ["wsfed", "saml11", "saml20"])
async def test_a_token_for_another_realm_is_refused(site, browser, kind):
    one = await site(kind, audience="https://other.contoso.com/")
    assert (await browser.sign_in(f"{one.origin}/main.aspx", "alice")).status == 403
    assert browser.cookie("claims-session") is None


@pytest.mark.parametrize("kind", ["wsfed", "saml20"])
async def test_a_token_of_another_key_than_the_metadata_s_is_refused(site, browser, kind):
    from interop.conftest import pem_of  # noqa: PLC0415 - of this folder

    _, certificate = pem_of(make_signing_key(time.time()))
    one = await site(kind, published=certificate)
    assert (await browser.sign_in(f"{one.origin}/main.aspx", "alice")).status == 403
    assert browser.cookie("claims-session") is None
