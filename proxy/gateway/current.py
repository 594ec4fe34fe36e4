"""The gateway that requests are given to. A reload puts another in its place; who is in finishes where it began."""

import asyncio
from collections import Counter

from aiohttp import web

from proxy.gateway.handler import Gateway


class CurrentGateway:
    """`gateway`: the one in force, to be read anew for each request."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self._requests: Counter[Gateway] = Counter()
        self._finished: dict[Gateway, asyncio.Event] = {}

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request by the gateway in force as it comes."""
        gateway = self.enter()
        try:
            return await gateway.handle(request)
        finally:
            self.leave(gateway)

    def enter(self) -> Gateway:
        """A request begins: by this gateway, to which `leave` says when it has ended."""
        self._requests[self.gateway] += 1
        return self.gateway

    def leave(self, gateway: Gateway) -> None:
        """A request has ended."""
        self._requests[gateway] -= 1
        if self._requests[gateway] == 0 and gateway in self._finished:
            self._finished[gateway].set()

    def replace(self, gateway: Gateway) -> Gateway:
        """Put another one into force; the answer is the earlier one."""
        earlier, self.gateway = self.gateway, gateway
        return earlier

    async def finished(self, earlier: Gateway) -> None:
        """Wait until one that is no longer in force has no request left."""
        if self._requests[earlier]:
            await self._finished.setdefault(earlier, asyncio.Event()).wait()
        self._requests.pop(earlier, None)
        self._finished.pop(earlier, None)
