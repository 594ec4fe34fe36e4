"""The API that the pages use; `openapi.py` describes it. Every answer is JSON."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

from aiohttp import web

from proxy.admin.acts import Acts
from proxy.admin.bodies import PreviewBody, read_body
from proxy.admin.changes import BODIES, Changes, unchanged, wishes_of
from proxy.admin.overview import overview
from proxy.admin.pending import PendingChanges
from proxy.admin.problem import Problem, answer, problem_of
from proxy.admin.views import (
    entry_row,
    organization_row,
    rules_by_organization,
    session_row,
    setting_rows,
    standing_of,
)
from proxy.admin.visitor import Reception, Visitor
from proxy.errors import SettingsError, StoreUnavailable
from proxy.model.deployment import Deployment
from proxy.model.health import Check
from proxy.model.time import Instant
from proxy.sessions.service import Sessions
from proxy.settings.change import organization_named
from proxy.settings.live import LiveSettings

PAGE = 50
_LONGEST_SEARCH = 200
_CURSOR_DIGITS = 9

Handler: TypeAlias = Callable[[Visitor], Awaitable[Any]]
Checks: TypeAlias = Callable[[], Awaitable[Sequence[Check]]]


class Api:
    """The API over one configuration."""

    def __init__(
        self,
        *,
        deployment: Deployment,
        sessions: Sessions,
        settings: LiveSettings,
        acts: Acts,
        changes: Changes,
        pending: PendingChanges,
        reception: Reception,
        checks: Checks,
        clock: Callable[[], Instant],
    ) -> None:
        self._deployment = deployment
        self._sessions = sessions
        self._settings = settings
        self._acts = acts
        self._changes = changes
        self._pending = pending
        self._reception = reception
        self._checks = checks
        self._clock = clock
        self._routes: Mapping[str, tuple[str, Handler]] = {
            "me": ("GET", self._me),
            "overview": ("GET", self._overview),
            "organizations": ("GET", self._organizations),
            "settings": ("GET", self._settings_now),
            "history": ("GET", self._history),
            "sessions": ("GET", self._list_sessions),
            "settings/preview": ("POST", self._preview),
        }

    async def answer(self, visitor: Visitor, name: str, mount: str) -> web.Response:
        """What this administrator asks for, by the path below `api/`. `mount`: where our endpoints are."""
        try:
            return answer(await self._answer(visitor, name, mount))
        except Problem as problem:
            return problem.answer()
        except SettingsError as error:
            return problem_of(error).answer()
        except StoreUnavailable:
            message = "the store does not answer; nothing was changed that is not in the history"
            return Problem(503, "store_unreachable", message, headers={"Retry-After": "5"}).answer()

    async def _answer(self, visitor: Visitor, name: str, mount: str) -> Any:
        method, handler = self._routes.get(name, ("POST" if name in BODIES else "", None))
        if not method:
            raise Problem(404, "not_found", "there is no such thing in this API; see openapi.json")
        if visitor.request.method != method:
            raise Problem(405, "method_not_allowed", f"{method} alone", headers={"Allow": method})
        if method == "POST":
            self._reception.is_own_will(visitor)
        return await (handler(visitor) if handler else self._change(visitor, name, mount))

    async def _me(self, visitor: Visitor) -> Any:
        principal = visitor.session.principal
        return {
            "user": principal.user,
            "name": principal.name,
            "upn": principal.upn,
            "token": visitor.token,
            "credentials_fresh_for": visitor.fresh_for,
            "each_change_signs_in": not visitor.organization.is_administration,
            "settings_source": "live" if self._deployment.settings_live else "yaml",
        }

    async def _overview(self, visitor: Visitor) -> Any:
        _only(visitor, set())
        names = [organization.name for organization in self._deployment.organizations]
        return await overview(self._sessions, names, await self._checks(), self._clock())

    async def _organizations(self, visitor: Visitor) -> Any:
        _only(visitor, set())
        standing = await standing_of(self._deployment, self._settings)
        counts = await self._sessions.listed([each.name for each in self._deployment.organizations])
        rows = [organization_row(each, counts[each.name]) for each in standing.in_force.organizations]
        rules = rules_by_organization(standing.in_force)
        return {"organizations": [row | {"rules": rules[row["name"]]} for row in rows]}

    async def _settings_now(self, visitor: Visitor) -> Any:
        _only(visitor, set())
        standing = await standing_of(self._deployment, self._settings)
        limits = self._deployment.limits
        return {
            "revision": standing.revision,
            "source": "live" if self._deployment.settings_live else "yaml",
            "limits": {name: getattr(limits, name) for name in limits.__slots__},
            "settings": setting_rows(standing),
            "rules": rules_by_organization(standing.in_force),
        }

    async def _preview(self, visitor: Visitor) -> Any:
        body = await read_body(visitor.request, PreviewBody)
        forecast = await self._acts.forecast(wishes_of(body.changes))
        return {
            "changes": len(forecast.proposal.items),
            "ends": sum(forecast.ends.values()),
            "ends_by_organization": forecast.ends,
            "rules": rules_by_organization(forecast.proposal.deployment),
        }

    async def _change(self, visitor: Visitor, name: str, mount: str) -> Any:
        """Carry out a change, or let it wait for a sign-in where an application shares the origin."""
        body = await read_body(visitor.request, BODIES[name])
        if visitor.organization.is_administration:
            self._reception.may_change(visitor)
            return (await self._changes.carry_out(name, body, visitor.name)).answer
        if not await self._changes.would_change(body):
            return unchanged(self._settings.revision)
        raise self._pending.wait(visitor, name, body, mount)

    async def _history(self, visitor: Visitor) -> Any:
        query = _only(visitor, {"cursor"})
        offset = _cursor(query)
        entries = await self._settings.history(offset, PAGE)
        return {
            "entries": [entry_row(entry) for entry in entries],
            "cursor": str(offset + PAGE) if len(entries) == PAGE else "",
        }

    async def _list_sessions(self, visitor: Visitor) -> Any:
        query = _only(visitor, {"cursor", "organization", "search"})
        offset, search = str(_cursor(query)), query.get("search", "").strip()
        name = query.get("organization") or None
        if name is not None:
            name = organization_named(self._deployment, name).name
        if len(search) > _LONGEST_SEARCH:
            raise Problem(400, "invalid_request", f"search: at most {_LONGEST_SEARCH} characters")
        directory = self._sessions.directory
        page = await (directory.search(search, name, PAGE, offset) if search else directory.page(name, PAGE, offset))
        standing = await standing_of(self._deployment, self._settings)
        now, own = self._clock(), visitor.session.reference
        rows = [session_row(each, standing.in_force, now) | {"own": each.reference == own} for each in page.sessions]
        return {"sessions": rows, "cursor": page.cursor}


def _only(visitor: Visitor, known: set[str]) -> Mapping[str, str]:
    """The query's parameters. Raises Problem for one that is unknown or comes twice."""
    query = visitor.request.query
    if unknown := sorted(set(query) - known):
        raise Problem(400, "invalid_request", f"{unknown[0]}: no such parameter; known are {sorted(known) or 'none'}")
    if twice := [name for name in query if len(query.getall(name)) > 1]:
        raise Problem(400, "invalid_request", f"{twice[0]}: stands more than once")
    return dict(query)


def _cursor(query: Mapping[str, str]) -> int:
    cursor = query.get("cursor", "") or "0"
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= _CURSOR_DIGITS):
        raise Problem(400, "invalid_request", "cursor: not one that this API gave")
    return int(cursor)
