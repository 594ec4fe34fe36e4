"""`events`: the one stream of a browser that has its pages ask again (WHATWG HTML, section 9.2).

It carries no facts but what happened: `ended` with its reason, after which it closes, or `changed`. Pages then ask
`session`, so what they show is always what is so now.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Protocol, TypeAlias

from aiohttp import web

from proxy.browser.visits import Visit, Visits, as_json
from proxy.model.organization import Organization
from proxy.model.request import RequestFacts
from proxy.model.session import EndReason, Session
from proxy.model.time import Seconds

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Type": "text/event-stream",
    "Server": "claims-proxy",
    "X-Content-Type-Options": "nosniff",
    # nginx in front would else keep it until it has enough (proxy_buffering).
    "X-Accel-Buffering": "no",
}
_OPENING = b"retry: 15000\n\n"
_STILL_HERE = b":\n\n"
_CHANGED = b"event: changed\ndata: {}\n\n"
_BETWEEN_SIGNS: Seconds = 20.0
"""Below the idle time-outs of balancers: a minute at most of them."""
_TO_WRITE: Seconds = 10.0
_OF_ONE_SESSION = 8
_OF_ALL = 20_000


class Stream:
    """What one stream has yet to say. It is told at any time, and says so when its reader can take it."""

    def __init__(self) -> None:
        self.woken = asyncio.Event()
        self.changed = False
        self.closed = False
        self._reason: EndReason | None = None

    def change(self) -> None:
        """Say that something is other than it was; several before it is said are one."""
        self.changed = True
        self.woken.set()

    def end(self, reason: EndReason | None = None) -> None:
        """Say why the session ended, if it did, and close. The first reason stands."""
        self._reason = self._reason or reason
        self.closed = True
        self.woken.set()

    def take(self) -> bytes:
        """What is to be said now."""
        self.woken.clear()
        said = b""
        if self.changed:
            said, self.changed = _CHANGED, False
        if self.closed and self._reason is not None:
            said += f"event: ended\ndata: {json.dumps({'reason': self._reason})}\n\n".encode()
        return said


class Announcements:
    """The streams of one worker, whatever configuration they were opened under."""

    def __init__(self) -> None:
        self._streams: dict[str, list[Stream]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def changed(self) -> None:
        """Settings or configuration are others: every page is to ask again."""
        for streams in self._streams.values():
            for stream in streams:
                stream.change()

    def open(self, session: str) -> tuple[Stream, Callable[[], None]] | None:
        """A stream of a session (its id's hash), and what takes it off the list; None where there are too many.

        Of one session the oldest gives way: each browser has one, and lost connections are noticed late.
        """
        if self._count >= _OF_ALL:
            return None
        mine = self._streams.setdefault(session, [])
        if len(mine) >= _OF_ONE_SESSION:
            self._remove(session, mine[0])
            mine = self._streams.setdefault(session, [])
        stream = Stream()
        mine.append(stream)
        self._count += 1
        return stream, lambda: self._remove(session, stream)

    def _remove(self, session: str, stream: Stream) -> None:
        mine = self._streams.get(session, [])
        if stream in mine:
            mine.remove(stream)
            self._count -= 1
            stream.end()
        if not mine:
            self._streams.pop(session, None)


class WatchesSessions(Protocol):
    """What is needed of `sessions.service.Sessions`."""

    def watch(self, session: Session, on_end: Callable[[EndReason], None]) -> Callable[[], None]:
        """Call back once when the session is ended anywhere; the answer stops that."""


KeepAnEyeOn: TypeAlias = Callable[[web.Request, RequestFacts, Visit, Callable[[], None]], Callable[[], None]]
"""(request, facts, visit, on_cut): `on_cut` is called once the stream cannot stay, for whatever reason; the answer
takes it off the list.
"""


class Events:
    """The endpoint. `keep` judges open streams again and again, and cuts them at a stop."""

    def __init__(
        self,
        visits: Visits,
        sessions: WatchesSessions,
        announcements: Announcements,
        keep: KeepAnEyeOn,
        between_signs: Seconds = _BETWEEN_SIGNS,
    ) -> None:
        self._visits = visits
        self._sessions = sessions
        self._announcements = announcements
        self._keep = keep
        self._between_signs = between_signs

    async def __call__(
        self, request: web.Request, facts: RequestFacts, organization: Organization | None
    ) -> web.StreamResponse:
        """GET from a page of our own origin. Neither opening it nor what it carries is activity."""
        if request.method != "GET":
            return as_json({"error": "method_not_allowed"}, status=405, headers={"Allow": "GET"})
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none") or (
            request.headers.get("Origin", facts.origin) != facts.origin
        ):
            return as_json({"error": "foreign_origin"}, status=403)
        visit = await self._visits.find(request, facts, organization)
        if not isinstance(visit, Visit):
            return visit
        reference = visit.session.reference
        opened = self._announcements.open(reference.id_hash) if reference else None
        if opened is None:
            return as_json({"error": "too_many_streams"}, status=503, headers={"Retry-After": "60"})
        stream, remove = opened
        unwatch = self._sessions.watch(visit.session, stream.end)
        forget = self._keep(request, facts, visit, stream.end)
        try:
            return await self._speak(request, stream)
        finally:
            forget()
            unwatch()
            remove()

    async def _speak(self, request: web.Request, stream: Stream) -> web.StreamResponse:
        answer = web.StreamResponse(headers=_HEADERS)
        said = _OPENING
        try:
            await answer.prepare(request)
            while True:
                async with asyncio.timeout(_TO_WRITE):
                    await answer.write(said)
                if stream.closed and not stream.woken.is_set():
                    break
                said = await self._next(stream)
            await answer.write_eof()
        except TimeoutError:
            # Nobody reads; what waits for them would else wait for ever.
            if request.transport is not None:
                request.transport.abort()
        except ConnectionError:
            pass  # the browser has gone, as it may at any time
        return answer

    async def _next(self, stream: Stream) -> bytes:
        try:
            async with asyncio.timeout(self._between_signs):
                await stream.woken.wait()
        except TimeoutError:
            return _STILL_HERE
        return stream.take()
