"""A gateway that injects before an upstream that a test has in its hand; a fixture for a conftest.py to import."""

import gzip
import re

import pytest

from proxy.browser.injection import Injection
from proxy.model.organization import ScriptPlacement
from proxy.model.settings import TimeRules
from support.raw_http import ok
from support.stage import request

NAVIGATION = b"Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n"
TAG = b'<script src="/.claims/session-watch.js"></script>'
HTML = b"Content-Type: text/html; charset=utf-8"


def page(body: bytes, *fields: bytes) -> bytes:
    return ok(body, HTML, *fields)


def zipped(body: bytes, *fields: bytes) -> bytes:
    return page(gzip.compress(body), b"Content-Encoding: gzip", *fields)


def plain(answer) -> bytes:
    return gzip.decompress(answer.body) if answer.value("Content-Encoding") == b"gzip" else answer.body


def nonce_of(body: bytes) -> bytes | None:
    found = re.search(rb'<script src="/.claims/session-watch.js" nonce="([^"]+)">', body)
    return found and found[1]


def injection(rules=None) -> Injection:
    return Injection(lambda _: rules or TimeRules(), lambda one: f"{one.path}/.claims", lambda: "b3Vycw")


@pytest.fixture
async def site(stage):
    """`one, ask = await site(inject=…)`; `ask(target, *lines, kind=NAVIGATION, …)` is alice's."""

    async def make(inject=ScriptPlacement.DOCUMENTS, *, rules=None, **organization):
        rules = rules or TimeRules()
        one = await stage(organization={"inject": inject, **organization}, rules=rules, transform=injection(rules))
        client = await one.connect()

        async def ask(target=b"/", *lines, kind=NAVIGATION, cookie=one.cookie, method=b"GET", version=b"HTTP/1.1"):
            data = request(target, cookie, kind, *lines, method=method, version=version)
            return await client.ask(data, head=method == b"HEAD")

        return one, ask

    return make
