"""A session cookie in another browser, in both lanes."""

import json
from dataclasses import replace

import pytest
import structlog

from proxy.model.binding import Binding, DeviceKey
from proxy.model.session import CannotTell, EndReason, Live
from proxy.model.settings import TimeRules
from proxy.policy.binding import nonce_hash, traits_of
from proxy.sessions.device_cookie import make_device_cookie
from support.stage import SEALER

ENFORCED, RECORDED = TimeRules(binds_to_browser=True), TimeRules()
NONCE = "n" * 43
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{} Safari/537.36"
BRANDS = '"Not=A?Brand";v="24", "Chromium";v="{0}", "Google Chrome";v="{0}"'
OWN = (f"User-Agent: {CHROME.format(140)}", f"Sec-CH-UA: {BRANDS.format(140)}", 'Sec-CH-UA-Platform: "Windows"')
UPGRADED = (f"User-Agent: {CHROME.format(141)}", f"Sec-CH-UA: {BRANDS.format(141)}", 'Sec-CH-UA-Platform: "Windows"')
STOLEN = (OWN[0], OWN[1], 'Sec-CH-UA-Platform: "Linux"')
NAVIGATION = b"Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n"


def lines(headers, cookie=f"claims-session=alice; claims-nonce={NONCE}") -> bytes:
    return "".join(f"{line}\r\n" for line in (*headers, f"Cookie: {cookie}")).encode()


@pytest.fixture
def bound(stage, clock):
    """Makes stages whose session is bound to a browser: `await bound(rules)`."""

    async def make(rules, **changes):
        one = await stage(rules=rules)
        traits = traits_of(BRANDS.format(140), '"Windows"', CHROME.format(140))
        binding = Binding(nonce_hash(NONCE), traits, "", clock())
        session = replace(one.session, **({"binding": binding} | changes))
        one.sessions.known["alice"] = Live(session, from_store=False)
        return one

    return make


@pytest.mark.parametrize("headers", [OWN, UPGRADED, OWN[:1]], ids=["own", "upgraded", "without hints"])
async def test_the_browser_that_signed_in_passes_again_and_again(bound, ask, headers):
    one = await bound(ENFORCED)
    client = await one.connect()
    for _ in range(3):
        assert (await client.ask(ask(b"/api/data/v9.2/WhoAmI", lines(headers)))).status == 200
    assert one.sessions.ended == []


@pytest.mark.parametrize(
    ("headers", "cookie", "broken"),
    [
        (OWN, "claims-session=alice", "nonce_absent"),
        (OWN, f"claims-session=alice; claims-nonce={'o' * 43}", "nonce_other"),
        (STOLEN, f"claims-session=alice; claims-nonce={NONCE}", "platform_changed"),
        (("User-Agent: curl/8.1",), f"claims-session=alice; claims-nonce={NONCE}", "browser_changed"),
        ((), f"claims-session=alice; claims-nonce={NONCE}", "browser_changed"),
        (OWN[1:], f"claims-session=alice; claims-nonce={NONCE}", "browser_changed"),
    ],
)
async def test_another_is_refused_with_the_switch_on_and_passes_with_it_off(bound, ask, headers, cookie, broken):
    off = await bound(RECORDED)
    client = await off.connect()
    assert (await client.ask(ask(b"/api/data/v9.2/WhoAmI", lines(headers, cookie)))).status == 200
    on = await bound(ENFORCED)
    client = await on.connect()
    # What passed before is remembered by its head; the next one is judged by its own.
    assert (await client.ask(ask(b"/api/data/v9.2/WhoAmI", lines(OWN)))).status == 200
    with structlog.testing.capture_logs() as logs:
        answer = await client.ask(ask(b"/api/data/v9.2/WhoAmI", lines(headers, cookie)))
    assert (answer.status, json.loads(answer.body)["error"]) == (401, "binding_broken")
    [(_, ending)] = on.sessions.ended
    assert (ending.reason, ending.owes_credentials) == (EndReason.BINDING_BROKEN, True)
    [event] = [line for line in logs if line["event"] == "binding_broken"]
    assert (event["reason"], event["broken"], event["principal"]) == ("binding_broken", broken, "alice@contoso.com")
    assert NONCE not in str(logs)


async def test_a_navigation_of_another_browser_goes_to_sign_in(bound, ask):
    one = await bound(ENFORCED)
    client = await one.connect()
    answer = await client.ask(ask(b"/main.aspx", NAVIGATION, lines(OWN, "claims-session=alice")))
    assert answer.status == 302
    assert answer.value("Location") == b"/.claims/sign-in?return=/main.aspx"


async def test_a_session_of_before_bindings_were_recorded_goes_on(bound, ask):
    one = await bound(ENFORCED, binding=None)
    client = await one.connect()
    assert (await client.ask(ask(b"/", lines(OWN, "claims-session=alice")))).status == 200


async def test_where_the_store_cannot_end_it_nobody_passes_and_nobody_is_signed_out(bound, ask):
    one = await bound(ENFORCED)
    one.sessions.store_down = True
    client = await one.connect()
    answer = await client.ask(ask(b"/api/data/v9.2/WhoAmI", lines(OWN, "claims-session=alice")))
    assert answer.status == 503
    assert len(one.upstream.requests) == 0


async def test_what_binds_a_session_never_reaches_the_application(bound, ask):
    one = await bound(ENFORCED)
    client = await one.connect()
    cookie = f"a=1; claims-session=alice; claims-nonce={NONCE}; claims-device=9.x; __Host-claims-device=9.x; b=2"
    assert (await client.ask(ask(b"/", lines(OWN, cookie)))).status == 200
    [request] = one.upstream.requests
    assert request.values("Cookie") == [b"a=1; b=2"]


async def test_a_device_that_cannot_prove_itself_while_the_store_is_away_is_not_signed_out(bound, ask, clock):
    one = await bound(RECORDED, device=DeviceKey("{}", clock() - 900))
    client = await one.connect()
    for known, status in ((CannotTell(), 503), (one.sessions.known["alice"], 401)):
        one.sessions.stored["alice"] = known
        answer = await client.ask(ask(b"/api/data/v9.2/WhoAmI", lines(OWN)))
        assert answer.status == status
    assert json.loads(answer.body)["error"] == "device_unproven"
    assert one.sessions.ended == []


async def test_a_device_s_bound_cookie_passes_until_its_end_and_no_other_does(bound, ask, clock):
    one = await bound(RECORDED, device=DeviceKey("{}", clock() - 900))
    client = await one.connect()
    good = make_device_cookie(SEALER, one.session.reference.id_hash, clock())
    other = make_device_cookie(SEALER, "other", clock())
    for seconds, cookie, status in ((329, good, 200), (0, other, 401), (0, good, 200), (1, good, 401)):
        clock.advance(seconds)
        shown = lines(OWN, f"claims-session=alice; claims-device={cookie}")
        assert (await client.ask(ask(b"/api/data/v9.2/WhoAmI", shown))).status == status
