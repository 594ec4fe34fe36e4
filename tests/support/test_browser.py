"""The browser helper against a server that tells what it was sent."""

import pytest
from aiohttp import web

from support.browser import Browser, TooManyRedirects


@pytest.fixture
async def server(aiohttp_server):
    async def page(request):
        return web.Response(
            text='<form method="post" action="/answer"><input name="x" value="1"></form>', content_type="text/html"
        )

    async def self_posting(request):
        html = (
            '<body onload="document.forms[0].submit()"><form method="post" action="/answer"><input name="x" value="2">'
        )
        return web.Response(
            text=html, content_type="text/html", headers={"Referrer-Policy": request.query.get("policy", "")}
        )

    async def answer(request):
        told = web.json_response(
            {"method": request.method, "sent": dict(request.headers), "form": dict(await request.post())}
        )
        told.set_cookie("seen", "1", samesite="Lax")
        return told

    async def redirect(request):
        raise web.HTTPFound(request.query["to"])

    async def people(request):
        html = '<form method="post" action="/answer">'
        html += "".join(f'<input type="radio" name="UserName" value="{one}@contoso.com">' for one in ("alice", "bob"))
        html += '<input type="password" name="Password"><input type="checkbox" name="Kmsi" value="true"></form>'
        return web.Response(text=html, content_type="text/html")

    async def loop(request):
        raise web.HTTPFound("/loop")

    application = web.Application()
    application.router.add_get("/loop", loop)
    application.router.add_get("/people", people)
    application.router.add_get("/page", page)
    application.router.add_get("/self-posting", self_posting)
    application.router.add_get("/redirect", redirect)
    application.router.add_route("*", "/answer", answer)
    return await aiohttp_server(application)


@pytest.fixture
async def browser():
    async with Browser() as browser:
        yield browser


async def test_a_typed_address_is_a_navigation_that_nobodys_page_caused(server, browser):
    told = (await browser.open(server.make_url("/redirect?to=/answer"))).json()["sent"]
    assert {name: told[name] for name in told if name.startswith("Sec-Fetch")} == {
        "Sec-Fetch-Site": "none",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
        "Sec-Fetch-User": "?1",
    }
    assert "Cookie" not in told
    assert [hop.status for hop in browser.page.hops] == [302, 200]
    assert browser.cookie("seen") == "1"


async def test_a_form_is_submitted_with_what_was_filled_in(server, browser):
    await browser.open(server.make_url("/page"))
    told = (await browser.submit(x="5")).json()
    assert (told["method"], told["form"]) == ("POST", {"x": "5"})
    assert told["sent"]["Origin"] == str(server.make_url("/").origin())
    assert told["sent"]["Sec-Fetch-Site"] == "same-origin"


@pytest.mark.parametrize(("policy", "origin"), [("no-referrer", "null"), ("same-origin", "http://127.0.0.1")])
async def test_a_self_posting_page_posts_itself_without_a_user(server, browser, policy, origin):
    told = (await browser.open(server.make_url("/self-posting").with_query(policy=policy))).json()
    assert (told["method"], told["form"]) == ("POST", {"x": "2"})
    assert "Sec-Fetch-User" not in told["sent"]
    assert told["sent"]["Origin"].startswith(origin)


async def test_another_hosts_page_posts_without_lax_cookies_and_follows_with_them(server, browser):
    await browser.open(server.make_url("/answer"))
    elsewhere = server.make_url("/page").with_host("provider.example")
    await browser.open(elsewhere)
    browser.page.forms[0].action = str(server.make_url("/answer"))
    told = (await browser.submit()).json()["sent"]
    assert told["Sec-Fetch-Site"] == "cross-site"
    assert "Cookie" not in told
    await browser.open(elsewhere)
    told = (await browser.follow(str(server.make_url("/answer")))).json()["sent"]
    assert (told["Sec-Fetch-Site"], told["Cookie"]) == ("cross-site", "seen=1")


async def test_a_fetch_is_no_navigation_and_leaves_the_page(server, browser):
    await browser.open(server.make_url("/page"))
    told = (await browser.fetch("/answer", "POST")).json()["sent"]
    assert (told["Sec-Fetch-Mode"], told["Sec-Fetch-Dest"], told["Sec-Fetch-Site"]) == ("cors", "empty", "same-origin")
    assert (await browser.fetch("/redirect?to=/answer")).status == 302
    assert browser.page.url.path == "/page"


async def test_a_forgotten_cookie_is_not_sent(server, browser):
    await browser.open(server.make_url("/answer"))
    assert "Cookie" in (await browser.open(server.make_url("/answer"))).json()["sent"]
    browser.forget("seen")
    assert "Cookie" not in (await browser.open(server.make_url("/answer"))).json()["sent"]


async def test_an_endless_redirect_ends_and_tells_its_hops(server, browser):
    once = server.make_url("/redirect").with_query(to="/redirect?to=/page")
    assert (await browser.open(once)).url.path == "/page"
    with pytest.raises(TooManyRedirects, match=r"GET http://127.0.0.1:\d+/loop -> 302 /loop"):
        await browser.open(server.make_url("/loop"))


async def test_a_person_is_chosen_among_radio_buttons(server, browser):
    told = (await browser.sign_in(server.make_url("/people"), "bob")).json()
    assert told["form"] == {"UserName": "bob@contoso.com", "Password": "secret"}
