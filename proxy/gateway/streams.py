"""WebSockets and event streams that are open, each with the session that opened it.

A request is judged when it comes; what stays open is judged again, every second, and is cut within five seconds of a
sign-out or of the session's end. At a stop all are cut. A configuration that takes another's place judges from then on.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import structlog

from proxy.gateway.judgement import Credentials, Judge
from proxy.gateway.ports import SessionsPort
from proxy.model.organization import Organization
from proxy.model.session import Session
from proxy.store.tasks import end_tasks

log = structlog.get_logger("gateway")

_BETWEEN_CHECKS = 1.0
# A bearer's session is never stored, so nobody tells of its end: its token is looked up anew every so many checks.
_CHECKS_PER_BEARER = 4
_AT_ONCE = 256


class Cut(StrEnum):
    """Why an open stream is cut."""

    SESSION_ENDED = "session_ended"
    ORGANIZATION_GONE = "organization_gone"
    STOPPING = "stopping"


OnCut: TypeAlias = Callable[[Cut], None]


@dataclass(slots=True, eq=False)
class _Stream:
    session: Session | None
    organization: Organization
    credentials: Credentials
    on_cut: OnCut
    client_address: str
    reference: str


class OpenStreams:
    """The registry. `start` it within the event loop and `close` it there."""

    def __init__(self, sessions: SessionsPort) -> None:
        self._sessions = sessions
        self._judge: Judge | None = None
        self._streams: set[_Stream] = set()
        self._organizations: dict[str, Organization] | None = None
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self._checks = 0

    def __len__(self) -> int:
        return len(self._streams)

    def follow(self, judge: Judge, organizations: Iterable[Organization]) -> None:
        """Judge by these from now on; a stream of an organization that is not among them is cut."""
        self._judge = judge
        self._organizations = {organization.name: organization for organization in organizations}
        for stream in list(self._streams):
            if (why := self._unwanted(stream)) is not None:
                self._cut(stream, why)

    def start(self) -> None:
        """Check from now on."""
        self._task = asyncio.get_running_loop().create_task(self._check_forever())

    async def close(self) -> None:
        """Cut all and stop checking. One that a request in flight opens yet is cut as it opens."""
        self._stopping = True
        for stream in list(self._streams):
            self._cut(stream, Cut.STOPPING)
        if self._task is not None:
            await end_tasks([self._task])
            self._task = None

    def add(
        self,
        session: Session | None,
        organization: Organization,
        credentials: Credentials,
        on_cut: OnCut,
        client_address: str = "",
    ) -> Callable[[], None]:
        """Keep an eye on a stream; `on_cut` is called once, at most. Returns what takes the stream off the list.

        `session` None: the path is anonymous, only a stop cuts it. Called while the request is dealt with that opens
        it: what is logged and audited of its end carries that request's reference.
        """
        reference = structlog.contextvars.get_contextvars().get("reference", "")
        stream = _Stream(session, organization, credentials, on_cut, client_address, reference)
        self._streams.add(stream)
        if (late := self._unwanted(stream)) is not None:
            # Its request came before the stop or the reload did. It is cut once its holder has it.
            asyncio.get_running_loop().call_soon(self._cut, stream, late)
        unwatch: Callable[[], None] = lambda: None  # noqa: E731 - nothing to take back
        if session is not None and not session.is_bearer:
            unwatch = self._sessions.watch(session, lambda _reason: self._cut(stream, Cut.SESSION_ENDED))

        def remove() -> None:
            self._streams.discard(stream)
            unwatch()

        return remove

    def _unwanted(self, stream: _Stream) -> Cut | None:
        """Why a stream cannot stay; one that can goes by the organization as it is configured now."""
        if self._stopping:
            return Cut.STOPPING
        if self._organizations is None:
            return None
        organization = self._organizations.get(stream.organization.name)
        if organization is None:
            return Cut.ORGANIZATION_GONE
        stream.organization = organization
        return None

    async def check(self) -> None:
        """Look at every stream's session once, and cut what has none any more."""
        if self._judge is None:
            return
        self._checks += 1
        bearers_too = self._checks % _CHECKS_PER_BEARER == 0
        streams = list(self._streams)
        for start in range(0, len(streams), _AT_ONCE):
            judge = self._judge
            due = [stream for stream in streams[start : start + _AT_ONCE] if _is_due(stream, judge, bearers_too)]
            await asyncio.gather(*(self._check(stream, judge) for stream in due))
            await asyncio.sleep(0)  # requests come first

    async def _check(self, stream: _Stream, judge: Judge) -> None:
        if stream.session is None:
            return
        # Each check is a task of its own, so this is bound for it alone.
        structlog.contextvars.bind_contextvars(reference=stream.reference)
        session = await judge.still_live(stream.session, stream.organization, stream.credentials, stream.client_address)
        if session is None:
            self._cut(stream, Cut.SESSION_ENDED)
        else:
            stream.session = session

    def _cut(self, stream: _Stream, why: Cut) -> None:
        if stream in self._streams:
            self._streams.discard(stream)
            log.info("stream_cut", organization=stream.organization.name, reason=why)
            stream.on_cut(why)

    async def _check_forever(self) -> None:
        while True:
            await asyncio.sleep(_BETWEEN_CHECKS)
            try:
                await self.check()
            except Exception:
                # One failed round must not end all later ones.
                log.exception("streams_not_checked")


def _is_due(stream: _Stream, judge: Judge, bearers_too: bool) -> bool:
    session = stream.session
    if session is None:
        return False
    return (bearers_too and session.is_bearer) or judge.seems_over(session, stream.organization)
