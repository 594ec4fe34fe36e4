import json
from dataclasses import dataclass

import pytest

from support.browser import Browser
from support.world import World, custom

ADMINISTRATORS = [{"claim": "group", "values": ["CRM Administrators"]}]


@dataclass
class Desk:
    """An administrator at the API. `token`: what changes must show."""

    world: World
    browser: Browser
    token: str = ""

    async def ask(self, name: str, **options):
        return await self.browser.fetch(self.world.admin_url(f"/.claims/admin/api/{name}"), **options)

    async def post(self, name: str, body, *, origin: str | None = None, token: str | None = None, **options):
        headers = {
            "Origin": self.world.admin_url("") if origin is None else origin,
            "Content-Type": "application/json",
            "X-Claims-Token": self.token if token is None else token,
        }
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers |= options.pop("headers", {})
        return await self.ask(name, method="POST", headers=headers, data=data, **options)

    async def change(self, *changes, **more):
        """Changes as (organization, setting, value)."""
        wishes = [dict(zip(("organization", "setting", "value"), change, strict=True)) for change in changes]
        return await self.post("settings/change", {"changes": wishes, **more})


def live(**keys):
    """Keys of a configuration with live settings and administrators at a host of their own, limits of 480 and 30."""
    administration = {"administration": {"host": "admin.localhost"}}
    return {
        "settings": {"source": "live"},
        "administrators": ADMINISTRATORS,
        **administration,
        **custom(480, 30),
        **keys,
    }


def several(**keys):
    """As `live`, of two organizations and a portal."""
    made = live(**keys)
    fabrikam = {"name": "fabrikam", "friendly_name": "Fabrikam Residences", "hosts": ["localhost"]}
    portal = {"name": "portal", "kind": "portal", "hosts": ["portal.localhost"]}
    return {**made, "more_organizations": [fabrikam, portal]}


@pytest.fixture
async def desk(world, browser):
    """`await desk(**keys)`: a world with live settings, and its administrator, signed in."""

    async def make(**keys) -> Desk:
        one = await world(**live(**keys))
        await browser.sign_in(one.admin_url("/"), "admin")
        made = Desk(one, browser)
        made.token = (await made.ask("me")).json()["token"]
        return made

    return make
