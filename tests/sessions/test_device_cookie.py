"""The bound cookie: its session's alone, until its end."""

import pytest

from proxy.sealing import Sealer
from proxy.sessions.device_cookie import BOUND_SECONDS, bound_until, make_device_cookie

NOW = 1_790_000_000.5
OLD, NEW = "an old secret that is long enough", "a new secret that is long enough"
SEALER = Sealer([OLD])
COOKIE = make_device_cookie(SEALER, "hash", NOW)


def test_it_outlives_the_browser_s_copy_by_as_long_as_a_request_may_take():
    assert bound_until(SEALER, COOKIE, "hash") == int(NOW + BOUND_SECONDS + 30)


def test_it_holds_through_a_rotation_of_secrets():
    assert bound_until(Sealer([NEW, OLD]), COOKIE, "hash") > NOW
    assert bound_until(Sealer([NEW]), COOKIE, "hash") == 0


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "x",
        COOKIE[:-1],
        COOKIE + "A",
        f"9{COOKIE[1:]}",
        COOKIE.replace(".", ".."),
        f"{COOKIE}\n",
        COOKIE.partition(".")[0],
        f" {COOKIE}",
    ],
)
def test_nothing_else_proves_anything(forged):
    assert bound_until(SEALER, forged, "hash") == 0


def test_another_session_s_proves_nothing():
    assert bound_until(SEALER, COOKIE, "other") == 0
