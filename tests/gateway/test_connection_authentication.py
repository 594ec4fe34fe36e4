"""An upstream connection that NTLM authenticated carries requests of one session on one client connection."""

from dataclasses import replace

import pytest

from proxy.model.session import EndReason, Live, SessionReference
from support.raw_http import ok, read_body

NTLM = b"Authorization: NTLM TlRMTVNTUAAB\r\n"
BOB = b"Cookie: claims-session=bob\r\n"


@pytest.fixture
async def site(stage):
    """A site with alice and bob, whose application says by which of its connections a request came."""
    one = await stage(organization={"anonymous": ("/public",)})
    reference = SessionReference("another tag", "bob's")
    one.sessions.known["bob"] = Live(replace(one.session, reference=reference), from_store=False)
    numbers = {}

    async def answering(message, reader, writer):
        await read_body(reader, message, answer=False)
        number = numbers.setdefault(writer, len(numbers))
        challenge = () if message.target != b"/challenge" else (b"WWW-Authenticate: NTLM",)
        writer.write(ok(b"%d" % number, *challenge))

    one.upstream.answering = answering
    return one


async def served_by(client, request) -> bytes:
    answer = await client.ask(request)
    assert answer.status == 200
    return answer.body


@pytest.mark.parametrize("start", ["asked for", "challenged"])
async def test_same_session_keeps_its_connection(site, ask, start):
    client = await site.connect()
    first = ask(b"/", site.cookie, NTLM) if start == "asked for" else ask(b"/challenge", site.cookie)
    pinned = await served_by(client, first)
    other = await site.connect()
    assert await served_by(other, ask(b"/", site.cookie)) != pinned
    for number in range(3):
        assert await served_by(client, ask(b"/%d" % number, site.cookie)) == pinned
        assert (
            await served_by(client, ask(b"/", site.cookie, b"Content-Length: 1\r\n", method=b"POST", body=b"x"))
            == pinned
        )


async def test_renewed_session_keeps_its_connection(site, ask):
    client = await site.connect()
    pinned = await served_by(client, ask(b"/", site.cookie, NTLM))
    renewed = replace(site.session, token_end=site.session.token_end + 3600)
    site.sessions.known["alice"] = Live(renewed, from_store=False)
    assert await served_by(client, ask(b"/", site.cookie)) == pinned


@pytest.mark.parametrize(
    "other",
    [(b"/", BOB), (b"/", BOB, NTLM), (b"/public",), (b"/public", b"Cookie: claims-session=alice\r\n")],
    ids=["another session", "another session that authenticates", "nobody", "an anonymous path"],
)
async def test_another_session_never_gets_the_connection(site, ask, other):
    client = await site.connect()
    pinned = await served_by(client, ask(b"/", site.cookie, NTLM))
    target, *lines = other
    assert await served_by(client, ask(target, *lines)) != pinned
    # It is closed, so that nobody gets it, its former owner included.
    assert await served_by(client, ask(b"/", site.cookie)) != pinned
    assert not any(
        connection.authenticated and connection.owner.session == "hash"
        for connection in site.pools["contoso"]._connections
    )


async def test_connection_of_an_anonymous_path_is_not_a_sessions(site, ask):
    client = await site.connect()
    pinned = await served_by(client, ask(b"/public", NTLM))
    assert await served_by(client, ask(b"/public")) == pinned
    assert await served_by(client, ask(b"/", site.cookie)) != pinned


@pytest.mark.parametrize("reason", [EndReason.SIGNED_OUT, EndReason.REVOKED, EndReason.SESSION_TIMEOUT])
async def test_end_of_the_session_closes_the_connection(site, ask, reason):
    client = await site.connect()
    pinned = await served_by(client, ask(b"/", site.cookie, NTLM))
    site.sessions.tell(site.session, reason)
    assert site.sessions.watchers[site.session.reference] == []
    assert not any(connection.authenticated for connection in site.pools["contoso"]._connections)
    # Whoever signs in next on the same client connection begins anew.
    assert await served_by(client, ask(b"/", BOB)) != pinned


async def test_sign_in_as_another_in_between_begins_anew(site, ask):
    """Between the two sessions the browser is nobody, and talks to endpoints of the proxy's own."""
    client = await site.connect()
    pinned = await served_by(client, ask(b"/", site.cookie, NTLM))
    assert (await client.ask(ask(b"/.claims/unknown"))).status == 404
    assert (await client.ask(ask(b"/api/data/v9.2/x", b"Accept: application/json\r\n"))).status == 401
    assert await served_by(client, ask(b"/", BOB)) != pinned


async def test_end_of_another_session_leaves_the_connection(site, ask):
    client = await site.connect()
    pinned = await served_by(client, ask(b"/", site.cookie, NTLM))
    site.sessions.tell(site.sessions.known["bob"].session, EndReason.SIGNED_OUT)
    assert await served_by(client, ask(b"/", site.cookie)) == pinned


async def test_nothing_is_watched_where_nothing_is_authenticated(site, ask):
    client = await site.connect()
    await served_by(client, ask(b"/", site.cookie))
    assert site.sessions.watchers == {}


async def test_client_that_goes_closes_the_connection(site, ask):
    client = await site.connect()
    await served_by(client, ask(b"/", site.cookie, NTLM))
    await client.close()
    again = await site.connect()
    await served_by(again, ask(b"/", site.cookie))
    assert not any(connection.authenticated for connection in site.pools["contoso"]._connections)
    assert site.sessions.watchers[site.session.reference] == []


async def test_identity_follows_the_cookie_on_one_connection(site, ask):
    """Nothing that is remembered of a client connection carries one session's decision to another's request."""
    bob = site.sessions.known["bob"].session
    named = replace(bob, principal=replace(bob.principal, upn="bob@contoso.com", key="default:bob"))
    site.sessions.known["bob"] = Live(named, from_store=False)
    client = await site.connect()
    people = {site.cookie: b"alice@contoso.com", BOB: b"bob@contoso.com"}
    for cookie in [site.cookie, BOB] * 3 + [BOB, site.cookie, site.cookie]:
        await served_by(client, ask(b"/same", cookie))
        assert site.upstream.requests[-1].value("X-Forwarded-User") == people[cookie]
    del site.sessions.known["alice"]
    assert (await client.ask(ask(b"/same", site.cookie))).status in {302, 401}
    await served_by(client, ask(b"/same", BOB))
    assert site.upstream.requests[-1].value("X-Forwarded-User") == people[BOB]
