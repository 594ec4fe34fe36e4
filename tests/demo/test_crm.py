"""The small CRM: its addresses answer, and it shows what reached it."""

import asyncio
import hashlib
import io
from html.parser import HTMLParser

import aiohttp
import pytest

from proxy.demo.crm import crm_application
from support.patience import HANG

ALICE = {"X-Forwarded-User": "alice@contoso.com", "X-Claims-Name": "Alice Ng", "X-Forwarded-Groups": "Sales,EU%2CWest"}


class Links(HTMLParser):
    """Every address that a page names."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, _tag, attrs):
        self.found += [value for name, value in attrs if name in {"href", "src", "action"}]


@pytest.fixture
async def crm(clock, serving):
    runner, base = await serving(crm_application(clock, tick=0.01))
    async with aiohttp.ClientSession(base) as session:
        yield session
    await runner.cleanup()


async def test_the_application_page_names_the_person_and_loads_nothing_from_elsewhere(crm):
    async with crm.get("/main.aspx", headers=ALICE) as response:
        text = await response.text()
        assert response.content_type == "text/html"
    assert "Alice Ng" in text
    assert ">AN<" in text
    assert "Sales, EU,West" in text
    links = Links(text).found
    assert all(link.startswith("/") and not link.startswith("//") for link in links)
    for link in links:
        if not link.startswith(("/.claims/", "/slow", "/echo")):
            async with crm.get(link) as response:
                assert response.status == 200, link


async def test_a_hostile_name_is_text(crm):
    hostile = {"X-Forwarded-User": "%3Cscript%3Ealert(1)%3C/script%3E"}
    for path in ("/main.aspx", "/headers", "/WebResources/ClientGlobalContext.js.aspx"):
        async with crm.get(path, headers=hostile) as response:
            assert "<script>alert" not in await response.text()
    async with crm.post("/echo", data={"<b>": "<i>"}) as response:
        text = await response.text()
    assert "&lt;b&gt;" in text
    assert "<i>" not in text


async def test_the_root_leads_to_the_application(crm):
    async with crm.get("/", allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (302, "/main.aspx")


async def test_web_api_lists_accounts_and_tells_who_asks(crm):
    async with crm.get("/api/data/v9.2/accounts") as response:
        accounts = (await response.json())["value"]
        assert response.headers["OData-Version"] == "4.0"
    assert len(accounts) == 8
    assert {"accountid", "name", "primarycontactname", "address1_city", "telephone1", "revenue"} <= set(accounts[0])
    users = set()
    for headers in (ALICE, {"X-Forwarded-User": "bob@contoso.com"}):
        async with crm.get("/api/data/v9.2/WhoAmI", headers=headers) as response:
            users.add((await response.json())["UserId"])
    assert len(users) == 2


async def test_the_organization_service_answers_envelopes(crm):
    async with crm.get("/XRMServices/2011/Organization.svc") as response:
        assert "OrganizationService" in await response.text()
    async with crm.post("/XRMServices/2011/Organization.svc", data=b"<s:Envelope/>") as response:
        assert response.content_type == "text/xml"
        assert "13 bytes received" in await response.text()


async def test_web_resources_have_their_types(crm):
    types = {
        "ClientGlobalContext.js.aspx": "text/javascript",
        "polling.html": "text/html",
        "contoso/polling.js": "text/javascript",
        "contoso/crm.css": "text/css",
    }
    for path, content_type in types.items():
        async with crm.get(f"/WebResources/{path}", headers=ALICE) as response:
            assert (response.status, response.content_type) == (200, content_type)
    async with crm.get("/WebResources/contoso/other.js") as response:
        assert response.status == 404


async def test_a_form_is_shown_as_it_came(crm):
    async with crm.post("/echo", data={"subject": "Ünïcode & more"}) as response:
        assert "Ünïcode &amp; more" in await response.text()


async def test_headers_are_shown_as_table_and_as_json(crm):
    headers = [("X-One", "1"), ("X-One", "2")]
    async with crm.get("/headers", headers=headers) as response:
        assert "<td><code>X-One</code></td>" in await response.text()
    async with crm.get("/headers?a=%26", headers=[*headers, ("Accept", "application/json")]) as response:
        seen = await response.json()
    assert [pair for pair in seen["headers"] if pair[0] == "X-One"] == [["X-One", "1"], ["X-One", "2"]]
    assert (seen["method"], seen["target"]) == ("GET", "/headers?a=%26")


@pytest.mark.parametrize("count", [0, 1, 65536, 200_001])
async def test_a_download_has_the_length_that_was_asked_for(crm, count):
    async with crm.get(f"/download?bytes={count}") as response:
        body = await response.read()
        assert response.headers["Content-Length"] == str(count)
    assert body == (bytes(range(256)) * (count // 256 + 1))[:count]


async def test_an_upload_is_counted_and_hashed(crm):
    body = b"x" * 3_000_000
    async with crm.post("/upload", data=io.BytesIO(body)) as response:
        assert await response.json() == {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}


@pytest.mark.parametrize(
    "path",
    [
        "/download?bytes=-1",
        "/download?bytes=1e3",
        "/download?bytes=" + "9" * 5000,
        "/slow?seconds=601",
        "/slow?seconds=x",
    ],
)
async def test_senseless_numbers_are_refused_with_the_bounds(crm, path):
    async with crm.get(path) as response:
        assert response.status == 400
        assert "from 0 to" in await response.text()


async def test_a_slow_answer_comes(crm):
    async with crm.get("/slow?seconds=0.01") as response:
        assert await response.text() == "answered after 0.01 s\n"


async def test_the_socket_echoes_and_ticks(crm):
    async with crm.ws_connect("/live") as socket:
        assert (await socket.receive_str()) == "tick 14:13:20"
        await socket.send_str("hello")
        await socket.send_bytes(b"\x00")
        seen = set()
        while not {"echo hello", b"\x00", "tick 14:13:20"} <= seen:
            seen.add((await socket.receive(timeout=HANG)).data)


async def test_events_tick(crm):
    async with crm.get("/events") as response:
        assert response.content_type == "text/event-stream"
        first = await response.content.readuntil(b"\n\n")
        second = await response.content.readuntil(b"\n\n")
    assert first == b"id: 1\nevent: tick\ndata: 14:13:20\n\n"
    assert second.startswith(b"id: 2\n")


async def test_shutdown_ends_what_is_open(clock, serving):
    runner, base = await serving(crm_application(clock, tick=60))
    async with aiohttp.ClientSession(base) as session, session.ws_connect("/live") as socket:
        assert (await socket.receive_str()).startswith("tick")
        async with session.get("/events") as events:
            await events.content.readuntil(b"\n\n")
            stopping = asyncio.create_task(runner.cleanup())
            assert await events.content.read() == b""
            assert (await socket.receive(timeout=HANG)).data == 1001
            await asyncio.wait_for(stopping, HANG)
