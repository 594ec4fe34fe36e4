"""An EventSource for tests: what it hears, in order."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp

from support.browser import CHROME, Browser
from support.patience import HANG

_COOKIES = ("claims-session", "claims-nonce")


@dataclass
class Heard:
    """An open stream, as its response has it."""

    response: aiohttp.ClientResponse

    async def line(self) -> str:
        """The next line; empty at the end of the stream."""
        async with asyncio.timeout(HANG):
            return (await self.response.content.readline()).decode()

    async def event(self) -> tuple[str, dict]:
        """The next event and its data. Raises EOFError where the stream ends first."""
        name = ""
        while line := await self.line():
            field, _, value = line.rstrip("\n").partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                return name, json.loads(value)
        raise EOFError

    async def is_over(self) -> bool:
        """Whether nothing comes any more but the end."""
        return not [line async for line in aiter_lines(self) if line.startswith(("event", "data"))]


async def aiter_lines(heard: Heard) -> AsyncIterator[str]:
    """Lines until the end."""
    while line := await heard.line():
        yield line


@contextlib.asynccontextmanager
async def listening(url: str, browser: Browser, **headers: str) -> AsyncIterator[Heard]:
    """A stream opened as the browser's own; its cookies go along to any port."""
    carried = "; ".join(f"{name}={value}" for name in _COOKIES if (value := browser.cookie(name)))
    own = {"Cookie": carried, "User-Agent": CHROME, "Accept": "text/event-stream", "Sec-Fetch-Site": "same-origin"}
    async with aiohttp.ClientSession() as client, client.get(url, headers=own | headers) as response:
        heard = Heard(response)
        if response.status == 200:
            assert await heard.line() == "retry: 15000\n"
        yield heard
