"""The state of a sign-in under way, and the cookie that binds it to its browser."""

import pytest

from proxy.model.session import SessionReference
from proxy.sealing import Sealer
from proxy.sessions.cookie import LOGIN_SLOTS, cookie_names
from proxy.signin.login_state import (
    LOGIN_SECONDS,
    LoginSecrets,
    LoginState,
    free_slot,
    open_secrets,
    open_state,
    seal_secrets,
    seal_state,
    start_login,
)

NOW = 1_790_000_000.0
SEALER = Sealer(["a-secret"])
NAMES = cookie_names("", secure=True)
STATE = LoginState("id", 3, "contoso", "/main.aspx?a=ä", "crm.contoso.com", NOW, NOW, retried=True)
HELD = LoginSecrets("id", "verifier", "nonce", NOW, SessionReference("tag", "hash"))


def altered(text: str) -> str:
    return text[:30] + ("A" if text[30] != "A" else "B") + text[31:]


@pytest.mark.parametrize("state", [STATE, LoginState("id", 0, "contoso", "/", "crm.contoso.com", NOW)])
def test_a_sealed_state_opens_again(state):
    assert open_state(SEALER, seal_state(SEALER, state)) == state


@pytest.mark.parametrize("held", [HELD, LoginSecrets("id", "verifier", "nonce", NOW)])
def test_sealed_secrets_open_again(held):
    assert open_secrets(SEALER, seal_secrets(SEALER, held)) == held


def test_a_state_sealed_under_the_secret_before_opens_after_the_rotation():
    assert open_state(Sealer(["a-later-secret", "a-secret"]), seal_state(SEALER, STATE)) == STATE


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(None, id="none"),
        pytest.param("", id="empty"),
        pytest.param("junk", id="junk"),
        pytest.param("ä€", id="not ASCII"),
        pytest.param("A" * 100_000, id="long"),
        pytest.param(seal_state(Sealer(["another-secret"]), STATE), id="foreign"),
        pytest.param(altered(seal_state(SEALER, STATE)), id="altered"),
        pytest.param(seal_state(SEALER, STATE)[:-4], id="cut short"),
        pytest.param(seal_secrets(SEALER, HELD), id="a login cookie's value"),
        pytest.param(SEALER.seal_text(b"{}", purpose="login-state"), id="another shape"),
    ],
)
def test_a_state_that_is_not_ours_does_not_open(text):
    assert open_state(SEALER, text) is None
    assert open_state(SEALER, seal_state(SEALER, STATE)) == STATE


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, id="none"),
        pytest.param("", id="empty"),
        pytest.param("junk", id="junk"),
        pytest.param(seal_secrets(Sealer(["another-secret"]), HELD), id="foreign"),
        pytest.param(altered(seal_secrets(SEALER, HELD)), id="altered"),
        pytest.param(seal_state(SEALER, STATE), id="a state"),
    ],
)
def test_a_login_cookie_that_is_not_ours_does_not_open(value):
    assert open_secrets(SEALER, value) is None
    assert open_secrets(SEALER, seal_secrets(SEALER, HELD)) == HELD


@pytest.mark.parametrize(("slot", "opens"), [(-1, False), (0, True), (LOGIN_SLOTS - 1, True), (LOGIN_SLOTS, False)])
def test_a_slot_is_one_that_a_cookie_has(slot, opens):
    text = seal_state(SEALER, LoginState("id", slot, "contoso", "/", "crm.contoso.com", NOW))
    assert (open_state(SEALER, text) is not None) is opens


@pytest.mark.parametrize(("age", "over"), [(0.0, False), (599.999, False), (LOGIN_SECONDS, True), (601.0, True)])
def test_a_sign_in_is_over_at_ten_minutes_themselves(age, over):
    assert LOGIN_SECONDS == 600.0
    assert STATE.is_over(NOW + age) is over


def full(ages=(10.0, 20.0, 50.0, 30.0, 40.0)) -> dict[str, str]:
    """A login cookie in every slot, started so many seconds ago."""
    held = [LoginSecrets("id", "verifier", "nonce", NOW - age) for age in ages]
    return {name: seal_secrets(SEALER, one) for name, one in zip(NAMES.logins(), held, strict=True)}


def without(slot: int) -> dict[str, str]:
    return {name: value for name, value in full().items() if name != NAMES.logins()[slot]}


@pytest.mark.parametrize(
    ("cookies", "slot"),
    [
        pytest.param(without(0), 0, id="the first is free"),
        pytest.param(without(3), 3, id="the fourth is free"),
        pytest.param(full() | {NAMES.logins()[4]: "junk"}, 4, id="junk takes no slot"),
        pytest.param(full() | {NAMES.logins()[1]: seal_state(SEALER, STATE)}, 1, id="a state is no login cookie"),
        pytest.param(full(), 2, id="the oldest of five"),
        pytest.param(full((90.0, 20.0, 50.0, 30.0, 40.0)), 0, id="another oldest of five"),
    ],
)
def test_a_sign_in_takes_a_free_slot_or_the_oldest_s(cookies, slot):
    assert free_slot(cookies, NAMES, SEALER) == slot


def test_of_several_free_slots_any_is_taken_so_that_tabs_restored_at_once_seldom_meet():
    assert {free_slot({}, NAMES, SEALER) for _ in range(200)} == set(range(5))


def test_every_sign_in_has_secrets_of_its_own():
    one, two = start_login(NOW, None), start_login(NOW, HELD.replaces)
    assert not {one.login_id, one.verifier, one.nonce} & {two.login_id, two.verifier, two.nonce}
    # RFC 7636, section 4.1: 43 characters at least; 256 bits are 43 of base64url.
    assert (len(one.verifier), len(one.nonce), len(one.login_id)) == (43, 43, 22)
    assert (one.replaces, two.replaces) == (None, HELD.replaces)


def test_secrets_show_themselves_in_no_repr():
    assert "verifier" not in repr(HELD)
    assert "nonce" not in repr(HELD)
