"""A form that is posted after the session ended: kept for its user and sent on, or left in the browser and said so."""

import hashlib
import io
from urllib.parse import quote

import pytest
from markupsafe import escape
from structlog.testing import capture_logs

from proxy.demo.crm import crm_application
from proxy.pages.texts import ENGLISH, Page
from support.browser import Browser
from support.ports import free_port
from support.world import World, custom, served

MINUTE = 60.0
SECRET = "what nobody else may read"
MIB = 1 << 20
TOKEN = "claims-held-form"


class Clerk:
    """Somebody with a form open, whose session ends before it is sent."""

    def __init__(self, world: World, browser: Browser, clock) -> None:
        self.world, self.browser, self.clock = world, browser, clock

    async def posts(self, path="/upload", data=b"a=1", media="application/x-www-form-urlencoded", **headers):
        """A form's navigation, as a page of the application begins it."""
        browser, target = self.browser, self.world.url(path)
        page = browser.page
        sent = browser._navigation_headers("POST", [browser._absolute(target)], page, True)
        sent["Origin"] = self.world.url("")
        sent["Content-Type"] = media
        for name, value in headers.items():
            sent.popall(name.replace("_", "-"), None)
            if value is not None:
                sent[name.replace("_", "-")] = value
        body = io.BytesIO(data) if isinstance(data, bytes) else data
        return await browser._exchange("POST", browser._absolute(target), sent, body)

    async def comes_back(self, login="alice"):
        """Sign in, two seconds later, by the address that the kept form led to."""
        self.clock.advance(2)
        address = f"/.claims/sign-in?return={quote('/.claims/held-form')}"
        return await self.browser.sign_in(self.world.url(address), login)


@pytest.fixture
async def clerk(world, browser, clock, state):
    """`await clerk(**keys)`: alice, signed in; `idle=False`: still, with time left."""

    async def make(*, idle=True, **keys) -> Clerk:
        limits = custom(inactivity=15)
        one = await world(state=state, **(limits | keys))
        await browser.sign_in(one.url("/headers"))
        if idle:
            clock.advance(15 * MINUTE)
        return Clerk(one, browser, clock)

    return make


def shows(answer, page: Page) -> bool:
    text = ENGLISH.pages[page]
    return all(str(escape(part)) in answer.text for part in (text.title, text.happened))


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def test_a_form_is_kept_through_the_sign_in_and_sent_on_as_it_was(clerk):
    one = await clerk()
    body = b"text=" + SECRET.replace(" ", "+").encode() + b"&odd=%00%zz&text=again"
    kept = await one.posts("/upload?step=2", body)
    assert (kept.status, kept.location) == (303, "/.claims/sign-in?return=/.claims/held-form")
    offer = await one.comes_back()
    assert shows(offer, Page.FORM_KEPT)
    assert SECRET not in offer.text
    assert "/upload" in offer.text
    sent = await one.browser.submit(offer.forms[0])
    assert (sent.status, sent.url.path_qs) == (200, "/upload?step=2")
    assert sent.json() == {"bytes": len(body), "sha256": digest(body)} | sent.json()


async def test_files_are_sent_on_byte_by_byte(clerk):
    one = await clerk()
    body = (
        b'--x\r\nContent-Disposition: form-data; name="f"; filename="a.bin"\r\n\r\n'
        + bytes(range(256))
        + b"\r\n--x--\r\n"
    )
    await one.posts("/upload", body, "multipart/form-data; boundary=x")
    sent = await one.browser.submit((await one.comes_back()).forms[0])
    assert sent.json()["sha256"] == digest(body)


async def test_the_application_sees_the_media_type_of_the_form_and_nothing_of_ours(clerk):
    one = await clerk()
    await one.posts("/echo", b"subject=Renewal", "application/x-www-form-urlencoded; charset=utf-8")
    sent = await one.browser.submit((await one.comes_back()).forms[0])
    assert "Renewal" in sent.text
    assert TOKEN not in sent.text


async def test_a_session_that_ended_before_counts_like_one_that_ends_now(clerk):
    one = await clerk()
    assert (await one.browser.fetch(one.world.url("/headers"))).status == 401
    assert (await one.posts()).status == 303


async def test_it_is_sent_on_once(clerk):
    one = await clerk()
    await one.posts()
    offer = await one.comes_back()
    assert (await one.browser.submit(offer.forms[0])).status == 200
    again = await one.browser.submit(offer.forms[0])
    assert (again.status, shows(again, Page.FORM_GONE)) == (409, True)
    assert shows(await one.browser.open(one.world.url("/.claims/held-form")), Page.FORM_GONE)


async def test_the_latest_of_two_is_the_one_that_is_kept(clerk):
    one = await clerk()
    await one.posts(data=b"first=1")
    await one.posts(data=b"second=22")
    sent = await one.browser.submit((await one.comes_back()).forms[0])
    assert sent.json()["sha256"] == digest(b"second=22")


async def test_it_can_be_left(clerk):
    one = await clerk()
    await one.posts()
    offer = await one.comes_back()
    left = await one.browser.submit(offer.forms[1])
    assert left.url.path == "/main.aspx"
    assert one.browser.cookie("claims-held") is None
    assert shows(await one.browser.open(one.world.url("/.claims/held-form")), Page.FORM_GONE)


@pytest.mark.parametrize(("minutes", "page"), [(9.9, Page.FORM_KEPT), (10, Page.FORM_GONE)])
async def test_ten_minutes_is_how_long(clerk, clock, minutes, page):
    one = await clerk()
    await one.posts()
    clock.advance(minutes * MINUTE - 2)
    assert shows(await one.comes_back(), page)


async def test_an_offer_that_has_lapsed_sends_nothing_to_the_application(clerk, clock):
    one = await clerk()
    await one.posts()
    offer = await one.comes_back()
    assert int(offer.headers["Refresh"]) <= 600
    clock.advance(10 * MINUTE)
    late = await one.browser.submit(offer.forms[0])
    assert (late.status, shows(late, Page.FORM_GONE)) == (409, True)


async def test_another_user_neither_sees_nor_sends_it_and_it_is_deleted(clerk):
    one = await clerk()
    await one.posts("/upload?" + quote(SECRET))
    other = await one.comes_back("bob")
    assert (other.status, shows(other, Page.FORM_OF_ANOTHER)) == (403, True)
    assert "/upload" not in other.text
    assert one.browser.cookie("claims-held") is None
    assert shows(await one.browser.open(one.world.url("/.claims/held-form")), Page.FORM_GONE)


async def test_a_token_of_one_session_is_of_no_use_in_another(clerk):
    one = await clerk()
    await one.posts()
    offer = await one.comes_back()
    await one.browser.fetch(one.world.url("/.claims/sign-out"), "POST", headers={"Origin": one.world.url("")})
    one.clock.advance(2)
    await one.browser.sign_in(one.world.url("/headers"))
    sent = await one.browser.submit(offer.forms[0])
    assert (sent.status, shows(sent, Page.FORM_GONE)) == (409, True)
    good = await one.browser.open(one.world.url("/.claims/held-form"))
    assert (await one.browser.submit(good.forms[0])).status == 200


async def test_it_is_offered_in_no_other_browser(clerk):
    one = await clerk()
    await one.posts()
    one.clock.advance(2)
    async with Browser() as elsewhere:
        await elsewhere.sign_in(one.world.url("/headers"))
        assert shows(await elsewhere.open(one.world.url("/.claims/held-form")), Page.FORM_GONE)


FORMS = "application/x-www-form-urlencoded"
NOT_KEPT = [
    ({"Origin": "https://evil.example"}, Page.FORM_NOT_KEPT),
    ({"Origin": "null"}, Page.FORM_NOT_KEPT),
    ({"Origin": None}, Page.FORM_NOT_KEPT),
    ({"media": "text/plain"}, Page.FORM_NOT_KEPT),
    ({"media": "application/json"}, Page.FORM_NOT_KEPT),
    ({"data": b"a=" + b"x" * (MIB - 1)}, Page.FORM_TOO_LARGE),
    ({"data": b"a=" + b"x" * (MIB - 2)}, None),
    ({}, None),
]


@pytest.mark.parametrize(("changes", "page"), NOT_KEPT)
async def test_what_is_kept_and_what_is_not(clerk, changes, page):
    one = await clerk()
    answer = await one.posts(**changes)
    if page is None:
        assert answer.status == 303
        return
    assert (answer.status, shows(answer, page)) == (401, True)
    assert "Back" in answer.text
    assert not answer.set_cookies
    assert shows(await one.comes_back(), Page.FORM_GONE)


async def test_a_body_without_a_length_is_counted(clerk):
    async def pieces(size):
        yield b"a="
        yield b"x" * (size - 2)

    one = await clerk()
    assert (await one.posts(data=pieces(MIB))).status == 303
    answer = await one.posts(data=pieces(MIB + 1))
    assert (answer.status, shows(answer, Page.FORM_TOO_LARGE)) == (401, True)


@pytest.mark.parametrize(("budget", "page"), [(0, Page.FORM_NOT_KEPT), (1, Page.FORM_NO_ROOM), (2, None)])
async def test_all_that_is_kept_has_a_bound(clerk, budget, page):
    one = await clerk(sessions={"held_forms": budget})
    answer = await one.posts(data=b"a=" + b"x" * (MIB - 100))
    assert (answer.status == 303) if page is None else shows(answer, page)


async def test_without_a_session_that_ended_nothing_is_kept(clerk):
    one = await clerk()
    one.browser.forget("claims-session")
    answer = await one.posts()
    assert (answer.status, shows(answer, Page.FORM_NOT_KEPT)) == (401, True)


async def test_a_script_s_post_is_challenged_as_ever(clerk):
    one = await clerk()
    answer = await one.posts(Sec_Fetch_Mode="cors", Sec_Fetch_Dest="empty", Accept="*/*")
    assert (answer.status, answer.headers["Content-Type"].partition(";")[0]) == (401, "application/json")


async def test_a_cookie_in_another_browser_s_hands_has_nothing_kept(clerk):
    one = await clerk(idle=False, **custom(nonce=True))
    one.browser.forget("claims-nonce")
    answer = await one.posts()
    assert (answer.status, shows(answer, Page.FORM_NOT_KEPT)) == (401, True)


async def test_nothing_of_it_is_logged(clerk):
    one = await clerk()
    with capture_logs() as logs:
        await one.posts("/upload?" + quote(SECRET), b"text=" + SECRET.encode())
        offer = await one.comes_back()
        await one.browser.submit(offer.forms[0])
    assert {"form_kept", "form_sent_on"} <= {line["event"] for line in logs}
    assert SECRET not in repr(logs)
    assert quote(SECRET) not in repr(logs)
    assert offer.forms[0].fields[TOKEN] not in repr(logs)


async def test_a_form_of_the_application_s_own_that_is_as_small_passes(clerk):
    one = await clerk()
    await one.posts()
    await one.comes_back()
    one.browser.page = await one.browser.open(one.world.url("/headers"))
    answer = await one.posts(data=b"a=1")
    assert (answer.status, answer.text.count(digest(b"a=1"))) == (200, 1)


async def test_an_application_that_cannot_be_reached_gets_it_when_it_can(clerk, clock):
    port = free_port()
    limits = custom(inactivity=15)
    one = await clerk(organization={"upstream": f"http://127.0.0.1:{port}", **limits["organization"]})
    await one.posts()
    offer = await one.comes_back()
    assert (await one.browser.submit(offer.forms[0])).status == 502
    async with served(crm_application(clock), port):
        offer = await one.browser.open(one.world.url("/.claims/held-form"))
        assert (await one.browser.submit(offer.forms[0])).json()["sha256"] == digest(b"a=1")


async def test_a_form_in_a_frame_leads_out_of_it_to_the_same_offer(clerk):
    one = await clerk()
    kept = await one.posts(Sec_Fetch_Dest="iframe")
    assert (kept.status, kept.location) == (303, "/.claims/sign-in?return=/.claims/held-form")
    assert shows(await one.comes_back(), Page.FORM_KEPT)


async def test_organizations_on_one_host_keep_their_forms_apart(world, browser, clock, state):
    limits = custom(inactivity=15)
    system = limits.pop("organization")
    organizations = [
        {"name": name, "path": f"/{name}", "hosts": ["127.0.0.1"], "upstream": "http://127.0.0.1:9", **system}
        for name in ("contoso", "fabrikam")
    ]
    one = await world(state=state, organizations=organizations, **limits)
    await browser.sign_in(one.url("/contoso/headers"))
    clock.advance(15 * MINUTE)
    clerk = Clerk(one, browser, clock)
    kept = await clerk.posts("/contoso/upload")
    assert kept.location == "/contoso/.claims/sign-in?return=/contoso/.claims/held-form"
    clock.advance(2)
    offer = await browser.sign_in(one.url(kept.location))
    assert shows(offer, Page.FORM_KEPT)
    await browser.sign_in(one.url("/fabrikam/headers"))
    assert shows(await browser.open(one.url("/fabrikam/.claims/held-form")), Page.FORM_GONE)
    assert offer.forms[0].action == "/contoso/upload"
