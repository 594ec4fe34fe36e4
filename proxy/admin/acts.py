"""What administrators do, by page and by command alike: each act is carried out, audited, and kept in the history."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from proxy.model.decision import Ending
from proxy.model.deployment import Deployment
from proxy.model.session import EndReason
from proxy.model.time import Instant, Seconds
from proxy.observability.audit import Audit, AuditEvent
from proxy.sessions.record import Summary
from proxy.sessions.service import Sessions
from proxy.sessions.sweep import end_all, past_the_end
from proxy.settings.change import Proposal, Wish, said
from proxy.settings.current import rules_of
from proxy.settings.history import Entry
from proxy.settings.live import Author, LiveSettings
from proxy.settings.values import EVERYWHERE, in_force
from proxy.store.port import Place

_AT_ONCE = 500
_OTHERS_WRITE: Seconds = 0.2
"""How long the other workers have to write activity once they heard of a change; what they wrote keeps its session."""


@dataclass(frozen=True, slots=True)
class Done:
    """A change that was made. `entry`: None where nothing would have been different. `ended`: sessions it ended."""

    entry: Entry | None
    ended: int
    revision: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a change would do. `ends`: sessions, by organization."""

    proposal: Proposal
    ends: dict[str, int]


Past: TypeAlias = dict[str, list[tuple[Summary, Ending]]]
"""Sessions past their end, by organization."""


def _places(past: Past) -> set[Place]:
    references = (summary.reference for several in past.values() for summary, _ in several)
    return {Place(each.tag, each.id_hash) for each in references}


class Acts:
    """The acts over one configuration. Every method raises StoreUnavailable."""

    def __init__(
        self,
        deployment: Deployment,
        sessions: Sessions,
        settings: LiveSettings,
        audit: Audit,
        clock: Callable[[], Instant],
    ) -> None:
        self._deployment = deployment
        self._sessions = sessions
        self._settings = settings
        self._audit = audit
        self._clock = clock

    async def forecast(self, wishes: Sequence[Wish]) -> Forecast:
        """What a change would come to and how many sessions it would end. Raises as `LiveSettings.preview`."""
        proposal = await self._settings.preview(self._deployment, wishes)
        found = await self._past_by(proposal)
        ends = {name: len(several) for name, several in found.items()}
        return Forecast(proposal, ends)

    async def _past_by(self, proposal: Proposal) -> Past:
        await self._sessions.write_activity()
        return await self._past(self._before(proposal), proposal.deployment)

    def _before(self, proposal: Proposal) -> Deployment:
        """The configuration in force before a proposal."""
        values = dict(proposal.values)
        for item in proposal.items:
            if item.before is None:
                values.pop(item.name, None)
            else:
                values[item.name] = item.before
        return in_force(self._deployment, values)

    async def _past(self, before: Deployment, after: Deployment) -> Past:
        """Sessions past their end by the rules that are other than before, by organization."""
        now, resolution = self._clock(), after.sessions.activity_resolution
        found = {}
        for was, organization in zip(before.organizations, after.organizations, strict=True):
            rules = rules_of(after, organization)
            if rules != rules_of(before, was):
                ends = past_the_end(self._sessions, organization.name, rules, now, resolution)
                found[organization.name] = [each async for each in ends]
        return found

    async def would_change(self, wanted: Sequence[Wish] | int, *, seen: int | None = None) -> bool:
        """Return True if `change` (of these wishes) or `go_back` (to this revision) would change anything.

        Raises as they do; nothing is changed.
        """
        return bool((await self._settings.rehearse(self._deployment, wanted, seen=seen)).items)

    async def change(self, wishes: Sequence[Wish], author: Author, *, seen: int | None = None) -> Done:
        """Change settings, and end at once the sessions that this ends. Raises as `LiveSettings.change`."""
        made = await self._settings.change(self._deployment, wishes, author, seen=seen)
        return await self._carried_out(made, author)

    async def go_back(self, revision: int, author: Author, *, seen: int | None = None) -> Done:
        """Bring back the values of a revision, in the same way. Raises as `LiveSettings.go_back`."""
        made = await self._settings.go_back(self._deployment, revision, author, seen=seen)
        return await self._carried_out(made, author)

    async def _carried_out(self, made: tuple[Entry | None, Proposal], author: Author) -> Done:
        entry, proposal = made
        if entry is None:
            return Done(None, 0, self._settings.revision)
        for item in entry.items:
            self._audit.record(
                AuditEvent.SETTING_CHANGED,
                organization="" if item.organization == EVERYWHERE else item.organization,
                principal=author.by,
                reason=entry.act,
                setting=item.setting,
                before=said(item.before),
                after=said(item.after),
                revision=entry.revision,
                why=author.why or None,
            )
        past = await self._past_by(proposal)
        if any(reached.reason is EndReason.INACTIVITY_TIMEOUT for several in past.values() for _, reached in several):
            await asyncio.sleep(_OTHERS_WRITE)
        for several in past.values():
            await end_all(self._sessions, several, self._ended)
        # An open page hears of the change, too, and may come upon its end before us: that is one as well.
        ended = await self._sessions.directory.how_many_ended(_places(past))
        return Done(entry, ended, entry.revision or 0)

    def _ended(self, summary: Summary, reached: Ending) -> None:
        self._audit.record(
            AuditEvent.SESSION_EXPIRED,
            organization=summary.organization,
            principal=summary.user,
            reason=reached.reason,
            display_name=summary.display_name,
            session=summary.reference.id_hash,
            limit_at=reached.at,
        )

    async def revoke_session(self, summary: Summary, author: Author) -> bool:
        """End one session; whether this very call did."""
        ended = await self._revoke(summary, author)
        subject = f"{summary.user} at {summary.organization}"
        await self._settings.record("session_revoked", author, subject, int(ended))
        return ended

    async def revoke_user(self, summary: Summary, author: Author) -> int:
        """End every session of this one's user, in all organizations, and return how many. They owe credentials."""
        now, who = self._clock(), summary.user
        count = 0
        for tag in await self._tags(summary):
            count += await self._sessions.end_tag(tag, EndReason.REVOKED, now, owes_credentials=True)
        self._audit.record(
            AuditEvent.USER_REVOKED,
            organization="",
            principal=who,
            reason=EndReason.REVOKED,
            display_name=summary.display_name,
            by=author.by,
            ended=count,
        )
        await self._settings.record("user_revoked", author, who, count)
        return count

    async def _tags(self, summary: Summary) -> set[str]:
        """Return the hash tags of the user's sessions: several after a secret was rotated, or with several providers.

        Everybody else with the same display name is found by the search, too, and left out. The same UPN is the same
        person at every provider; a `sub` means somebody only at its own.
        """
        provider = None if summary.upn else summary.provider
        tags, cursor = {summary.reference.tag}, "0"
        while cursor:
            page = await self._sessions.directory.search(summary.user, None, _AT_ONCE, cursor)
            tags |= {each.reference.tag for each in page.sessions if each.is_of(summary.user, provider)}
            cursor = page.cursor
        return tags

    async def _revoke(self, summary: Summary, author: Author) -> bool:
        now = self._clock()
        ended = await self._sessions.end_listed(summary, EndReason.REVOKED, now, owes_credentials=True)
        if ended:
            self._audit.record(
                AuditEvent.SESSION_REVOKED,
                organization=summary.organization,
                principal=summary.user,
                reason=EndReason.REVOKED,
                display_name=summary.display_name,
                session=summary.reference.id_hash,
                by=author.by,
            )
        return ended
