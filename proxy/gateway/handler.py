"""The way of a request. Read `_answer` first: it is the design's list, line by line."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

import structlog
from aiohttp import web

from proxy.errors import RequestRefused, StoreUnavailable, UpstreamBusy, UpstreamError, UpstreamUnreachable
from proxy.gateway.answer import Answers, with_strict_transport
from proxy.gateway.connection import Foregone
from proxy.gateway.forward import Forwarder, Passage
from proxy.gateway.judgement import Judge, Judged, credentials_of
from proxy.gateway.late_forms import LateForms
from proxy.gateway.owning import Owning
from proxy.gateway.ports import (
    AnswerTransform,
    BearerLookup,
    ChallengeAddress,
    Endpoint,
    GuardedEndpoint,
    KeepsForms,
    Refresh,
    RulesFor,
    SessionsPort,
    SignInAtRoot,
    no_refresh,
)
from proxy.gateway.streams import OpenStreams
from proxy.gateway.upstream import Upstream
from proxy.gateway.websocket import judge_handshake
from proxy.gateway.written import ClientGone, Written, connection_of, continue_if_expected
from proxy.model.decision import Challenge, Decision, Forward, Reason, Refuse, SignIn
from proxy.model.deployment import Listen
from proxy.model.organization import Organization
from proxy.model.request import RequestFacts, RequestKind
from proxy.model.time import Instant, Seconds
from proxy.observability.audit import Audit
from proxy.observability.logs import drops_info
from proxy.observability.metrics import Metrics
from proxy.pages.reference import REFERENCE, make_reference
from proxy.pages.render import Pages
from proxy.policy.application_root import may_be_sign_in
from proxy.policy.binding import browser_of
from proxy.policy.client import request_kind, user_caused
from proxy.policy.organization import OrganizationTable
from proxy.policy.peer import apparent_peer
from proxy.policy.target import judge_head, judge_target
from proxy.sessions.guard import BindingGuard

log = structlog.get_logger("gateway")

# At the root of a host with path organizations the login state, or the provider's message, names the organization.
_WITHOUT_ORGANIZATION = frozenset({"callback", "wsfed", "frontchannel-logout", "backchannel-logout"})
_NOBODY = Organization(name="", id="", hosts=(), upstream="")
_CLIENT_GONE = 499
_NOTHING_SENT = (UpstreamUnreachable, UpstreamBusy)


@dataclass(slots=True)
class _Line:
    """What the one log line of a request says of it."""

    started: float
    organization: str = ""
    kind: str = ""
    path: str = ""
    decision: str = ""
    reason: str = ""
    upstream_seconds: Seconds | None = None


class Gateway:
    """Every request of the listener under one configuration.

    `pools`: upstream connections by organization's name. `endpoints`: our own, by the path below the prefix; a key that
    ends in `/` takes every path with one more segment that has no endpoint of its own.
    `sign_in_hosts`: they take providers' answers for all organizations. `sign_in_at_root`: what WS-Federation has at
    organizations' own roots. `guarded`: endpoints for those who are signed in, by the first part of the path below the
    prefix; a request to one is judged as one to the application is. `transform`: what changes answers. What is public
    beside `handle` is for a lane of its own that keeps the same rules.
    """

    def __init__(
        self,
        *,
        organizations: Sequence[Organization],
        listen: Listen,
        sessions: SessionsPort,
        bearer: BearerLookup,
        rules_for: RulesFor,
        endpoints: Mapping[str, Endpoint],
        pools: Mapping[str, Upstream],
        streams: OpenStreams,
        pages: Pages,
        challenge_address: ChallengeAddress,
        clock: Callable[[], Instant],
        audit: Audit,
        metrics: Metrics,
        guard: BindingGuard,
        sign_in_hosts: Sequence[str] = (),
        sign_in_at_root: SignInAtRoot | None = None,
        guarded: Mapping[str, GuardedEndpoint] | None = None,
        transform: AnswerTransform | None = None,
        forms: KeepsForms | None = None,
        refresh: Refresh = no_refresh,
    ) -> None:
        self.table = OrganizationTable(organizations, listen.prefix, sign_in_hosts)
        self.trusted = listen.trusted_proxies
        self.hsts = listen.tls.hsts if listen.tls else None
        self.encoded_slashes = any(organization.allow_encoded_slash for organization in organizations)
        self._endpoints = endpoints
        self._guarded = guarded or {}
        self._sign_in_at_root = sign_in_at_root
        self._answers = Answers(pages, self.table, challenge_address)
        self._forms = LateForms(forms, self._answers) if forms else None
        self.organizations = organizations
        self._administration = next((each for each in organizations if each.is_administration), None)
        self.judge = Judge(
            sessions=sessions,
            bearer=bearer,
            rules_for=rules_for,
            clock=clock,
            audit=audit,
            guard=guard,
            refresh=refresh,
        )
        self.sessions = sessions
        owning = Owning(sessions.watch, listen.trusted_proxies)
        self.forwarder = Forwarder(organizations, pools, streams, owning, hsts=self.hsts, transform=transform)
        self.metrics = metrics

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, whatever it is. Made for `GatewayServer`, whose requests are `web.Request`s."""
        if not isinstance(request, web.Request):
            raise TypeError("requests come from GatewayServer")
        reference = request[REFERENCE] = make_reference()
        structlog.contextvars.bind_contextvars(reference=reference)
        line = _Line(started=time.monotonic())
        status = _CLIENT_GONE
        try:
            foregone = connection_of(request).foregone
            answer = self._foregone(request, line, foregone) if foregone else await self._answer(request, line)
            status = answer.status
        except RequestRefused as refused:
            line.decision, line.reason = "refuse", refused.reason
            answer = self._answers.refused(request, refused)
            status = answer.status
        except ClientGone:
            answer = Written(_CLIENT_GONE, keep_alive=False)
        except ConnectionError:
            if connection_of(request).transport is not None:
                raise  # not the client's, whose body an endpoint was reading
            answer = Written(_CLIENT_GONE, keep_alive=False)
        finally:
            self._log(request, line, status)
        if not isinstance(answer, Written) and not answer.prepared:
            answer.headers["Server"] = "claims-proxy"
            with_strict_transport(answer, self.hsts)
        return answer

    async def _answer(self, request: web.Request, line: _Line) -> web.StreamResponse:
        judge_head(request.method, request.version, request.raw_headers)
        target = request.raw_path.encode("utf-8", "surrogateescape").decode("latin-1")
        path = line.path = judge_target(target, allow_encoded_slash=self.encoded_slashes, method=request.method)
        tls = request.get_extra_info("ssl_object") is not None
        peer = apparent_peer(request.remote or "", tls, request.headers, self.trusted)

        ours = self.table.endpoint(peer.host, path)
        organization = ours[0] if ours else self.table.find(peer.host, path)
        known = organization or _NOBODY
        line.organization = known.name
        if self.encoded_slashes and not known.allow_encoded_slash:
            judge_target(target, allow_encoded_slash=False, method=request.method)

        kind = request_kind(request.method, path, request.headers, known)
        line.kind = kind
        if kind is RequestKind.WEBSOCKET:
            judge_handshake(request)
        facts = RequestFacts(
            method=request.method,
            target=target,
            path=path,
            scheme=peer.scheme,
            host=peer.host,
            authority=peer.authority,
            client_address=peer.client_address,
            kind=kind,
            user_caused=user_caused(request.method, request.headers, kind),
            user_agent=request.headers.get("User-Agent", ""),
            browser=browser_of(request.headers),
        )
        if ours:
            return await self._own(request, facts, organization, ours[1], line)

        if known.is_administration:
            line.decision, line.reason = "own", "root"
            return self._answers.outside_administration(request, facts, known)

        body = None
        if self._sign_in_at_root is not None and may_be_sign_in(known, facts.method, path, target):
            found = await self._sign_in_at_root(request, facts, known)
            if found.answer is not None:
                line.decision, line.reason = "own", "root"
                return found.answer
            facts, body = replace(facts, is_upstream_sign_in=found.is_sign_in), found.body
        credentials = credentials_of(request.headers, facts.scheme, known)
        judged = await self.judge.judge(facts, known, credentials)
        passage = Passage(request, facts, known, judged.session, credentials, body)
        if self._forms is not None and facts.method == "POST":
            return await self._posted(self._forms, passage, judged, line)
        return await self._carry_out(passage, self._with_origin(judged.decision, request, facts), line)

    async def _posted(self, forms: LateForms, passage: Passage, judged: Judged, line: _Line) -> web.StreamResponse:
        """A POST, which may be a form that comes too late, or ask for one that did to be sent on."""
        line.decision, line.reason = type(judged.decision).__name__.lower(), judged.decision.reason
        try:
            if forms.are_meant(passage, judged):
                return await forms.keep(passage, judged)
            found = await forms.exchange(passage)
        except StoreUnavailable as error:
            log.warning("store_unreachable", endpoint="held-form", error=str(error))
            line.reason = Reason.STORE_UNREACHABLE
            return self._answers.store_unreachable(passage.request, passage.facts)
        return await self._carry_out(found, judged.decision, line) if isinstance(found, Passage) else found

    async def _own(
        self, request: web.Request, facts: RequestFacts, organization: Organization | None, name: str, line: _Line
    ) -> web.StreamResponse:
        """One of our own endpoints. It runs to its end even if the client goes."""
        guarded = self._guards(name, organization)
        if organization is not None and guarded is not None:
            return await self._behind_sign_in(request, facts, organization, guarded, line)
        head, _, rest = name.partition("/")
        key = name if name in self._endpoints or not rest or "/" in rest else f"{head}/"
        endpoint = self._endpoints.get(key)
        if endpoint is None or (organization is None and head not in _WITHOUT_ORGANIZATION):
            line.decision, line.reason = "refuse", "not_found"
            return self._answers.not_found(request, facts)
        line.decision, line.reason = "own", key.removesuffix("/")
        continue_if_expected(request)
        try:
            return await endpoint(request, facts, organization)
        except StoreUnavailable as error:
            log.warning("store_unreachable", endpoint=name, error=str(error))
            line.reason = Reason.STORE_UNREACHABLE
            return self._answers.store_unreachable(request, facts)

    def _guards(self, name: str, organization: Organization | None) -> GuardedEndpoint | None:
        """Return the endpoint that asks for a session, if this one does and is served at this organization.

        Administrators' pages are at their own host only, where there is one.
        """
        if organization is None or self._administration not in (None, organization):
            return None
        return self._guarded.get(name.partition("/")[0])

    async def _behind_sign_in(
        self,
        request: web.Request,
        facts: RequestFacts,
        organization: Organization,
        endpoint: GuardedEndpoint,
        line: _Line,
    ) -> web.StreamResponse:
        """One of our own endpoints that asks for a session."""
        credentials = credentials_of(request.headers, facts.scheme, organization)
        judged = await self.judge.judge(facts, organization, credentials)
        decision = judged.decision
        if isinstance(decision, Forward):
            if judged.session is not None:
                line.decision, line.reason = "own", "guarded"
                continue_if_expected(request)
                return await endpoint(request, facts, organization, judged.session)
            # An anonymous path of the application's makes none of ours anonymous.
            decision = Challenge(Reason.NO_SESSION)
        return await self._carry_out(Passage(request, facts, organization, None, credentials, None), decision, line)

    async def _carry_out(self, passage: Passage, decision: Decision, line: _Line) -> web.StreamResponse:
        request, facts, organization = passage.request, passage.facts, passage.organization
        line.decision, line.reason = type(decision).__name__.lower(), decision.reason
        match decision:
            case Forward():
                return await self._forward(passage, line)
            case SignIn():
                return self._answers.sign_in(request, facts, organization, decision)
            case Challenge():
                return self._answers.challenge(request, facts, organization, decision)
            case Refuse():
                return self._answers.refuse(request, facts, organization, decision)
            case _:
                assert_never(decision)

    async def _forward(self, passage: Passage, line: _Line) -> web.StreamResponse:
        started = time.monotonic()
        try:
            return await self.forwarder.forward(passage)
        except UpstreamError as error:
            if passage.form is not None and self._forms is not None and isinstance(error, _NOTHING_SENT):
                await self._forms.give_back(passage.form)
            return self._upstream_failed(passage.request, passage.facts, passage.organization, error, line)
        finally:
            line.upstream_seconds = time.monotonic() - started

    def _upstream_failed(
        self, request: web.Request, facts: RequestFacts, organization: Organization, error: UpstreamError, line: _Line
    ) -> web.StreamResponse:
        line.reason = type(error).__name__
        log.warning("upstream_failed", organization=organization.name, error=str(error), kind=line.reason)
        return self._answers.upstream_failed(request, facts, error)

    def _foregone(self, request: web.Request, line: _Line, foregone: Foregone) -> web.StreamResponse:
        """Say what became of a request that was forwarded already. Raises RequestRefused."""
        facts = foregone.facts
        connection_of(request).foregone = None
        line.started, line.upstream_seconds = foregone.started, foregone.upstream_seconds
        line.organization, line.kind, line.path = foregone.organization.name, facts.kind, facts.path
        line.decision, line.reason = type(foregone.decision).__name__.lower(), foregone.decision.reason
        if isinstance(foregone.error, RequestRefused):
            raise foregone.error
        return self._upstream_failed(request, facts, foregone.organization, foregone.error, line)

    def _with_origin(self, decision: Decision, request: web.Request, facts: RequestFacts) -> Decision:
        """A WebSocket carries cookies from any page of the web, so its Origin must be our own (RFC 6455, 10.2)."""
        if isinstance(decision, Forward) and facts.kind is RequestKind.WEBSOCKET:
            origins = request.headers.getall("Origin", ())
            if len(origins) != 1 or origins[0] != facts.origin:
                return Refuse(403, Reason.FOREIGN_ORIGIN)
        return decision

    def _log(self, request: web.Request, line: _Line, status: int) -> None:
        seconds, upstream = time.monotonic() - line.started, line.upstream_seconds
        self.metrics.request(line.organization, line.decision, status, seconds, upstream)
        if drops_info():
            return
        log.info(
            "request",
            decision=line.decision,
            reason=line.reason,
            organization=line.organization,
            kind=line.kind,
            method=request.method,
            path=line.path,
            status=status,
            duration_ms=milliseconds(seconds),
            upstream_ms=None if upstream is None else milliseconds(upstream),
        )


def milliseconds(seconds: Seconds) -> float:
    """To a tenth."""
    return round(seconds * 1000, 1)
