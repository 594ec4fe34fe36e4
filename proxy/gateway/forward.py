"""Takes a request upstream and brings the answer back, both as streams, neither changed beyond its headers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from aiohttp import web

from proxy.errors import RequestRefused, UpstreamBusy, UpstreamError
from proxy.gateway.framing import Framings, with_strict_transport
from proxy.gateway.headers import RawHeaders, UpstreamHeaders, from_upstream
from proxy.gateway.judgement import Credentials
from proxy.gateway.owning import Owning
from proxy.gateway.ports import AnswerChange, AnswerTransform, RequestChange
from proxy.gateway.relay import Outgoing, changed_head, relay, relay_changed
from proxy.gateway.streams import Cut, OnCut, OpenStreams
from proxy.gateway.upstream import Upstream, UpstreamRequest, UpstreamResponse, UpstreamStream
from proxy.gateway.websocket import Tunnel
from proxy.gateway.written import (
    CLIENT_IDLE_SECONDS,
    Written,
    connection_of,
    continue_if_expected,
    expects_continue,
    head_bytes,
    is_http_11,
    send,
)
from proxy.model.held_form import HeldForm
from proxy.model.organization import Organization
from proxy.model.request import RequestFacts, RequestKind
from proxy.model.session import Session

log = structlog.get_logger("gateway")

_SWITCHING = ((b"Connection", b"Upgrade"), (b"Upgrade", b"websocket"))


@dataclass(frozen=True, slots=True)
class Passage:
    """One request on its way upstream. `session`: whose it is; None on an anonymous path.

    `body`: where it was read. `form`: whose body that is, where it was kept from an earlier request.
    """

    request: web.Request
    facts: RequestFacts
    organization: Organization
    session: Session | None
    credentials: Credentials
    body: bytes | None = None
    form: HeldForm | None = None


class Forwarder:
    """Forwards to the upstream of each organization.

    `pools` and `headers`: by organization's name. `owning`: for whom each request is. `hsts`:
    see `framing.with_strict_transport`. `transform`: what
    changes answers.
    """

    def __init__(
        self,
        organizations: Sequence[Organization],
        pools: Mapping[str, Upstream],
        streams: OpenStreams,
        owning: Owning,
        *,
        hsts: int | None = None,
        transform: AnswerTransform | None = None,
    ) -> None:
        claim_headers = {name for organization in organizations for _, name in organization.claims_to_headers}
        self.headers = {
            organization.name: UpstreamHeaders(organization, claim_headers) for organization in organizations
        }
        self.pools = pools
        self.streams = streams
        self.owning = owning
        self.hsts = hsts
        self.framings = Framings(hsts)
        self.transform = transform
        self._told: set[tuple[str, str]] = set()

    async def forward(self, passage: Passage) -> web.StreamResponse:
        """Answer with what the upstream answers.

        Raises:
            UpstreamError: nothing of an answer has gone to the client.
            RequestRefused: the client's body broke its framing or did not come.
            ClientGone: nobody is left to answer.
        """
        request = passage.request
        connection = connection_of(request)
        pool = self.pools[passage.organization.name]
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("forward runs in a task")
        forget = connection.on_loss(task.cancel)
        response: UpstreamResponse | None = None
        asked = self._change(passage)
        try:
            upstream_request = self._upstream_request(passage, asked)
            response = await self._send(passage, pool, upstream_request)
            if response.upgraded is not None:
                return await self._tunnel(passage, response, response.upgraded)
            change = asked.answer(response.status, response.headers) if asked else None
            return await self._relay(passage, response, change)
        except (web.RequestPayloadError, ConnectionError) as error:
            raise RequestRefused(400, "bad_body", str(error)) from error
        finally:
            forget()
            if response is not None:
                response.close()
                # aiohttp reads what is left of the body itself; two readers at once it does not allow.
                await response.source_released()

    async def _send(self, passage: Passage, pool: Upstream, request: UpstreamRequest) -> UpstreamResponse:
        connection, credentials = connection_of(passage.request), passage.credentials
        owner = self.owning.owner(
            connection.ownership, passage.session, passage.facts.client_address, credentials.bearer
        )
        task = asyncio.current_task()
        # Whoever waits for a connection does not read the body, and would not learn that it broke.
        connection.on_broken = task.cancel if task is not None else None
        try:
            return await pool.send(request, _body(passage), owner=owner)
        except asyncio.CancelledError:
            if connection.broken is None or connection.transport is None or task is None:
                raise
            task.uncancel()
            raise connection.broken from None
        finally:
            connection.on_broken = None

    def _change(self, passage: Passage) -> RequestChange | None:
        transform, facts, organization = self.transform, passage.facts, passage.organization
        if transform is None or not transform.may_change(facts, organization, passage.session):
            return None
        return transform.begin(facts, organization)

    def _upstream_request(self, passage: Passage, asked: RequestChange | None) -> UpstreamRequest:
        request, facts = passage.request, passage.facts
        principal = passage.session.principal if passage.session else None
        raw = request.raw_headers if passage.form is None else _as_posted(request.raw_headers, passage.form)
        headers, left_out = self.headers[passage.organization.name].build(raw, facts, principal)
        self.tell_left_out(passage.organization, left_out)
        return UpstreamRequest(
            method=facts.method.encode(),
            target=facts.target.encode("latin-1"),
            headers=asked.asked(headers) if asked else headers,
            content_length=_length(passage),
            chunked=_is_chunked(request),
            expect_continue=expects_continue(request),
            upgrade=b"websocket" if facts.kind is RequestKind.WEBSOCKET else None,
        )

    def tell_left_out(self, organization: Organization, names: Sequence[str]) -> None:
        """Log, once each, the identity headers that could not be sent."""
        for name in names:
            if (organization.name, name) not in self._told:
                self._told.add((organization.name, name))
                log.warning("header_left_out", header=name, wrong="a control character in a claim's value")

    async def _relay(
        self, passage: Passage, response: UpstreamResponse, change: AnswerChange | None
    ) -> web.StreamResponse:
        request = passage.request
        connection = connection_of(request)
        framing, is_stream = self.framings.of(
            changed_head(response, change) if change else response.known_head,
            http_11=is_http_11(request),
            # What stands behind a head with `Upgrade` may be another protocol's bytes: never another request's.
            keep_alive=request.keep_alive
            and not connection.draining
            and "Upgrade" not in request.headers
            and response.request_sent,
        )
        if is_stream and not response.leave_slot():
            raise UpstreamBusy("too many event streams are open")
        forget = self._watch(passage, response) if is_stream else _nothing
        out = Outgoing(request)
        try:
            await (relay_changed(out, response, framing, change) if change else relay(out, response, framing))
        except (UpstreamError, RequestRefused, web.RequestPayloadError, ConnectionError) as error:
            if not out.begun:
                raise
            # The client must not take what it has for the whole.
            log.warning("answer_cut", organization=passage.organization.name, error=str(error))
            connection.abort()
            return Written(response.status, keep_alive=False)
        finally:
            forget()
        return Written(response.status, keep_alive=framing.keep_alive)

    def _watch(self, passage: Passage, response: UpstreamResponse) -> Callable[[], None]:
        """Event streams last as long as a WebSocket does, and end with the session as one does."""

        def on_cut(_why: Cut) -> None:
            response.close()
            connection_of(passage.request).abort()

        return self._add(passage, on_cut)

    def _add(self, passage: Passage, on_cut: OnCut) -> Callable[[], None]:
        return self.streams.add(
            passage.session, passage.organization, passage.credentials, on_cut, passage.facts.client_address
        )

    async def _tunnel(self, passage: Passage, response: UpstreamResponse, stream: UpstreamStream) -> web.StreamResponse:
        request = passage.request
        tunnel = Tunnel(request, stream)
        forget = self._add(passage, tunnel.cut)
        try:
            switching = [*with_strict_transport(from_upstream(response.headers), self.hsts), *_SWITCHING]
            await send(request, head_bytes(response.status, response.reason, switching))
            await tunnel.run()
        finally:
            forget()
        return Written(response.status, keep_alive=False)


def _nothing() -> None:
    """What is to be forgotten of an answer that nobody watches."""


def _as_posted(headers: RawHeaders, form: HeldForm) -> RawHeaders:
    """The request's headers with the kept form's media type in the place of their own."""
    others = [header for header in headers if header[0].lower() != b"content-type"]
    return (*others, (b"Content-Type", form.content_type.encode("utf-8", "surrogateescape")))


def _length(passage: Passage) -> int | None:
    if passage.form is not None:
        return len(passage.form.body)
    return None if _is_chunked(passage.request) else passage.request.content_length


def _is_chunked(request: web.Request) -> bool:
    return "Transfer-Encoding" in request.headers


def _body(passage: Passage) -> AsyncIterator[bytes] | bytes | None:
    request = passage.request
    if passage.body is not None:
        return passage.body
    return _pieces(request) if _is_chunked(request) or request.content_length else None


async def _pieces(request: web.Request) -> AsyncIterator[bytes]:
    """The request's body as it comes. Asked for only when the upstream wants it, so that is the time to say 100."""
    continue_if_expected(request)
    while True:
        try:
            async with asyncio.timeout(CLIENT_IDLE_SECONDS):
                piece = await request.content.readany()
        except TimeoutError as error:
            raise RequestRefused(408, "body_too_slow") from error
        if not piece:
            return
        yield piece
