"""The way of a request: who decides what, and what is asked of whom."""

import json
from dataclasses import replace

import pytest
import structlog
from aiohttp import web

from proxy.errors import StoreUnavailable
from proxy.model.deployment import Listen
from proxy.model.organization import AccessRule, Organization
from proxy.model.session import BearerRefused, CannotTell, Ended, EndReason, Live, Tombstone
from proxy.model.settings import TimeRules

IDLE = TimeRules(inactivity=900.0, inactivity_reminder=60.0)
NAVIGATION = b"Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\nSec-Fetch-User: ?1\r\n"
FRAMED = b"Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n"


async def test_a_live_session_passes_and_a_strange_cookie_does_not(stage, ask):
    one = await stage()
    client = await one.connect()
    assert (await client.ask(ask(b"/api/data/v9.2/WhoAmI", one.cookie))).status == 200
    answer = await client.ask(ask(b"/api/data/v9.2/WhoAmI", b"Cookie: claims-session=bob\r\n"))
    assert (answer.status, json.loads(answer.body)["error"]) == (401, "no_session")
    assert len(one.upstream.requests) == 1


async def test_a_navigation_counts_as_activity_and_a_background_call_does_not(stage, ask, clock):
    one = await stage(rules=IDLE)
    client = await one.connect()
    await client.ask(ask(b"/api/data/v9.2/WhoAmI", one.cookie))
    assert one.sessions.active == []
    await client.ask(ask(b"/main.aspx", one.cookie, NAVIGATION))
    assert one.sessions.active == [(one.session, clock())]


async def test_an_idle_session_is_ended_only_after_the_store_was_asked(stage, ask, clock):
    one = await stage(rules=IDLE)
    client = await one.connect()
    clock.advance(900)
    one.sessions.stored["alice"] = Live(replace(one.session, last_activity=clock() - 1), from_store=True)
    assert (await client.ask(ask(b"/api/data/v9.2/WhoAmI", one.cookie))).status == 200
    assert one.sessions.asked_store == 1
    one.sessions.stored["alice"] = Live(one.session, from_store=True)
    answer = await client.ask(ask(b"/api/data/v9.2/WhoAmI", one.cookie))
    assert (answer.status, json.loads(answer.body)["error"]) == (401, "inactivity_timeout")
    [(ended, ending)] = one.sessions.ended
    assert (ended, ending.reason, ending.at) == (one.session, EndReason.INACTIVITY_TIMEOUT, clock())


async def test_the_token_s_end_needs_no_second_look(stage, ask, clock):
    one = await stage()
    client = await one.connect()
    clock.advance(3599)
    assert (await client.ask(ask(b"/api/data/v9.2/WhoAmI", one.cookie))).status == 200
    clock.advance(1)
    with structlog.testing.capture_logs() as logs:
        answer = await client.ask(ask(b"/api/data/v9.2/WhoAmI", one.cookie))
    assert (answer.status, json.loads(answer.body)["error"]) == (401, "token_lifetime")
    assert one.sessions.asked_store == 0
    [expired] = [line for line in logs if line["event"] == "session_expired"]
    assert (expired["principal"], expired["reason"]) == ("alice@contoso.com", "token_lifetime")


async def test_an_unreachable_store_signs_nobody_out(stage, ask, clock):
    one = await stage(rules=IDLE)
    client = await one.connect()
    one.sessions.known["bob"] = CannotTell()
    for cookie in (b"bob", b"alice"):
        answer = await client.ask(ask(b"/api/data/v9.2/WhoAmI", b"Cookie: claims-session=%b\r\n" % cookie))
        assert answer.status == (503 if cookie == b"bob" else 200)
    page = await client.ask(ask(b"/main.aspx", NAVIGATION, b"Cookie: claims-session=bob\r\n"))
    assert (page.status, page.value("Retry-After"), page.values("Set-Cookie")) == (503, b"5", [])
    assert b"not been signed out" in page.body

    clock.advance(900)
    one.sessions.stored["alice"] = CannotTell()
    assert (await client.ask(ask(b"/api/data/v9.2/WhoAmI", one.cookie))).status == 503
    one.sessions.stored["alice"] = Live(one.session, from_store=True)
    one.sessions.store_down = True
    assert (await client.ask(ask(b"/api/data/v9.2/WhoAmI", one.cookie))).status == 503
    assert len(one.upstream.requests) == 1


async def test_a_bearer_token_outranks_any_cookie(stage, ask, clock):
    one = await stage()
    one.bearers["good"] = Live(replace(one.session, reference=None), from_store=False)
    client = await one.connect()
    good, bad = b"Authorization: Bearer good\r\n", b"Authorization: bearer bad\r\n"
    assert (await client.ask(ask(b"/api/data/v9.2/WhoAmI", good))).status == 200
    answer = await client.ask(ask(b"/api/data/v9.2/WhoAmI", bad, one.cookie))
    assert (answer.status, json.loads(answer.body)["error"]) == (401, "bearer_refused")
    assert one.sessions.looked_up == 0
    assert (await client.ask(ask(b"/", good, good))).status == 400
    clock.advance(3600)
    client = await one.connect()
    answer = await client.ask(ask(b"/", good, NAVIGATION))
    assert (answer.status, one.sessions.ended) == (401, [])


async def test_an_anonymous_path_asks_for_no_session_and_tells_the_upstream_of_none(stage, ask):
    one = await stage(organization={"anonymous": ("/XRMServices/2011/Discovery.svc",)})
    client = await one.connect()
    for cookie in (b"", one.cookie):
        answer = await client.ask(ask(b"/XRMServices/2011/Discovery.svc", cookie, b"X-Forwarded-User: admin\r\n"))
        assert answer.status == 200
    assert [seen.values("X-Forwarded-User") for seen in one.upstream.requests] == [[], []]
    assert one.sessions.looked_up == 0
    assert (await client.ask(ask(b"/XRMServices/2011/Organization.svc"))).status == 401


async def test_who_lacks_a_claim_gets_no_further(stage, ask):
    one = await stage(organization={"require": (AccessRule("group", ("Admins",), ("/settings",)),)})
    client = await one.connect()
    assert (await client.ask(ask(b"/", one.cookie))).status == 200
    assert (await client.ask(ask(b"/settings", one.cookie))).status == 403
    assert len(one.upstream.requests) == 1


async def test_what_ended_says_why(stage, ask, clock):
    one = await stage()
    one.sessions.known["old"] = Ended(Tombstone(one.session.reference, "contoso", EndReason.SIGNED_OUT, clock()))
    client = await one.connect()
    answer = await client.ask(ask(b"/api/data/v9.2/WhoAmI", b"Cookie: claims-session=old\r\n"))
    assert (answer.status, json.loads(answer.body)["error"]) == (401, "signed_out")


async def test_our_endpoints_get_their_organization_and_are_never_forwarded(stage, ask, upstream):
    asked = []

    async def endpoint(request, facts, organization):
        asked.append((facts.path, organization and organization.name, await request.text()))
        return web.Response(text="ours")

    organizations = [
        Organization(
            name=name, id=name, hosts=("crm.contoso.com",), upstream=upstream.url, path=f"/{name}", shares_host=True
        )
        for name in ("one", "two")
    ]
    one = await stage(organizations=organizations, endpoints={"sign-in": endpoint, "callback": endpoint})
    client = await one.connect()
    for path, status in [
        (b"/one/.claims/sign-in", 200),
        (b"/two/.claims/sign-in", 200),
        (b"/.claims/callback", 200),
        (b"/.claims/sign-in", 404),
        (b"/one/.claims/unknown", 404),
        (b"/one/.claims", 404),
    ]:
        answer = await client.ask(ask(path, b"Content-Length: 2\r\n", method=b"POST", body=b"hi"))
        assert (path, answer.status) == (path, status)
    assert asked == [
        ("/one/.claims/sign-in", "one", "hi"),
        ("/two/.claims/sign-in", "two", "hi"),
        ("/.claims/callback", None, "hi"),
    ]
    assert upstream.requests == []


async def test_an_endpoint_without_its_store_answers_503(stage, ask):
    async def endpoint(_request, _facts, _organization):
        raise StoreUnavailable("away")

    one = await stage(endpoints={"session": endpoint})
    client = await one.connect()
    answer = await client.ask(ask(b"/.claims/session"))
    assert (answer.status, answer.value("Retry-After")) == (503, b"5")


async def test_a_fault_of_ours_shows_nothing_of_itself(stage, ask):
    async def endpoint(_request, _facts, _organization):
        raise RuntimeError("the secret is swordfish")

    one = await stage(endpoints={"session": endpoint})
    client = await one.connect()
    answer = await client.ask(ask(b"/.claims/session"))
    assert (answer.status, answer.value("Connection")) == (500, b"close")
    assert b"swordfish" not in answer.body
    assert b"Reference: " in answer.body


async def test_sign_in_leads_back_to_the_very_target(stage, ask):
    one = await stage()
    client = await one.connect()
    answer = await client.ask(ask(b"/main.aspx?a=1&b=%2F&c=x+y", NAVIGATION))
    assert (answer.status, answer.value("Cache-Control")) == (302, b"no-store")
    assert answer.value("Location") == b"/.claims/sign-in?return=/main.aspx%3Fa%3D1%26b%3D%252F%26c%3Dx%2By"


async def test_a_frame_gets_a_page_with_a_way_out_of_it(stage, ask):
    one = await stage()
    client = await one.connect()
    answer = await client.ask(ask(b"/form.aspx", FRAMED, b"Referer: http://crm.contoso.com/main.aspx?x=1\r\n"))
    assert answer.status == 401
    assert b"/.claims/sign-in?return=/main.aspx%3Fx%3D1" in answer.body
    answer = await client.ask(ask(b"/form.aspx", FRAMED, b"Referer: https://evil.example/\r\n"))
    assert b"/.claims/sign-in?return=/" in answer.body
    assert b"evil" not in answer.body


async def test_a_challenge_is_what_sdk_clients_read(stage, ask):
    one = await stage()
    client = await one.connect()
    answer = await client.ask(ask(b"/api/data/v9.2/WhoAmI?SDKClientVersion=9.2"))
    assert answer.value("WWW-Authenticate") == (
        b"Bearer authorization_uri=https://adfs.contoso.com/adfs/oauth2/authorize, resource_id=http://crm.contoso.com/"
    )
    body = json.loads(answer.body)
    assert body["sign_in"] == "http://crm.contoso.com/.claims/sign-in"
    assert len(body["reference"]) == 12
    assert answer.value("Cache-Control") == b"no-store"


async def test_a_trusted_proxy_says_what_the_client_used_and_nobody_else_does(stage, ask):
    from ipaddress import ip_network  # noqa: PLC0415 - one test's

    said = b"X-Forwarded-For: 198.51.100.9\r\nX-Forwarded-Proto: https\r\n"
    cookie = b"Cookie: __Host-claims-session=alice\r\n"
    trusting = await stage(listen=Listen(trusted_proxies=(ip_network("127.0.0.0/8"),)))
    client = await trusting.connect()
    assert (await client.ask(ask(b"/", said, cookie))).status == 200
    assert trusting.upstream.requests[0].values("X-Forwarded-For") == [b"198.51.100.9"]
    assert trusting.upstream.requests[0].values("X-Forwarded-Proto") == [b"https"]
    plain = await stage()
    client = await plain.connect()
    assert (await client.ask(ask(b"/", said, cookie))).status == 401


async def test_one_line_tells_of_one_request(stage, ask):
    one = await stage()
    client = await one.connect()
    with structlog.testing.capture_logs() as logs:
        await client.ask(ask(b"/main.aspx?secret=1", one.cookie, NAVIGATION))
    [line] = [line for line in logs if line["event"] == "request"]
    assert {key: line[key] for key in ("decision", "reason", "organization", "kind", "method", "path", "status")} == {
        "decision": "forward",
        "reason": "signed_in",
        "organization": "contoso",
        "kind": "navigation",
        "method": "GET",
        "path": "/main.aspx",
        "status": 200,
    }
    assert line["upstream_ms"] <= line["duration_ms"]


@pytest.mark.parametrize("lookup", [BearerRefused("x"), CannotTell()])
async def test_no_lookup_but_a_live_one_reaches_the_upstream(stage, ask, lookup):
    one = await stage()
    one.bearers["token"] = lookup
    client = await one.connect()
    answer = await client.ask(ask(b"/", b"Authorization: Bearer token\r\n"))
    assert answer.status in {401, 503}
    assert one.upstream.requests == []
