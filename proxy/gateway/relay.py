"""The body of an answer to a client, as it came or as it is changed, with back-pressure."""

from aiohttp import web

from proxy.gateway.framing import AnswerFraming
from proxy.gateway.ports import AnswerChange
from proxy.gateway.upstream import AnswerHead, Framing, UpstreamResponse
from proxy.gateway.written import send

_AT_ONCE = 64 * 1024


class Outgoing:
    """What goes to one client. `begun`: something has gone, so that nothing else can be said any more."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self.begun = False

    async def send(self, data: bytes) -> None:
        """Raises ClientGone."""
        await send(self._request, data)
        self.begun = True


async def relay(out: Outgoing, response: UpstreamResponse, framing: AnswerFraming) -> None:
    """Head and body as they came. Raises UpstreamError, ClientGone and what the source of the request's body raised."""
    unsent = framing.head
    whole = response.whole()
    if whole is not None:
        # All is here: one write, as most answers of an application are small.
        await out.send(unsent + (framing.piece(whole) if whole else b"") + framing.last)
        return
    if not framing.states_length:
        await out.send(unsent)
        unsent = b""
    async for piece in response.chunks():
        await out.send(unsent + framing.piece(piece))
        unsent = b""
    if unsent or framing.last:
        await out.send(unsent + framing.last)


def changed_head(response: UpstreamResponse, change: AnswerChange) -> AnswerHead:
    """The head of a changed answer: what is sent ends when it ends. Framing.NONE stays."""
    framing = response.framing if response.framing is Framing.NONE else Framing.CHUNKED
    return AnswerHead(
        version=response.version,
        status=response.status,
        reason=response.reason,
        headers=tuple(change.headers),
        framing=framing,
        content_length=None,
        keep_alive=False,
        authenticates=False,
    )


async def relay_changed(
    out: Outgoing, response: UpstreamResponse, framing: AnswerFraming, change: AnswerChange
) -> None:
    """As `relay`. However much a few bytes come to, no more than a piece of it waits for the client."""
    waiting = [framing.head]
    if response.framing is not Framing.NONE:
        async for piece in response.chunks():
            for data in change.feed(piece):
                if data:
                    waiting.append(framing.piece(data))
                if sum(map(len, waiting)) >= _AT_ONCE:
                    await out.send(b"".join(waiting))
                    waiting.clear()
            if waiting and not response.complete:
                await out.send(b"".join(waiting))
                waiting.clear()
        waiting += [framing.piece(data) for data in change.end() if data]
    await out.send(b"".join([*waiting, framing.last]))
