"""The loop breaker as a table of events."""

import pytest

from proxy.sealing import Sealer
from proxy.signin.loop import LOOP_SECONDS, LoopEvent, LoopState, next_loop_state, open_loop, seal_loop

NOW = 1_790_000_000.0
S, C = LoopEvent.STARTED, LoopEvent.COMPLETED


def after(*events: tuple[LoopEvent, float]) -> LoopState:
    state = LoopState()
    for event, at in events:
        state = next_loop_state(state, event, NOW + at)
    return state


def rounds(times: int, every: float) -> list[tuple[LoopEvent, float]]:
    """A sign-in completed and challenged again, `times` times, `every` seconds apart."""
    return [(event, turn * every) for turn in range(times) for event in (C, S)]


@pytest.mark.parametrize(
    ("events", "is_loop"),
    [
        pytest.param([], False, id="nothing"),
        pytest.param([(S, 0.0)] * 50, False, id="starts alone never count"),
        pytest.param([(C, 0.0)] * 50, False, id="completions alone never count"),
        pytest.param([(C, 0.0), *[(S, 0.0)] * 50], False, id="one completion makes one of many starts count"),
        pytest.param(rounds(5, 1.0), True, id="five rounds in five seconds"),
        pytest.param(rounds(4, 1.0), False, id="four rounds in five seconds"),
        pytest.param([*rounds(4, 1.0), (C, 5.0)], False, id="the fifth is completed and not challenged"),
        pytest.param(rounds(5, 4.9), True, id="the first is 19.6 s old at the fifth"),
        pytest.param(rounds(5, 5.0), False, id="the first is 20 s old at the fifth"),
        pytest.param(rounds(100, 5.0), False, id="slow for ever"),
    ],
)
def test_a_loop_is_five_completed_sign_ins_challenged_in_twenty_seconds(events, is_loop):
    assert after(*events).is_loop is is_loop


def test_a_loop_is_over_twenty_seconds_later():
    looping = after(*rounds(5, 1.0))
    assert next_loop_state(looping, S, NOW + 4.0 + LOOP_SECONDS - 0.1).is_loop is False
    assert next_loop_state(looping, S, NOW + 4.0).is_loop is True


def test_instants_of_a_clock_that_was_ahead_do_not_count():
    assert after(*rounds(5, 1.0)).is_loop is True
    assert next_loop_state(after(*rounds(5, 1.0)), S, NOW - 60.0).challenged == ()


def test_the_state_does_not_grow():
    assert len(after(*rounds(1000, 4.0)).challenged) == 5


def test_what_was_sealed_opens_again():
    sealer = Sealer(["a-secret"])
    state = after(*rounds(3, 1.0), (C, 3.0))
    assert open_loop(sealer, seal_loop(sealer, state)) == state


@pytest.mark.parametrize("value", [None, "", "junk", "ä", "AAAA", "foreign", "altered", "other purpose"])
def test_a_value_that_is_not_ours_is_a_fresh_state(value):
    sealer, state = Sealer(["a-secret"]), after(*rounds(3, 1.0))
    ours = seal_loop(sealer, state)
    made = {
        "foreign": seal_loop(Sealer(["another-secret"]), state),
        "altered": ("A" if ours[30] != "A" else "B").join((ours[:30], ours[31:])),
        "other purpose": sealer.seal_text(b"[true,[]]", purpose="login-state"),
    }
    assert open_loop(sealer, made.get(value, value)) == LoopState()
    assert open_loop(sealer, ours) == state
