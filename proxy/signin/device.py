"""`device/register` and `device/refresh`: Device Bound Session Credentials, from the invitation to each proof.

The answer to a sign-in invites the browser to register a key. Once it has, the session cookie alone no longer passes: a
second cookie that lives for minutes must come along, and only the holder of the private key gets the next one.
Source: W3C draft «Device Bound Session Credentials» (https://w3c.github.io/webappsec-dbsc/).
"""

import json
import re
import secrets
from collections.abc import Callable, Mapping
from typing import Protocol

import structlog
from aiohttp import web

from proxy.errors import SealBroken, TokenRefused
from proxy.model.binding import BindingSettings, DeviceBound, DeviceKey
from proxy.model.organization import Organization
from proxy.model.request import RequestFacts
from proxy.model.session import Session, SessionReference
from proxy.model.time import Instant, Seconds
from proxy.observability.audit import Audit, AuditEvent
from proxy.policy.binding import REGISTER_WITHIN
from proxy.sealing import Sealer
from proxy.sessions.cookie import cookie_names, set_cookie
from proxy.sessions.device_cookie import BOUND_SECONDS, make_device_cookie
from proxy.signin.visit import Visit
from proxy.tokens.dbsc import ALGORITHMS, read_refresh, read_registration

log = structlog.get_logger("signin")

REFRESH_WITHIN: Seconds = 60.0
"""How long a challenge to refresh is good."""

_REGISTER, _REFRESH = "register", "refresh"
_LIVES = {_REGISTER: REGISTER_WITHIN, _REFRESH: REFRESH_WITHIN}
_PURPOSE = "device challenge"
_IDENTIFIER = re.compile(r"([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})\Z")
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    # Whether somebody is signed in is nobody's to measure (the draft, «Server considerations»).
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class DeviceSessions(Protocol):
    """What is needed of `sessions.service.Sessions` here."""

    async def register_device(self, reference: SessionReference, organization: str, device: DeviceKey) -> bool:
        """Bind a session to a device, once. Raises StoreUnavailable."""

    async def device_of(self, reference: SessionReference, organization: str) -> DeviceKey | None:
        """The device that a live session is bound to. Raises StoreUnavailable."""

    async def use_once(self, name: str, seconds: Seconds) -> bool:
        """True the first time. Raises StoreUnavailable."""


class _Refused(Exception):
    """`reason`: a stable snake_case word."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail)
        self.reason = reason


class DeviceRoutes:
    """The endpoints. `mount` gives an organization's path of endpoints."""

    def __init__(
        self,
        *,
        sealer: Sealer,
        sessions: DeviceSessions,
        settings: BindingSettings,
        clock: Callable[[], Instant],
        audit: Audit,
        mount: Callable[[Organization], str],
    ) -> None:
        self.settings = settings
        self._sealer = sealer
        self._sessions = sessions
        self._clock = clock
        self._audit = audit
        self._mount = mount

    def invitation(self, visit: Visit, session: Session) -> Mapping[str, str]:
        """The header that a sign-in is answered with; none over plain http, where no browser would register."""
        if self.settings.device is DeviceBound.OFF or not visit.secure or session.reference is None:
            return {}
        path = f"{self._mount(visit.organization)}/device/register"
        challenge = self._challenge(_REGISTER, session.reference, visit.organization)
        return {"Secure-Session-Registration": f'({" ".join(ALGORITHMS)});path="{path}";challenge="{challenge}"'}

    async def register(
        self, request: web.Request, facts: RequestFacts, organization: Organization | None
    ) -> web.StreamResponse:
        """POST: a public key that signed our challenge, kept with the session. Raises StoreUnavailable.

        It needs no cookie: the challenge, which only the browser that signed in was given, names the session.
        """
        if (refusal := self._unwanted(request, facts, organization)) is not None or organization is None:
            return refusal or _json({"error": "not_found"}, status=404)
        try:
            registered = read_registration(_proof(request) or "", url=_url(facts))
            reference = await self._used(registered.challenge, _REGISTER, organization)
            await self._keep(reference, organization, DeviceKey(registered.jwk, self._clock()))
        except (TokenRefused, _Refused) as refused:
            return self._refuse(refused, facts, organization, 403)
        log.info("device_registered", organization=organization.name, session=reference.id_hash)
        return self._bound(facts, organization, reference)

    async def refresh(
        self, request: web.Request, facts: RequestFacts, organization: Organization | None
    ) -> web.StreamResponse:
        """POST: the next bound cookie for a proof; 403 with a challenge where there is none yet.

        Any other 4xx makes the browser forget the device's session: ours is gone too. Raises StoreUnavailable.
        """
        if (refusal := self._unwanted(request, facts, organization)) is not None or organization is None:
            return refusal or _json({"error": "not_found"}, status=404)
        named = _IDENTIFIER.match(_text(request, "Sec-Secure-Session-Id") or "")
        reference = SessionReference(named[1], named[2]) if named else None
        device = await self._sessions.device_of(reference, organization.name) if reference else None
        if reference is None or device is None:
            return _json({"error": "session_gone"}, status=401)
        proof = _proof(request)
        if proof is None:
            return self._challenged(reference, organization)
        try:
            challenge = read_refresh(proof, device.jwk, url=_url(facts), session=_identifier(reference))
            await self._used(challenge, _REFRESH, organization, of=reference)
        except _Refused:
            return self._challenged(reference, organization)
        except TokenRefused as refused:
            return self._refuse(refused, facts, organization, 401)
        return self._bound(facts, organization, reference)

    def _unwanted(
        self, request: web.Request, facts: RequestFacts, organization: Organization | None
    ) -> web.Response | None:
        if organization is None or facts.scheme != "https" or self.settings.device is DeviceBound.OFF:
            return _json({"error": "not_found"}, status=404)
        if request.method != "POST":
            return _json({"error": "method_not_allowed"}, status=405, headers={"Allow": "POST"})
        return None

    def _challenge(self, kind: str, reference: SessionReference, organization: Organization) -> str:
        facts = [kind, reference.tag, reference.id_hash, organization.name, self._clock(), secrets.token_hex(8)]
        return self._sealer.seal_text(json.dumps(facts, separators=(",", ":")).encode(), purpose=_PURPOSE)

    async def _keep(self, reference: SessionReference, organization: Organization, device: DeviceKey) -> None:
        if not await self._sessions.register_device(reference, organization.name, device):
            raise _Refused("session_gone", "no such session, or it is bound")

    async def _used(
        self, text: str, kind: str, organization: Organization, *, of: SessionReference | None = None
    ) -> SessionReference:
        """The session that a challenge of ours was made for (`of`: no other), taken once.

        Raises _Refused, StoreUnavailable.
        """
        try:
            made, tag, id_hash, name, at, _ = json.loads(self._sealer.open_text(text, purpose=_PURPOSE))
        except (SealBroken, ValueError) as error:
            raise _Refused("challenge", "not ours") from error
        lives = _LIVES[kind]
        reference = SessionReference(tag, id_hash)
        if (made, name) != (kind, organization.name) or of not in (None, reference):
            raise _Refused("challenge", "made for something else")
        if not at <= self._clock() < at + lives:
            raise _Refused("challenge_expired")
        if not await self._sessions.use_once(f"device challenge:{text}", lives):
            raise _Refused("challenge_used")
        return reference

    def _challenged(self, reference: SessionReference, organization: Organization) -> web.Response:
        challenge = self._challenge(_REFRESH, reference, organization)
        headers = {"Secure-Session-Challenge": f'"{challenge}";id="{_identifier(reference)}"'}
        return _json({"error": "proof_required"}, status=403, headers=headers)

    def _bound(self, facts: RequestFacts, organization: Organization, reference: SessionReference) -> web.Response:
        """The session instructions (the draft, «JSON Session Instruction Format») and a fresh bound cookie."""
        name = cookie_names(organization.cookie_suffix, secure=facts.scheme == "https").device
        value = make_device_cookie(self._sealer, reference.id_hash, self._clock())
        same_site = organization.same_site
        cookie = set_cookie(name, value, secure=True, same_site=same_site, max_age=int(BOUND_SECONDS))
        attributes = set_cookie(name, value, secure=True, same_site=same_site).partition("; ")[2]
        answer = _json(
            {
                "session_identifier": _identifier(reference),
                "refresh_url": f"{self._mount(organization)}/device/refresh",
                "scope": {"include_site": False, "scope_specification": []},
                "credentials": [{"type": "cookie", "name": name, "attributes": attributes}],
                # A link in a mail or on another site must lead in too; the cookie's SameSite keeps the rest out.
                "allowed_refresh_initiators": ["*"],
            }
        )
        answer.headers.add("Set-Cookie", cookie)
        return answer

    def _refuse(
        self, refused: TokenRefused | _Refused, facts: RequestFacts, organization: Organization, status: int
    ) -> web.Response:
        log.warning("device_refused", organization=organization.name, reason=refused.reason, detail=str(refused))
        self._audit.record(
            AuditEvent.REFUSED,
            organization=organization.name,
            reason="device_refused",
            rule=refused.reason,
            client_address=facts.client_address,
            method=facts.method,
            path=facts.path,
        )
        return _json({"error": refused.reason}, status=status)


def _identifier(reference: SessionReference) -> str:
    return f"{reference.tag}.{reference.id_hash}"


def _url(facts: RequestFacts) -> str:
    return f"{facts.origin}{facts.target}"


def _proof(request: web.Request) -> str | None:
    return _text(request, "Secure-Session-Response")


def _text(request: web.Request, header: str) -> str | None:
    """The string in a header: the draft puts it in quotes (RFC 9651, section 3.3.3), Chromium 156 does not."""
    lines = request.headers.getall(header, [])
    return lines[0].strip().strip('"') if len(lines) == 1 else None


def _json(body: dict[str, object], *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.json_response(body, status=status, headers={**_HEADERS, **(headers or {})})
