"""`events`: what a browser's open pages are told, and when, through the listener of whole proxies."""

import asyncio
import contextlib

import pytest

from proxy.browser.events import Announcements, Stream
from proxy.model.session import EndReason
from support.event_stream import listening
from support.patience import HANG
from support.ports import free_port
from support.world import custom

EVENTS = "/.claims/events"


async def sign_out(world, browser, query=""):
    page = await browser.fetch(world.url(f"/.claims/sign-out{query}"), "POST", headers={"Origin": world.url("")})
    assert page.status == 303


async def test_a_sign_out_is_told_with_its_reason_and_ends_the_stream(signed_in):
    world, browser = await signed_in()
    async with listening(world.url(EVENTS), browser) as heard:
        assert heard.response.headers["Content-Type"] == "text/event-stream"
        assert heard.response.headers["Cache-Control"] == "no-store"
        await sign_out(world, browser)
        assert await heard.event() == ("ended", {"reason": "signed_out"})
        assert await heard.is_over()


async def test_another_browser_of_the_same_user_is_told_on_another_node(signed_in, redis_url):
    world, browser = await signed_in(state=redis_url)
    port = (await world.start_proxy(free_port())).port
    async with type(browser)() as other:
        await other.sign_in(world.url("/main.aspx"), "alice")
        async with listening(f"http://127.0.0.1:{port}{EVENTS}", other) as heard:
            await sign_out(world, browser, "?everywhere")
            assert await heard.event() == ("ended", {"reason": "signed_out"})


async def test_another_users_stream_hears_nothing_of_it(signed_in):
    world, browser = await signed_in()
    async with type(browser)() as other:
        await other.sign_in(world.url("/main.aspx"), "bob")
        async with listening(world.url(EVENTS), other) as heard:
            await sign_out(world, browser, "?everywhere")
            world.proxy._lasting.announcements.changed()
            assert await heard.event() == ("changed", {})


async def test_a_limit_that_is_reached_is_told(signed_in, clock):
    world, browser = await signed_in(**custom(inactivity=15))
    async with listening(world.url(EVENTS), browser) as heard:
        clock.advance(15 * 60)
        assert await heard.event() == ("ended", {"reason": "inactivity_timeout"})


async def test_what_is_open_keeps_no_session(signed_in, clock):
    world, browser = await signed_in(inactivity={"counts": "every_request"}, **custom(inactivity=15))
    clock.advance(10 * 60)
    async with listening(world.url(EVENTS), browser):
        told = (await browser.fetch(world.url("/.claims/session"))).json()
    assert told["inactivity_ends_in"] == 5 * 60


async def test_a_configuration_taken_while_it_is_open_is_told(signed_in):
    world, browser = await signed_in()
    async with listening(world.url(EVENTS), browser) as heard:
        await world.proxy.reload(world.proxy.deployment)
        assert await heard.event() == ("changed", {})


async def test_a_stop_closes_streams_at_once(signed_in):
    world, browser = await signed_in()
    async with listening(world.url(EVENTS), browser) as heard:
        async with asyncio.timeout(HANG):
            await world.proxy._server.close(30)
        assert await heard.is_over()


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({"Origin": "https://evil.example"}, "foreign_origin"),
        ({"Origin": "null"}, "foreign_origin"),
        ({"Sec-Fetch-Site": "cross-site"}, "foreign_origin"),
        ({"Sec-Fetch-Site": "same-site"}, "foreign_origin"),
        ({"Sec-Fetch-Site": "same-origin"}, None),
    ],
)
async def test_pages_of_other_origins_open_none(signed_in, headers, error):
    world, browser = await signed_in()
    async with listening(world.url(EVENTS), browser, **headers) as heard:
        assert heard.response.status == (403 if error else 200)
        if error:
            assert (await heard.response.json())["error"] == error


async def test_who_has_no_session_gets_none(signed_in):
    world, browser = await signed_in()
    async with type(browser)() as stranger, listening(world.url(EVENTS), stranger) as heard:
        assert (heard.response.status, (await heard.response.json())["state"]) == (401, "none")
    await sign_out(world, browser)
    async with listening(world.url(EVENTS), browser) as heard:
        assert heard.response.status == 401


async def test_another_method_is_refused(signed_in):
    world, browser = await signed_in()
    assert (await browser.fetch(world.url(EVENTS), "POST")).status == 405


async def test_a_store_that_is_away_opens_none_and_signs_nobody_out(signed_in, own_redis):
    world, browser = await signed_in(state=own_redis.url, sessions={"outage_grace": 0})
    own_redis.stop()
    async with asyncio.timeout(HANG):
        while (await browser.fetch(world.url("/.claims/session"))).status != 503:
            pass
    async with listening(world.url(EVENTS), browser) as heard:
        assert (heard.response.status, heard.response.headers["Retry-After"]) == (503, "5")
    assert browser.cookie("claims-session")


async def test_of_one_session_the_oldest_gives_way(signed_in):
    world, browser = await signed_in()
    async with contextlib.AsyncExitStack() as stack:
        oldest, second, *_ = [await stack.enter_async_context(listening(world.url(EVENTS), browser)) for _ in range(9)]
        assert await oldest.is_over()
        assert len(world.proxy._lasting.announcements) == 8
        world.proxy._lasting.announcements.changed()
        assert await second.event() == ("changed", {})


async def test_one_whose_reader_has_gone_is_let_go_of(signed_in, monkeypatch):
    monkeypatch.setattr("proxy.browser.events._BETWEEN_SIGNS", 0.05)
    world, browser = await signed_in()
    world.proxy._lasting.announcements.changed()
    async with listening(world.url(EVENTS), browser):
        assert len(world.proxy._lasting.announcements) == 1
    world.proxy._lasting.announcements.changed()
    async with asyncio.timeout(HANG):
        while len(world.proxy._lasting.announcements):
            world.proxy._lasting.announcements.changed()
            await asyncio.sleep(0.05)


def test_several_changes_before_they_are_said_are_one():
    stream = Stream()
    stream.change()
    stream.change()
    assert stream.take() == b"event: changed\ndata: {}\n\n"
    assert stream.take() == b""


def test_the_first_reason_stands():
    stream = Stream()
    stream.end(EndReason.REVOKED)
    stream.end()
    stream.end(EndReason.SIGNED_OUT)
    assert stream.take() == b'event: ended\ndata: {"reason": "revoked"}\n\n'


def test_beyond_the_bound_of_all_there_is_none(monkeypatch):
    monkeypatch.setattr("proxy.browser.events._OF_ALL", 2)
    announcements = Announcements()
    (_, close_first), _second = announcements.open("one"), announcements.open("two")
    assert announcements.open("three") is None
    close_first()
    close_first()
    assert len(announcements) == 1
    assert announcements.open("three") is not None


async def test_open_streams_are_counted_with_the_others(signed_in):
    world, browser = await signed_in()
    async with listening(world.url(EVENTS), browser):
        snapshot = await world.proxy.snapshot()
        assert "open_streams" in repr(snapshot)
        assert len(world.proxy._lasting.streams) == 1
