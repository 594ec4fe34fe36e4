"""Pages that carry `session-watch.js`, and a time that passes for browser and proxy alike."""

from playwright.async_api import BrowserContext, Locator, Page

from support.patience import HANG

_PUTS_THE_SCRIPT_IN = """
if (location.origin === ORIGIN && !location.pathname.startsWith("/.claims")) {
  addEventListener("DOMContentLoaded", () => {
    if (document.querySelector("script[src*=session-watch]")) return;
    const script = document.createElement("script");
    script.src = "/.claims/session-watch.js";
    document.head.append(script);
  });
}
"""


async def sign_in(page: Page, account: str = "alice") -> None:
    """Fill in AD FS's form."""
    await page.locator(f"input[name=UserName][value*={account}]").check()
    await page.locator("input[name=Password]").fill("secret")
    await page.locator("[type=submit]").first.click()


class Watched:
    """One browser context of one person, every document of the proxied application with the script in it.

    `calls`: method and path of every request to our own endpoints.
    """

    def __init__(self, world, context: BrowserContext) -> None:
        self.world = world
        self.context = context
        self.calls: list[tuple[str, str]] = []
        context.on("request", self._note)

    def _note(self, request) -> None:
        _, ours, path = request.url.partition(self.world.url("/.claims/"))
        if ours:
            self.calls.append((request.method, path))

    def count(self, method: str, path: str) -> int:
        return self.calls.count((method, path))

    async def prepare(self) -> None:
        script = _PUTS_THE_SCRIPT_IN.replace("ORIGIN", f'"{self.world.url("")}"')
        await self.context.add_init_script(script)
        await self.context.clock.install()

    async def open(self, path: str = "/main.aspx", account: str = "alice") -> Page:
        """A tab; signs in where it is asked to."""
        page = await self.context.new_page()
        page.set_default_timeout(HANG * 1000)
        async with page.expect_response(lambda answer: answer.url == self.world.url("/.claims/session")):
            await page.goto(self.world.url(path))
            if await page.locator("input[name=Password]").count():
                await sign_in(page, account)
                await page.wait_for_url(self.world.url(path))
        await page.wait_for_function("document.readyState === 'complete'")
        return page

    async def pass_time(self, seconds: float) -> None:
        """For everybody: the proxy first, since a browser asks it when its own time has come."""
        self.world.clock.advance(seconds)
        await self.context.clock.fast_forward(int(seconds * 1000))

    async def stand_still(self, page: Page) -> None:
        """From now on the pages' time passes by `pass_time` and `tick` alone."""
        await self.context.clock.pause_at(await page.evaluate("Date.now() + 1000"))

    async def tick(self) -> None:
        """What the pages do within a second or two, while no time passes for the proxy."""
        await self.context.clock.run_for(2000)


def screen(page: Page) -> Locator:
    """The dialog, where one is shown."""
    return page.locator("claims-session dialog[open]")


def button(page: Page, name: str) -> Locator:
    return screen(page).get_by_role("button", name=name)
