"""A secret that is rotated signs nobody out and lets nobody off."""

import pytest

from proxy.model.decision import Ending
from proxy.model.session import Ended, EndReason
from proxy.model.settings import TimeRules
from proxy.sealing import Sealer
from proxy.sessions.service import CredentialsOwed

NEWER = "a-secret-of-at-least-thirty-two-bytes-2"
RULES = TimeRules(session_length=3600.0)


@pytest.fixture
def rotate(desk):
    """Put a newer secret before the one in use."""

    def rotate() -> None:
        older = [secret.decode() for secret in desk.sessions._sealer._secrets]
        desk.sessions._sealer = Sealer([NEWER, *older])

    return rotate


async def test_sessions_of_before_live_on(desk, rotate):
    created = await desk.sign_in()
    rotate()
    found = await desk.sessions.load(created.cookie, "contoso", past_cache=True)
    assert found.session == created.session


async def test_an_authentication_keeps_the_signed_in_instant_it_had(desk, rotate):
    authenticated = {"authenticated_at": desk.clock(), "rules": RULES}
    first = await desk.sign_in(**authenticated)
    rotate()
    desk.clock.advance(3540)
    again = await desk.sign_in(**authenticated)
    assert again.session.signed_in_at == first.session.signed_in_at
    assert again.session.reference.tag != first.session.reference.tag
    desk.clock.advance(60)
    owed = CredentialsOwed(first.session.signed_in_at + 3600)
    assert await desk.sessions.create(desk.new(**authenticated)) == owed
    await desk.sign_in(authenticated_at=desk.clock() + 61, rules=RULES)


async def test_marks_of_before_bind(desk, rotate):
    created = await desk.sign_in()
    key = created.session.principal.key
    await desk.sessions.end_principal(key, "contoso", EndReason.REVOKED, desk.clock(), owes_credentials=True)
    rotate()
    at = desk.clock()
    desk.clock.advance(5)
    assert await desk.sessions.create(desk.new(authenticated_at=at)) == CredentialsOwed(at)
    await desk.sign_in(authenticated_at=at + 61)


async def test_a_sign_out_reaches_sessions_of_all_ages_and_marks_all_tags(desk, rotate):
    old = await desk.sign_in()
    rotate()
    new = await desk.sign_in()
    await desk.sessions.end(old.session, Ending(EndReason.SIGNED_OUT, desk.clock.advance(1), owes_credentials=True))
    assert await desk.lives(new)
    assert isinstance(await desk.sessions.create(desk.new(authenticated_at=desk.clock())), CredentialsOwed)
    key = old.session.principal.key
    count = await desk.sessions.end_principal(key, None, EndReason.REVOKED, desk.clock(), owes_credentials=False)
    assert (count, await desk.lives(new)) == (1, False)


async def test_a_sign_out_of_what_has_ended_marks_all_tags_too(desk, rotate):
    old = await desk.sign_in()
    rotate()
    for reason in (EndReason.REPLACED, EndReason.SIGNED_OUT):
        await desk.sessions.end(old.session, Ending(reason, desk.clock(), owes_credentials=True))
        # Where the first answer was lost on the way, the second order must not leave a tag unmarked.
        tag = desk.sessions._sealer.tag(old.session.principal.key, purpose="principal")
        marks = await desk.store.marks([tag], "contoso")
        assert marks.credentials_after == desk.clock()
        desk.clock.advance(1)


async def test_a_session_under_an_older_tag_is_replaced(desk, rotate):
    old = await desk.sign_in()
    rotate()
    await desk.lives(old)
    new = await desk.sign_in(replaces=old.session.reference)
    found = await desk.sessions.load(old.cookie, "contoso")
    assert isinstance(found, Ended)
    assert found.tombstone.reason is EndReason.REPLACED
    assert await desk.lives(new)
