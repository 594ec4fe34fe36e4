"""Sends requests over the connections to one upstream."""

import asyncio
from collections.abc import AsyncIterator

from proxy.gateway.upstream.address import UpstreamAddress
from proxy.gateway.upstream.connection import ConnectionLost, OnInterim, UpstreamConnection
from proxy.gateway.upstream.request import UpstreamRequest, head_bytes
from proxy.gateway.upstream.response import UpstreamResponse
from proxy.gateway.upstream.slots import ConnectionSlots
from proxy.gateway.upstream.upload import start_upload
from proxy.model.deployment import UpstreamTuning


class UpstreamPool:
    """All exchanges with one address. Make and use it within one event loop."""

    def __init__(self, address: UpstreamAddress, tuning: UpstreamTuning) -> None:
        self._slots = ConnectionSlots(address, tuning)

    async def send(
        self,
        request: UpstreamRequest,
        body: AsyncIterator[bytes] | None = None,
        *,
        owner: object | None = None,
        on_interim: OnInterim | None = None,
    ) -> UpstreamResponse:
        """Send a request; answers once the final head is there, with the body still to be read.

        `body` is read where the request has framing for one. `owner`: the client connection, to which an upstream
        connection that NTLM or Negotiate authenticates stays pinned. `on_interim` gets status, reason and headers of
        each 1xx but 101. An error of `body` itself ends the upstream connection and is raised from here, or from the
        response where its head was already there.

        Raises:
            UpstreamUnreachable: no connection; nothing was sent.
            UpstreamBusy: all connections are taken and the queue is full, or was waited in for too long.
            UpstreamTimeout: the answer did not begin in time, or a read or write stood still.
            UpstreamBroken: the answer broke HTTP, or the connection broke before its head was whole.
            RequestRefused: method, target or headers hold what would end them early, or the body has another length.
            ValueError: the request states framing that is not the caller's, or there is no body for it.
        """
        if request.has_body and body is None:
            raise ValueError("the request states a body and none is given")
        head, authenticates = head_bytes(request)
        connection = await self._slots.take(owner)
        kept = connection.answers > 0
        exchange = self._exchange(connection, request, head, body, owner, on_interim, authenticates=authenticates)
        try:
            return await exchange
        except ConnectionLost:
            # The upstream closed the kept connection while our request was on its way (RFC 9112, 9.3.1).
            if not kept or not request.repeatable:
                raise
        connection = await self._slots.take(None, fresh=True)
        return await self._exchange(connection, request, head, body, owner, on_interim, authenticates=authenticates)

    def release(self, owner: object) -> None:
        """The client connection has gone: the upstream connection pinned to it is closed."""
        self._slots.release(owner)

    async def close(self) -> None:
        """Close every connection; who waits or reads gets UpstreamBroken."""
        self._slots.close()
        await asyncio.sleep(0)  # the transports' last callbacks

    async def _exchange(
        self,
        connection: UpstreamConnection,
        request: UpstreamRequest,
        head: bytes,
        body: AsyncIterator[bytes] | None,
        owner: object | None,
        on_interim: OnInterim | None,
        *,
        authenticates: bool,
    ) -> UpstreamResponse:
        connection.owner = owner
        if authenticates:
            self._slots.pin(connection)
        exchange = connection.begin(head, request.method, request.upgrade, on_interim)
        try:
            if request.has_body and body is not None:
                start_upload(connection, request, body)
            else:
                connection.sent()
            answer, pieces = await connection.head()
        except BaseException:
            if connection.exchange is exchange:  # else it was whole, and carries another's request by now
                connection.close()
            raise
        return UpstreamResponse(answer, connection, pieces)
