"""The changes that the API knows: each is looked at beforehand, carried out, and said in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, assert_never

from proxy.admin.acts import Acts, Done
from proxy.admin.bodies import ChangeBody, RevokeBody, RollbackBody, WishBody
from proxy.admin.problem import Problem
from proxy.admin.views import entry_row
from proxy.admin.words import texts
from proxy.sessions.listing import Listing
from proxy.sessions.record import Summary
from proxy.settings.change import Wish, said
from proxy.settings.live import Author
from proxy.store.port import Place

Body: TypeAlias = ChangeBody | RollbackBody | RevokeBody

EVERYWHERE: Final = "users/revoke"
BODIES: Final[Mapping[str, type[Body]]] = {
    "settings/change": ChangeBody,
    "settings/rollback": RollbackBody,
    "sessions/revoke": RevokeBody,
    EVERYWHERE: RevokeBody,
}
"""The body of each change, by the change's path below `api/`."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A change that was carried out.

    Attributes:
        answer: The response of the API.
        lines: The same in words, one sentence for each thing that is different now.
    """

    answer: dict[str, Any]
    lines: tuple[str, ...]


class Changes:
    """Carries out changes. Every method raises StoreUnavailable, SettingsError, and Problem for an unknown session."""

    def __init__(self, acts: Acts, directory: Listing) -> None:
        self._acts = acts
        self._directory = directory

    async def would_change(self, body: Body) -> bool:
        """Return True if carrying it out would change anything; raises what carrying it out would raise."""
        match body:
            case ChangeBody():
                return await self._acts.would_change(wishes_of(body.changes), seen=body.revision)
            case RollbackBody():
                return await self._acts.would_change(body.to, seen=body.revision)
            case RevokeBody():
                await self._session(body)
                return True
            case _:
                assert_never(body)

    async def carry_out(self, name: str, body: Body, by: str) -> Outcome:
        """Carry out the change of this name in the name of the administrator `by`."""
        author = Author(by, body.why)
        match body:
            case ChangeBody():
                return _settings(await self._acts.change(wishes_of(body.changes), author, seen=body.revision))
            case RollbackBody():
                return _settings(await self._acts.go_back(body.to, author, seen=body.revision))
            case RevokeBody():
                return await self._revoke(await self._session(body), author, everywhere=name == EVERYWHERE)
            case _:
                assert_never(body)

    async def _revoke(self, summary: Summary, author: Author, *, everywhere: bool) -> Outcome:
        who = summary.upn or summary.name
        if everywhere:
            ended = await self._acts.revoke_user(summary, author)
            return Outcome({"ended": ended}, (_text("history", "user_revoked", subject=who, ended=ended),))
        ended = int(await self._acts.revoke_session(summary, author))
        return Outcome(
            {"ended": ended}, (_text("history", "session_revoked", subject=f"{who} at {summary.organization}"),)
        )

    async def _session(self, body: RevokeBody) -> Summary:
        summary = await self._directory.at(Place.of(body.session))
        if summary is None:
            raise Problem(404, "no_such_session", "that session has ended already")
        return summary


def wishes_of(bodies: Sequence[WishBody]) -> list[Wish]:
    """The wishes of a body."""
    return [Wish(body.organization, body.setting, body.value) for body in bodies]


def unchanged(revision: int) -> dict[str, Any]:
    """The response for settings that are so already."""
    return {"revision": revision, "changes": [], "ended": 0}


def _settings(done: Done) -> Outcome:
    items = entry_row(done.entry)["items"] if done.entry else []
    lines = [
        _text(
            "history",
            "changed",
            setting=item["setting"],
            organization=item["organization"] or texts()["of_all"],
            before=said(item["before"]),
            after=said(item["after"]),
        )
        for item in items
    ]
    if done.ended:
        lines.append(_text("sessions", "ended_one" if done.ended == 1 else "ended", count=done.ended))
    return Outcome({"revision": done.revision, "changes": items, "ended": done.ended}, tuple(lines))


def _text(page: str, name: str, **values: object) -> str:
    return str(texts()[page][name]).format(**values)
