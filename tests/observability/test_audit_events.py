"""What causes each audit event, what it then says, and that `docs/audit.md` and its schema say the same."""

import asyncio
import contextlib
import json
import re
from pathlib import Path

import aiohttp
import pytest
from jsonschema import Draft202012Validator
from structlog.testing import capture_logs

from proxy.cli.sessions import Whose, _revoke
from proxy.configuration import load
from proxy.observability.audit import SCHEMA_VERSION, AuditEvent
from support.patience import HANG
from support.trail import REFERENCE, SCHEMA, Trail, by_alice
from support.world import custom

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "audit.md").read_text()
SECTIONS = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL))
EVERY_LINE = PAGE.partition("## Events")[0]
ROWS = re.compile(r"^\| `(\w+)` \| (\w+) \|", re.MULTILINE)
VARIANTS = {each["properties"]["event"]["const"]: each for each in SCHEMA["oneOf"]}
MINUTE = 60.0


def type_of(definition: dict[str, object]) -> str:
    if "const" in definition:
        return "integer" if isinstance(definition["const"], int) else "string"
    return str(definition.get("type", "string"))


@pytest.fixture
def trail():
    with capture_logs() as lines:
        yield Trail(lines)


async def test_signing_in_and_out(world, browser, trail):
    one = await world()
    await browser.sign_in(one.url("/main.aspx"), "alice")
    signed_in = trail.only("signed_in")
    assert by_alice(signed_in, "")
    assert signed_in["client_kind"] == "browser"
    await browser.open(one.url("/.claims/sign-out"))
    await browser.submit()
    signed_out = trail.only("signed_out")
    assert by_alice(signed_out, "signed_out")
    assert signed_out["session"] == signed_in["session"]
    assert signed_out["reference"] != signed_in["reference"]


@pytest.mark.parametrize(
    "limit",
    [
        (custom(session=60), 60, "session_timeout"),
        (custom(inactivity=15), 15, "inactivity_timeout"),
        ({}, 60, "token_lifetime"),
    ],
    ids=lambda limit: limit[2],
)
async def test_a_limit_that_is_reached_is_recorded_once_however_many_find_it(world, browser, clock, trail, limit):
    limits, after, reason = limit
    one = await world(**limits)
    signed_in_at = clock()
    await browser.sign_in(one.url("/main.aspx"), "alice")
    clock.advance(after * MINUTE)
    answers = await asyncio.gather(*(browser.fetch(one.url("/api/data/v9.2/WhoAmI")) for _ in range(8)))
    assert {answer.status for answer in answers} == {401}
    expired = trail.only("session_expired")
    assert by_alice(expired, reason)
    assert expired["session"] == trail.only("signed_in")["session"]
    assert expired["limit_at"] == signed_in_at + after * MINUTE
    assert expired["reference"] in {answer.json()["reference"] for answer in answers}


async def test_a_limit_that_an_open_socket_reaches_names_who_opened_it(world, browser, clock, trail):
    one = await world(**custom(session=60))
    await browser.sign_in(one.url("/main.aspx"), "alice")
    headers = {"Cookie": f"claims-session={browser.cookie('claims-session')}", "Origin": one.url("")}
    async with aiohttp.ClientSession() as client, client.ws_connect(one.url("/live"), headers=headers) as socket:
        clock.advance(60 * MINUTE)
        async with asyncio.timeout(HANG):
            while (await socket.receive()).type is not aiohttp.WSMsgType.CLOSE:
                pass
    expired = trail.only("session_expired")
    assert by_alice(expired, "session_timeout")
    assert expired["reference"] != trail.only("signed_in")["reference"]


@pytest.mark.parametrize(
    ("query", "form"),
    [
        ("?state=made-up&code=made-up", None),
        ("?state=a&state=b", None),
        ("", (("state", "a"), ("state", "b"))),
    ],
)
async def test_an_answer_to_no_sign_in_of_ours(world, browser, trail, query, form):
    one = await world()
    answer = await browser.fetch(one.url(f"/.claims/callback{query}"), "POST" if form else "GET", data=form)
    assert answer.status == 400
    refused = trail.only("sign_in_refused")
    assert refused["reason"] == ("state_unknown" if "made-up" in query else "bad_request")
    assert (refused["principal"], refused["client_address"]) == ("", "127.0.0.1")
    assert refused["reference"] in answer.text


async def test_a_sign_in_that_another_browser_began(world, browser, other_browser, trail):
    one = await world()
    await browser.sign_in(one.url("/main.aspx"), "alice")
    (answered,) = [hop.url for hop in browser.hops if "/.claims/callback" in str(hop.url)]
    await other_browser.open(answered)
    refused = trail.only("sign_in_refused")
    assert (refused["organization"], refused["reason"]) == ("contoso", "other_browser")
    assert len(trail.of("signed_in")) == 1


async def test_a_sign_in_without_the_credentials_that_are_owed_names_who_owes_them(world, browser, clock, trail):
    one = await world(**custom(session=60))
    await browser.sign_in(one.url("/main.aspx"), "alice")
    clock.advance(60 * MINUTE)
    await browser.fetch(one.url("/api/data/v9.2/WhoAmI"))
    browser.forget("claims-session")
    clock.advance(1)
    page = await browser.open(one.url("/main.aspx"))
    # Asked for them, the browser makes the provider answer from its own session.
    await browser.open(page.url.without_query_params("prompt", "max_age"))
    refused = trail.of("sign_in_refused")
    assert [event["reason"] for event in refused] == ["credentials_owed"]
    assert by_alice(refused[0], "credentials_owed")


async def test_a_rule_that_is_not_met(world, browser, trail):
    one = await world(organization={"require": [{"claim": "group", "values": "Service"}]})
    page = await browser.sign_in(one.url("/main.aspx?x=1"), "alice")
    assert page.status == 403
    refused = trail.only("refused")
    assert by_alice(refused, "no_access")
    assert (refused["method"], refused["path"]) == ("GET", "/main.aspx")
    assert refused["reference"] in page.text


async def test_a_rule_that_is_met_is_no_event(world, browser, trail):
    one = await world(organization={"require": [{"claim": "group", "values": "Service"}]})
    assert (await browser.sign_in(one.url("/main.aspx?x=1"), "bob")).status == 200
    assert trail.of("refused") == []


async def test_a_bearer_token_that_breaks_a_rule(world, browser, trail):
    one = await world()
    answer = await browser.fetch(one.url("/api/data/v9.2/WhoAmI"), headers={"Authorization": "Bearer made-up"})
    assert answer.status == 401
    refused = trail.only("refused")
    assert (refused["reason"], refused["principal"]) == ("bearer_refused", "")
    assert refused["rule"]
    assert "made-up" not in json.dumps(refused)


async def test_that_nobody_is_signed_in_is_no_event(world, browser, trail):
    one = await world()
    assert (await browser.fetch(one.url("/api/data/v9.2/WhoAmI"))).status == 401
    assert trail.events == []


async def test_a_session_that_an_administrator_revokes(world, browser, redis_url, trail):
    one = await world(state=redis_url)
    await browser.sign_in(one.url("/main.aspx"), "alice")
    deployment = load(one.write_configuration(1), {})
    await _revoke(deployment, None, Whose("alice@contoso.com"), "", as_json=False)
    with contextlib.suppress(SystemExit):
        await _revoke(deployment, None, Whose("alice@contoso.com"), "", as_json=False)
    revoked = trail.only("session_revoked")
    assert (revoked["principal"], revoked["reason"], revoked["client_address"]) == ("alice@contoso.com", "revoked", "")
    assert revoked["session"] == trail.only("signed_in")["session"]
    assert REFERENCE.fullmatch(revoked["reference"])
    assert revoked["by"]


async def test_revoking_writes_to_the_audit_file(world, browser, redis_url, tmp_path):
    path = tmp_path / "audit.jsonl"
    one = await world(state=redis_url, observability={"audit_file": str(path)})
    await browser.sign_in(one.url("/main.aspx"), "alice")
    await _revoke(load(one.write_configuration(1), {}), None, Whose("alice@contoso.com"), "", as_json=False)
    events = [json.loads(line) for line in path.read_bytes().splitlines()]
    revoked = [event for event in events if event["event"] == "session_revoked"]
    assert len(revoked) == 1
    Draft202012Validator(SCHEMA).validate(revoked[0])


def test_the_schema_is_one_and_of_this_version():
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"]["audit"]["const"] == SCHEMA_VERSION
    assert f"Version {SCHEMA_VERSION}." in PAGE


def test_the_schema_and_the_page_know_every_event_and_no_other():
    assert set(SCHEMA["properties"]["event"]["enum"]) == set(VARIANTS) == set(SECTIONS) == set(AuditEvent)


def test_the_page_lists_the_fields_of_every_line_with_their_types():
    assert dict(ROWS.findall(EVERY_LINE)) == {name: type_of(SCHEMA["properties"][name]) for name in SCHEMA["required"]}
    for name in SCHEMA["properties"]:
        assert f"`{name}`" in EVERY_LINE


@pytest.mark.parametrize("event", list(AuditEvent))
def test_the_page_lists_an_event_s_facts_with_their_types(event):
    facts = {
        name: type_of(definition)
        for name, definition in VARIANTS[event]["properties"].items()
        if name not in SCHEMA["properties"]
    }
    assert dict(ROWS.findall(SECTIONS[event])) == facts


@pytest.mark.parametrize("event", list(AuditEvent))
def test_the_page_names_every_reason_and_kind_that_the_schema_lists(event):
    for definition in VARIANTS[event]["properties"].values():
        for word in definition.get("enum", ()):
            assert f"`{word}`" in SECTIONS[event]


@pytest.mark.parametrize("event", list(AuditEvent))
def test_the_page_s_example_is_valid(event):
    (example,) = re.findall(r"```json\n(.*?)```", SECTIONS[event], re.DOTALL)
    Draft202012Validator(SCHEMA).validate(json.loads(example))
    assert json.loads(example)["event"] == event


@pytest.mark.parametrize(
    "change",
    [
        {"event": "made_up"},
        {"audit": 2},
        {"extra": 1},
        {"session": None},
        {"at": "2026-03-02 16:30:01"},
        {"reference": "lower"},
        {"reason": "Signed out"},
    ],
)
def test_the_schema_refuses_what_the_page_does_not_say(change):
    (example,) = re.findall(r"```json\n(.*?)```", SECTIONS["signed_out"], re.DOTALL)
    validator = Draft202012Validator(SCHEMA)
    event = json.loads(example)
    assert validator.is_valid(event)
    assert not validator.is_valid({name: value for name, value in (event | change).items() if value is not None})
