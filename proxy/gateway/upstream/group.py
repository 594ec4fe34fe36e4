"""Several addresses of one application: the least busy of those that are well, and the next where one is away.

Passive health: an address that nobody can connect to, or that fails several times in a row, is left out for a while
that doubles. Active health, where configured: each is asked for a path; its answers alone bring back what failed them.
When none is well all are tried: a check that errs must not take an application away that would answer.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from proxy.errors import UpstreamBroken, UpstreamBusy, UpstreamError, UpstreamTimeout, UpstreamUnreachable
from proxy.gateway.upstream.address import UpstreamAddress
from proxy.gateway.upstream.connection import UpstreamConnection
from proxy.gateway.upstream.owners import Owner
from proxy.gateway.upstream.pool import UpstreamPool
from proxy.gateway.upstream.request import RequestBody, UpstreamRequest
from proxy.gateway.upstream.response import Interim, UpstreamResponse
from proxy.model.deployment import UpstreamTuning
from proxy.model.organization import UpstreamHealth
from proxy.model.time import Seconds

log = structlog.get_logger("gateway")

_FAILURES_IN_A_ROW = 3
_FIRST_REST, _LONGEST_REST = 1.0, 30.0
_CHECK_SECONDS = 5.0
_FAILED_STATUS = 500


@dataclass(slots=True, eq=False)
class _Member:
    """One address. `rests_until`: loop time; `failures`: in a row; `well`: what the last check found."""

    pool: UpstreamPool
    probe: UpstreamPool | None
    rests_until: float = 0.0
    rest: Seconds = _FIRST_REST
    failures: int = 0
    well: bool = True
    turn: int = 0


class UpstreamGroup:
    """Does what `UpstreamPool` does, over several addresses. Made and used within one running event loop."""

    def __init__(
        self, addresses: Sequence[UpstreamAddress], tuning: UpstreamTuning, health: UpstreamHealth | None = None
    ) -> None:
        self._loop = asyncio.get_running_loop()
        once = replace(tuning, connections=1, keep_alive=0.0, first_byte_timeout=_CHECK_SECONDS)
        self._members = [
            _Member(UpstreamPool(address, tuning), UpstreamPool(address, once) if health else None)
            for address in addresses
        ]
        self._turns = 0
        self._checks = [self._loop.create_task(self._check_forever(each, health)) for each in self._members if health]

    async def send(
        self,
        request: UpstreamRequest,
        body: RequestBody = None,
        *,
        owner: Owner | None = None,
        on_interim: Interim | None = None,
    ) -> UpstreamResponse:
        """As `UpstreamPool.send`; where no connection can be had, nothing was sent, so the next address is tried."""
        tried: list[_Member] = []
        while True:
            member = self._choose(owner, tried)
            try:
                response = await member.pool.send(request, body, owner=owner, on_interim=on_interim)
            except (UpstreamUnreachable, UpstreamBusy) as error:
                if isinstance(error, UpstreamUnreachable):
                    self._rest(member, error)
                tried.append(member)
                if len(tried) == len(self._members):
                    raise
            except (UpstreamTimeout, UpstreamBroken) as error:
                self._count(member, error)
                raise
            else:
                self._count(member, None)
                return response

    def lend(self, owner: Owner | None = None, *, retryable: bool = False) -> UpstreamConnection | None:
        """As `UpstreamPool.lend`."""
        return self._choose(owner, ()).pool.lend(owner, retryable=retryable)

    def went(self, connection: UpstreamConnection, error: UpstreamError | None) -> None:
        """As `UpstreamPool.went`."""
        for member in self._members:
            if connection.home is member.pool:
                self._count(member, error)

    async def close(self) -> None:
        """As `UpstreamPool.close`."""
        for check in self._checks:
            check.cancel()
        await asyncio.gather(*self._checks, return_exceptions=True)
        for member in self._members:
            await member.pool.close()
            if member.probe is not None:
                await member.probe.close()

    @property
    def states(self) -> dict[str, tuple[int, bool]]:
        """By authority: open connections, and whether requests go there."""
        now = self._loop.time()
        return {
            authority: (connections, _is_well(member, now))
            for member in self._members
            for authority, (connections, _) in member.pool.states.items()
        }

    def _choose(self, owner: Owner | None, tried: Sequence[_Member]) -> _Member:
        left = [member for member in self._members if member not in tried]
        if owner is not None:
            for member in left:
                if member.pool.belongs_to(owner):
                    # Its connection is authenticated there and nowhere else.
                    return member
        now = self._loop.time()
        well = [member for member in left if _is_well(member, now)] or left
        chosen = min(well, key=lambda member: (member.pool.load, member.turn))
        self._turns += 1
        chosen.turn = self._turns
        return chosen

    def _count(self, member: _Member, error: UpstreamError | None) -> None:
        if error is None:
            member.failures, member.rest = 0, _FIRST_REST
            return
        member.failures += 1
        if member.failures >= _FAILURES_IN_A_ROW:
            self._rest(member, error)

    def _rest(self, member: _Member, error: UpstreamError) -> None:
        now = self._loop.time()
        if now >= member.rests_until:
            log.warning("upstream_rests", upstream=member.pool.address.authority, seconds=member.rest, error=str(error))
            member.rests_until = now + member.rest
            member.rest = min(2 * member.rest, _LONGEST_REST)
        member.failures = 0

    async def _check_forever(self, member: _Member, health: UpstreamHealth) -> None:
        while True:
            well = await self._answers(member, health.path)
            if well != member.well:
                log.warning("upstream_health_changed", upstream=member.pool.address.authority, well=well)
                member.well = well
            if well:
                member.rests_until = 0.0
            await asyncio.sleep(health.interval)

    async def _answers(self, member: _Member, path: str) -> bool:
        """Whether it answers at all, with anything but a failure of its own; 401 and 403 are answers of a CRM."""
        if member.probe is None:
            return True
        host = (b"Host", member.pool.address.authority.encode())
        request = UpstreamRequest(b"GET", path.encode(), [host, (b"User-Agent", b"claims-proxy-health")])
        try:
            response = await member.probe.send(request)
        except UpstreamError:
            return False
        response.close()
        return response.status < _FAILED_STATUS


def _is_well(member: _Member, now: float) -> bool:
    return member.well and now >= member.rests_until
