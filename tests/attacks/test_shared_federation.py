"""Two WS-Federation providers behind one address: a response is verified as that of the one it was asked of."""

from dataclasses import dataclass

import pytest

from proxy.demo.adfs import AdfsDouble
from proxy.demo.adfs_keys import make_signing_key
from proxy.demo.adfs_model import Trust
from proxy.pages.texts import ENGLISH, Page
from support.browser import Browser
from support.forms import read_forms
from support.ports import free_port
from support.world import World, served


@dataclass
class Scene:
    """Contoso signs in at the world's AD FS, fabrikam at `partner`, both by WS-Federation at one host."""

    world: World
    partner: AdfsDouble

    async def response(self, browser: Browser, name: str):
        """The form with which the organization's provider answers, not yet posted."""
        page = await browser.open(self.world.url(f"/{name}/.claims/sign-in"))
        form = page.form_with("Password")
        filled = form.fields | {"UserName": "alice", "Password": "x"}
        return read_forms((await browser.fetch(form.action, method="POST", data=filled)).text)[0][0]

    async def is_in(self, browser: Browser, name: str) -> bool:
        return (await browser.fetch(self.world.url(f"/{name}/.claims/session"))).status == 200


@pytest.fixture
async def scene(world, clock):
    port = free_port()
    partner = AdfsDouble(f"http://127.0.0.1:{port}/adfs", [], clock, signing_key=make_signing_key(clock()))
    own = {"name": "partner", "protocol": "ws-federation", "realm": "https://crm.contoso.com/"}
    own["metadata"] = f"http://127.0.0.1:{port}/FederationMetadata/2007-06/FederationMetadata.xml"
    organizations = [
        {"name": name, "hosts": ["127.0.0.1"], "path": f"/{name}", "upstream": f"http://127.0.0.1:{free_port()}"}
        for name in ("contoso", "fabrikam")
    ]
    organizations[1]["identity_provider"] = own
    async with served(partner.application(), port):
        one = await world(federated=True, organizations=organizations, provider={"realm": "https://crm.contoso.com/"})
        trust = Trust(("https://crm.contoso.com/",), (one.url("/.claims/wsfed"),))
        partner.state.trusts = one.adfs.state.trusts = (trust,)
        yield Scene(one, partner)


@pytest.mark.parametrize("name", ["contoso", "fabrikam"])
async def test_people_sign_in_at_either_provider(scene, browser, name):
    await browser.submit(await scene.response(browser, name))
    assert await scene.is_in(browser, name)


@pytest.mark.parametrize(("name", "other"), [("contoso", "fabrikam"), ("fabrikam", "contoso")])
async def test_a_token_of_the_other_provider_is_refused(scene, browser, name, other):
    """Both providers issue for the same realm, and to the same address; keys and issuer tell them apart."""
    foreign = await scene.response(browser, other)
    response = await scene.response(browser, name)
    page = await browser.submit(response, wresult=foreign.fields["wresult"])
    assert page.status == 403
    assert f"<h1>{ENGLISH.pages[Page.SIGN_IN_FAILED].title}</h1>" in page.text
    assert not await scene.is_in(browser, name)
    assert not await scene.is_in(browser, other)
    await browser.submit(foreign)
    assert await scene.is_in(browser, other)
