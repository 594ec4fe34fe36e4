"""Chromium runs the injected script under every kind of policy, and the policy holds for everything else.

The script is a stand-in where what counts is what it could reach, and the real one where that is what a person sees.
"""

import base64
import contextlib
import hashlib

import pytest
from aiohttp import web
from playwright.async_api import expect

from support.ports import free_port
from support.watched import screen, sign_in
from support.world import custom, served

STAND_IN = """
window.watch = (async () => {
  const reached = {};
  for (const path of ["session", "activity", "events", "texts/en.json", "elsewhere"])
    reached[path] = await fetch("/.claims/" + path).then(() => true, () => false);
  return reached;
})();
"""
INLINE = "window.inline = true"
HASH = "'sha256-" + base64.b64encode(hashlib.sha256(INLINE.encode()).digest()).decode() + "'"
PAGE = '<!doctype html><html><head>{meta}<title>a</title></head><body><script nonce="{nonce}">{inline}</script></body>'

# (header, meta, does the page's own inline script run, may the page reach another endpoint of ours)
SHAPES = {
    "none at all": ("", "", True, True),
    "self": ("default-src 'self'", "", False, True),
    "nothing": ("default-src 'none'", "", False, False),
    "no scripts": ("script-src 'none'; connect-src 'none'", "", False, False),
    "a host": ("script-src cdn.example; connect-src api.example", "", False, False),
    "a nonce": ("script-src 'nonce-cGFnZQ=='", "", True, True),
    "a nonce and strict-dynamic": ("default-src 'none'; script-src 'nonce-cGFnZQ==' 'strict-dynamic'", "", True, False),
    "strict-dynamic alone": ("script-src 'strict-dynamic'", "", False, True),
    "a fallback with a nonce": ("default-src 'nonce-cGFnZQ=='", "", True, False),
    "a hash": (f"script-src {HASH}", "", True, True),
    "a hash and strict-dynamic": (f"script-src {HASH} 'strict-dynamic'", "", True, True),
    "inline": ("script-src 'unsafe-inline'; style-src 'none'", "", True, True),
    "elements": ("script-src 'self'; script-src-elem 'none'", "", False, True),
    "two lines": ("script-src 'nonce-cGFnZQ=='\nscript-src 'none'", "", False, True),
    "a list": ("script-src 'nonce-cGFnZQ==', default-src 'none'", "", False, False),
    "trusted types": ("require-trusted-types-for 'script'; trusted-types 'none'", "", True, True),
    "a sandbox": ("sandbox allow-scripts allow-same-origin", "", True, True),
    "meta: nothing": ("", "default-src 'none'", False, False),
    "meta: no scripts": ("", "script-src 'none'; connect-src 'none'", False, False),
    "meta: strict-dynamic": ("", "script-src 'strict-dynamic'", False, True),
    "meta and header": ("default-src 'none'", "default-src 'none'", False, False),
}


def application() -> web.Application:
    async def shape(request):
        header, meta, _, _ = SHAPES[request.match_info["shape"]]
        made = f'<meta http-equiv="Content-Security-Policy" content="{meta}">' if meta else ""
        answer = web.Response(
            text=PAGE.format(meta=made, nonce="cGFnZQ==", inline=INLINE), content_type="text/html", charset="utf-8"
        )
        for line in header.splitlines():
            answer.headers.add("Content-Security-Policy", line)
        answer.enable_compression()
        return answer

    async def resource(request):
        attributes = 'nonce="cGFnZQ=="' if request.query_string else ""
        text = f"<!doctype html><title>a</title><script {attributes} src=/ClientGlobalContext.js.aspx></script>"
        policy = "script-src 'nonce-cGFnZQ==' 'strict-dynamic'; require-trusted-types-for 'script'"
        headers = {"Content-Security-Policy": policy} if request.query_string else {}
        return web.Response(text=text, content_type="text/html", headers=headers)

    async def context(_request):
        return web.Response(text="window.context = true // the end", content_type="application/javascript")

    app = web.Application()
    app.router.add_get("/shape/{shape}", shape)
    app.router.add_get("/resource", resource)
    app.router.add_get("/ClientGlobalContext.js.aspx", context)
    return app


@pytest.fixture
async def signed_in(world, page):
    """`await signed_in("documents")`: a page that is signed in, and a world that injects there."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(inject: str, *, stand_in: bool = True, **keys):
            port = free_port()
            await stack.enter_async_context(served(application(), port))
            upstream = {"upstream": f"http://127.0.0.1:{port}", "browser": {"inject": inject}}
            one = await world(**{**keys, "organization": upstream | keys.get("organization", {})})

            async def standing_in(route):
                await route.fulfill(body=STAND_IN, content_type="text/javascript")

            async def answered(route):
                await route.fulfill(json={})

            if stand_in:
                await page.route("**/.claims/session-watch.js", standing_in)
                for path in ("session", "activity", "events", "texts/*", "elsewhere"):
                    await page.route(f"**/.claims/{path}", answered)
            await page.goto(one.url("/resource"))
            await sign_in(page)
            await page.wait_for_url(one.url("/resource"))
            return one

        yield make


async def test_the_script_runs_whatever_the_policy_and_the_policy_holds(signed_in, page):
    one = await signed_in("documents")
    seen = {}
    for shape in SHAPES:
        await page.goto(one.url(f"/shape/{shape}"))
        reached = await page.evaluate("window.watch") or {}
        ours = [path for path in ("session", "activity", "events", "texts/en.json") if reached.get(path)]
        seen[shape] = len(ours), await page.evaluate("window.inline === true"), reached.get("elsewhere")
    assert seen == {shape: (4, runs, reaches) for shape, (_, _, runs, reaches) in SHAPES.items()}


async def test_the_real_one_shows_its_screens_under_each_of_them(signed_in, page):
    one = await signed_in("documents", stand_in=False, **custom(session=60))
    one.clock.advance(41 * 60)
    for shape in SHAPES:
        await page.goto(one.url(f"/shape/{shape}"))
        await expect(screen(page), shape).to_contain_text("about to end")


@pytest.mark.parametrize("query", ["", "?strict"])
async def test_the_real_one_shows_them_in_a_web_resource_too(signed_in, page, query):
    one = await signed_in("global-context", stand_in=False, **custom(session=60))
    one.clock.advance(41 * 60)
    await page.goto(one.url(f"/resource{query}"))
    await expect(screen(page)).to_contain_text("about to end")


async def test_a_web_resource_without_it_is_left_alone_as_in_crm(signed_in, page):
    one = await signed_in("global-context", stand_in=False, **custom(session=60))
    one.clock.advance(41 * 60)
    await page.goto(one.url("/shape/none at all"))
    assert await page.evaluate("document.querySelectorAll('script[src]').length") == 0
    await page.goto(one.url("/resource"))
    await expect(screen(page)).to_contain_text("about to end")


@pytest.mark.parametrize("query", ["", "?strict"])
async def test_a_web_resource_is_covered_by_its_global_context(signed_in, page, query):
    one = await signed_in("global-context")
    await page.goto(one.url(f"/resource{query}"))
    await page.wait_for_function("window.watch !== undefined")
    assert await page.evaluate("window.context")
    assert await page.evaluate("document.querySelectorAll('script[src$=\"session-watch.js\"]').length") == 1


async def test_a_page_that_has_the_script_is_not_given_another(signed_in, page):
    one = await signed_in("documents")
    await page.goto(one.url("/resource"))
    await page.wait_for_function("window.context")
    assert await page.evaluate("document.querySelectorAll('script[src$=\"session-watch.js\"]').length") == 1


async def test_two_copies_of_the_global_context_load_it_once(signed_in, page):
    one = await signed_in("global-context")
    await page.goto(one.url("/resource"))
    await page.add_script_tag(url="/ClientGlobalContext.js.aspx")
    assert await page.evaluate("document.querySelectorAll('script[src$=\"session-watch.js\"]').length") == 1


# Every name that a document has could be an element's; the same page without them is the control.
CLOBBERED = """<script>
  const names = new Set();
  for (let each = document; each; each = Object.getPrototypeOf(each))
    for (const name of Object.getOwnPropertyNames(each)) names.add(name);
  const base = location.origin + "/.claims/";
  const markup = [...names, "claims-session " + base].map((name) =>
    `<img name="${name}" id="${name}" src="/attack/image.png">`);
  Element.prototype.insertAdjacentHTML.call(document.documentElement, "beforeend", markup.join(""));
</script>
<iframe name="claims-session /.claims/" srcdoc=""></iframe><base href="/attack/">"""


@pytest.mark.parametrize("inject", ["documents", "global-context"])
@pytest.mark.parametrize("markup", ["", CLOBBERED], ids=["plain", "clobbered"])
async def test_script_takes_nothing_that_markup_can_name(world, page, inject, markup):
    text = f"<!doctype html><title>a</title>{markup}<script src=/ClientGlobalContext.js.aspx></script><p>text</p>"

    async def resource(_):
        return web.Response(text=text, content_type="text/html")

    async def context(_):
        return web.Response(text="window.context = true", content_type="application/javascript")

    app, port = web.Application(), free_port()
    app.router.add_get("/resource", resource)
    app.router.add_get("/ClientGlobalContext.js.aspx", context)
    requested, faults = [], []
    page.on("request", lambda request: requested.append(request.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    async with served(app, port):
        settings = custom(inactivity=15)
        upstream = {"upstream": f"http://127.0.0.1:{port}", "browser": {"inject": inject}}
        one = await world(**settings | {"organization": settings["organization"] | upstream})
        await page.clock.install()
        await page.goto(one.url("/resource"))
        await sign_in(page)
        await page.wait_for_url(one.url("/resource"))
        is_clobbered = await page.evaluate("document.createElement instanceof Element")
        assert is_clobbered is bool(markup)
        await page.clock.run_for(2000)
        one.clock.advance(60)
        async with page.expect_response(lambda answer: answer.url.endswith("/.claims/activity")):
            await page.clock.fast_forward(60_000)
            await page.keyboard.press("a")
            await page.clock.run_for(2000)
        one.clock.advance(14 * 60)
        await page.clock.fast_forward(14 * 60_000)
        await expect(screen(page)).to_contain_text("still there")
    scripts = [url for url in requested if "session-" in url]
    assert scripts
    assert all(url.startswith(one.url("/.claims/")) for url in scripts)
    assert faults == []
