"""The application on one registrable domain, the provider and a stranger on others: SameSite as a browser has it."""

import os

import pytest
from aiohttp import web
from playwright.async_api import async_playwright

from chromium.test_demo import sign_in
from support.ports import free_port
from support.world import served

HOST = "crm.contoso.test"
OTHER = "http://evil.fabrikam.test"


@pytest.fixture
async def elsewhere(chromium_path, trusted_home):
    """A browser for which every name of `.test` is this machine, and which trusts the proxy's certificate."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    names = "--host-resolver-rules=MAP *.test 127.0.0.1"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium_path,
            args=["--disable-gpu", names, *sandbox],
            env={**os.environ, "HOME": str(trusted_home)},
        )
        context = await browser.new_context()
        yield await context.new_page()
        await browser.close()


@pytest.fixture
async def stranger():
    """A page of another site with a form and a frame for an address: `stranger(url)` is where it stands."""

    async def page(request: web.Request) -> web.Response:
        target = request.query["target"]
        body = f'<form method="post" action="{target}"><button>Go</button></form><a href="{target}">Follow</a>'
        return web.Response(text=body, content_type="text/html")

    application, port = web.Application(), free_port()
    application.router.add_get("/", page)
    async with served(application, port):
        yield lambda target: f"{OTHER}:{port}/?target={target}"


WAYS = {
    "query": {},
    "form_post": {"provider": {"response_mode": "form_post"}},
    "ws-federation": {"federated": True},
}


@pytest.mark.parametrize("way", WAYS)
async def test_signing_in_across_sites_works_and_other_sites_requests_carry_no_session(
    world, elsewhere, stranger, trusted_certificate, way
):
    one = await world(host=HOST, listen={"tls": trusted_certificate}, **WAYS[way])
    page = elsewhere
    await page.goto(one.url("/main.aspx"))
    await sign_in(page)
    await page.wait_for_url(one.url("/main.aspx"))
    cookies = {cookie["name"]: cookie for cookie in await page.context.cookies()}
    session = cookies["__Host-claims-session"]
    assert (session["secure"], session["httpOnly"], session["sameSite"]) == (True, True, "Lax")

    await page.goto(stranger(one.url("/echo")))
    await page.get_by_role("button", name="Go").click()
    await page.get_by_role("heading", name="You are not signed in").wait_for()

    await page.goto(stranger(one.url("/headers")))
    await page.get_by_role("link", name="Follow").click()
    await page.get_by_role("heading", name="Headers that arrive").wait_for()
    assert await page.evaluate("fetch('/api/data/v9.2/WhoAmI').then(answer => answer.status)") == 200

    await page.goto(one.url("/main.aspx"))
    await page.get_by_role("button", name="Save").click()
    await page.wait_for_url(one.url("/echo"))
