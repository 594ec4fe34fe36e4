"""Changes that wait: what a sign-in must show, each refusal beside the sign-in that confirms."""

from dataclasses import replace

import pytest
from aiohttp.test_utils import make_mocked_request

from proxy.admin.bodies import ChangeBody
from proxy.admin.changes import Outcome
from proxy.admin.pending import WAITS, PendingChanges
from proxy.admin.problem import Problem
from proxy.admin.visitor import Visitor
from proxy.errors import StoreUnavailable
from proxy.model.confirmation import Confirmation
from proxy.model.organization import AccessRule, Organization
from proxy.model.principal import Principal
from proxy.model.request import RequestFacts, RequestKind
from proxy.model.session import Session, SessionReference
from proxy.observability.audit import Audit
from proxy.pages.render import Pages
from proxy.sealing import Sealer

NOW = 1_790_000_000.0
CONTOSO = Organization(name="contoso", id="", hosts=("crm.contoso.com",), upstream="http://crm")
CARLA = Principal("default upn carla", "Carla", upn="carla@contoso.com", groups=("Administrators",))
BODY = ChangeBody.model_validate({"changes": [{"organization": None, "setting": "X", "value": True}], "why": "audit"})
FACTS = RequestFacts(
    method="GET",
    target="/.claims/callback",
    path="/.claims/callback",
    scheme="https",
    host="crm.contoso.com",
    authority="crm.contoso.com",
    client_address="192.0.2.1",
    kind=RequestKind.NAVIGATION,
    user_caused=True,
    user_agent="",
)


def session(at: float | None, principal: Principal = CARLA) -> Session:
    return Session(SessionReference("t", "i"), "contoso", principal, NOW, NOW + 3600, NOW, credentials_at=at)


class Acts:
    """Notes what is carried out."""

    def __init__(self) -> None:
        self.made: list[tuple[str, ChangeBody, str]] = []

    async def carry_out(self, name, body, by):
        self.made.append((name, body, by))
        return Outcome({}, ("X: false → true",))


class Station:
    """The waiting changes, with a clock and a store of this test's."""

    def __init__(self) -> None:
        self.now = NOW
        self.acts = Acts()
        self.events: list[tuple[str, str]] = []
        self.store_is_away = False
        self._used: set[str] = set()
        self.pending = PendingChanges(
            changes=self.acts,
            rules=[AccessRule("group", ("Administrators",))],
            sealer=Sealer(["a-secret-of-the-tests-that-is-long-enough"]),
            use_once=self._use_once,
            pages=Pages(),
            audit=Audit(on_event=lambda event, _, reason: self.events.append((event, reason))),
            clock=lambda: self.now,
        )

    async def _use_once(self, name: str, _seconds: float) -> bool:
        if self.store_is_away:
            raise StoreUnavailable("away")
        fresh = name not in self._used
        self._used.add(name)
        return fresh

    def wait(self, body: ChangeBody = BODY) -> Confirmation:
        """Have a change wait at NOW; the sign-in that confirms it, a minute later."""
        request = make_mocked_request("POST", "/.claims/admin/api/settings/change")
        visitor = Visitor(request, FACTS, CONTOSO, session(NOW - 600), "", 0.0)
        problem = self.pending.wait(visitor, "settings/change", body, "/.claims")
        cookie = problem.headers["Set-Cookie"].partition(";")[0].partition("=")[2]
        self.now = NOW + 60
        return Confirmation(
            facts=FACTS,
            organization=CONTOSO,
            session=session(NOW + 60),
            digest=problem.sign_in.partition("change=")[2],
            waiting=cookie,
            asked_at=NOW + 5,
            leeway=60.0,
            return_to="/.claims/admin/general",
        )

    async def confirm(self, shown: Confirmation):
        return await self.pending.confirm(make_mocked_request("GET", "/.claims/callback"), shown)


@pytest.fixture
def station():
    return Station()


async def test_change_is_carried_out_as_it_was_requested(station):
    page = await station.confirm(station.wait())
    assert page.status == 200
    assert station.acts.made == [("settings/change", BODY, "carla@contoso.com")]
    assert "X: false → true" in page.text
    assert 'href="/.claims/admin/general"' in page.text


@pytest.mark.parametrize(
    "other",
    [
        {"digest": "x" * 43},
        {"waiting": None},
        {"waiting": "x"},
        {"asked_at": None},
        {"session": session(None)},
        {"session": session(NOW - 600)},
        {"session": session(NOW - 56)},
        {"session": session(NOW + 60, replace(CARLA, key="default upn alice"))},
        {"session": session(NOW + 60, replace(CARLA, groups=()))},
        {"organization": replace(CONTOSO, name="fabrikam")},
    ],
)
async def test_sign_in_that_shows_something_else_changes_nothing(station, other):
    page = await station.confirm(replace(station.wait(), **other))
    assert page.status == 403
    assert station.acts.made == []
    assert station.events == [("refused", "change_not_confirmed")]


async def test_provider_clock_behind_ours_by_the_leeway_is_no_matter(station):
    assert (await station.confirm(replace(station.wait(), session=session(NOW - 55)))).status == 200


async def test_change_is_carried_out_once(station):
    shown = station.wait()
    assert [(await station.confirm(shown)).status for _ in range(3)] == [200, 403, 403]
    assert len(station.acts.made) == 1


@pytest.mark.parametrize(("waited", "status"), [(WAITS - 1, 200), (WAITS, 403)])
async def test_change_waits_ten_minutes(station, waited, status):
    shown = station.wait()
    station.now = NOW + waited
    assert (await station.confirm(shown)).status == status


async def test_unreachable_store_changes_nothing_and_does_not_use_the_change_up(station):
    shown = station.wait()
    station.store_is_away = True
    assert (await station.confirm(shown)).status == 503
    assert station.acts.made == []
    station.store_is_away = False
    assert (await station.confirm(shown)).status == 200


def test_change_that_fits_into_no_cookie_is_refused(station):
    long = BODY.model_copy(update={"why": "x" * 1000, "changes": BODY.changes * 40})
    with pytest.raises(Problem) as refused:
        station.wait(long)
    assert (refused.value.status, refused.value.error) == (413, "too_large")
    assert station.wait(BODY.model_copy(update={"changes": BODY.changes * 20})).waiting
