"""What a sign-in carries through the browser opens only as it was sealed."""

from dataclasses import asdict

from hypothesis import given
from hypothesis import strategies as st

from proxy.model.session import SessionReference
from proxy.sealing import Sealer
from proxy.sessions.cookie import LOGIN_SLOTS, cookie_names
from proxy.sessions.device_cookie import bound_until, make_device_cookie
from proxy.signin import login_state as login
from proxy.signin.cleanup import open_cleanup
from proxy.signin.loop import open_loop
from support.fuzzing import corpus, fuzz, mutated

NOW = 1_790_000_000.0
SEALER, OTHER = Sealer(["a-secret-of-at-least-thirty-two-bytes-1"]), Sealer(["another-secret-of-thirty-two-bytes-!"])
STATE = login.LoginState("id", 2, "contoso", "/main.aspx", "crm.contoso.com", NOW)
HELD = login.LoginSecrets("id", "verifier", "nonce", NOW, SessionReference("tag", "hash"), "browser")
SEALED = (login.seal_state(SEALER, STATE), login.seal_secrets(SEALER, HELD), make_device_cookie(SEALER, "hash", NOW))
FOREIGN = (login.seal_state(OTHER, STATE), login.seal_secrets(OTHER, HELD))
WORDS = ("A", "_", "-", "=", ".", "+", "/", "%", " ", "\0", "\n", "\xe9", "AQ", "null", "[]", "{}")
TEXT = st.text(max_size=12)


def opened(text: str) -> list[object]:
    """Return what any reader of the sign-in makes of `text`."""
    name = cookie_names("", secure=True).logins()[0]
    return [
        login.open_state(SEALER, text),
        login.open_secrets(SEALER, text),
        open_cleanup(SEALER, "contoso", text),
        login.is_signing_in({name: text}, cookie_names("", secure=True), SEALER) or None,
        bound_until(SEALER, text, "hash") or None,
    ]


@fuzz
@given(text=mutated(SEALED + FOREIGN, WORDS))
@corpus("login_states", "text")
def test_nothing_but_the_sealed_text_opens(text):
    if text in SEALED:
        return
    assert opened(text) == [None] * 5
    assert open_loop(SEALER, text) == open_loop(SEALER, None)
    slot = login.free_slot(
        dict.fromkeys(cookie_names("", secure=True).logins(), text), cookie_names("", secure=True), SEALER
    )
    assert 0 <= slot < LOGIN_SLOTS


def test_each_sealed_text_opens_in_its_own_place_alone():
    state, held, device = (opened(text) for text in SEALED)
    assert state == [STATE, None, None, None, None]
    assert [held[0], held[1], held[3]] == [None, HELD, True]
    assert device[:4] == [None] * 4
    assert device[4] > NOW


@fuzz
@given(
    st.builds(
        login.LoginState,
        TEXT,
        st.integers(0, LOGIN_SLOTS - 1),
        TEXT,
        TEXT,
        TEXT,
        st.floats(0, 4e9),
        st.none() | st.floats(0, 4e9),
        st.booleans(),
        st.booleans(),
    ),
    st.builds(
        login.LoginSecrets,
        TEXT,
        TEXT,
        TEXT,
        st.floats(0, 4e9),
        st.none() | st.builds(SessionReference, TEXT, TEXT),
        TEXT,
    ),
)
def test_what_is_sealed_opens_again(state, held):
    assert login.open_state(SEALER, login.seal_state(SEALER, state)) == state
    assert asdict(login.open_secrets(SEALER, login.seal_secrets(SEALER, held))) == asdict(held)
    assert login.open_state(OTHER, login.seal_state(SEALER, state)) is None
