"""The secret is rotated in three steps while people work and sign in: nobody is signed out, no sign-in fails."""

import asyncio
import contextlib

import pytest

from support.browser import Browser
from support.load import Load
from support.patience import HANG
from support.raw_http import RawClient
from support.world import SECRET

pytestmark = pytest.mark.slow

NEXT = "the-next-secret-of-the-tests-that-is-long-enough"
USERS = ("alice", "bob", "admin", "alice")


def secret(*newest_first: str):
    return lambda said: said.update(secret=list(newest_first))


class Arrivals:
    """People who sign in one after another, four at a time, each in a browser of their own; `cookies`: theirs."""

    def __init__(self, site) -> None:
        self._site = site
        self.cookies: list[str] = []
        self.failed: list[str] = []
        self._over = asyncio.Event()

    async def __aenter__(self):
        self._tasks = [asyncio.create_task(self._arrive(user)) for user in USERS]
        return self

    async def __aexit__(self, *_):
        self._over.set()
        async with asyncio.timeout(HANG):
            await asyncio.gather(*self._tasks)

    async def _arrive(self, user: str) -> None:
        while not self._over.is_set():
            try:
                self.cookies.append(await self._site.sign_in(user))
            except Exception as error:  # noqa: BLE001 - whatever it was, it is counted
                self.failed.append(repr(error))
                return

    async def more(self, count: int) -> None:
        """Wait until so many more have come."""
        wanted = len(self.cookies) + count
        async with asyncio.timeout(HANG):
            while len(self.cookies) < wanted and not self.failed:  # noqa: ASYNC110 - counted by others
                await asyncio.sleep(0.02)
        assert self.failed == []


@contextlib.asynccontextmanager
async def at_the_form(site, user: str = "alice"):
    """Somebody who has been sent to the provider; within the context a step is taken, then they sign in."""
    async with Browser() as browser:
        form = await browser.open(site.world.url("/small"))
        yield
        page = await browser.complete_sign_in(form, user)
        assert (page.status, page.text) == (200, "small"), [str(hop) for hop in browser.hops]


async def rotate(site, *newest_first: str) -> None:
    async with at_the_form(site):
        told = await site.reload(secret(*newest_first))
        assert told["event"] == "reloaded"


async def status_for(site, cookie: str) -> int:
    client = await RawClient.connect(site.port)
    head = f"GET /small HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\nCookie: {cookie}\r\nAccept: application/json\r\n\r\n"
    answer = await client.ask(head.encode())
    await client.close()
    return answer.status


async def rotated_under(site, *, each: int, arrivals: int) -> None:
    await site.reload(secret(SECRET))
    async with Arrivals(site) as arriving:
        async with Load(site.port, site.cookies) as load:
            load.begin(each=each)
            for step in ((SECRET, NEXT), (NEXT, SECRET)):
                await rotate(site, *step)
                await arriving.more(arrivals)
            await load.finish()
        assert (load.tally.lost, load.tally.closes) == ([], {})

        # Everyone who came before the second step has gone home; the secret that signed them in may go.
        settled = len(arriving.cookies)
        await arriving.more(arrivals)
        async with Load(site.port, arriving.cookies[settled + len(USERS) :]) as load:
            load.begin(each=each)
            await rotate(site, NEXT)
            await arriving.more(arrivals)
            await load.finish()
        assert (load.tally.lost, load.tally.closes) == ([], {})

    assert arriving.failed == []
    assert site.errors() == []
    assert await status_for(site, site.cookies[0]) == 401
    assert await status_for(site, arriving.cookies[settled + len(USERS)]) == 200
    assert SECRET not in site.process.log.read_text()
    assert NEXT not in site.process.log.read_text()
    print(f"{len(arriving.cookies)} sign-ins and {sum(load.tally.answered.values())} answers, none failed")


async def test_nobody_is_signed_out_and_no_sign_in_fails_while_the_secret_is_rotated(site):
    await rotated_under(site, each=2, arrivals=8)


@pytest.mark.parametrize("workers", [1, 2])
async def test_the_same_with_many_more_of_both(site):
    await rotated_under(site, each=12, arrivals=60)
