"""Unknown session names by client address: bounded, forgotten after a sign-in's time, and apart from each other."""

from proxy.model.session import Vouched
from proxy.signin.strangers import Strangers

NOW = 1_790_000_000.0


def spent(address: str, times: int, now: float = NOW) -> Strangers:
    strangers = Strangers()
    for _ in range(times):
        strangers.note(address, now)
    return strangers


def test_an_address_that_named_sixteen_unknown_sessions_is_suspect():
    assert spent("192.0.2.1", 15).vouched("192.0.2.1", NOW) is Vouched.UNSIGNED
    assert spent("192.0.2.1", 16).vouched("192.0.2.1", NOW) is Vouched.SUSPECT
    assert spent("192.0.2.1", 16).vouched("192.0.2.2", NOW) is Vouched.UNSIGNED


def test_the_count_starts_again_after_ten_minutes():
    strangers = spent("192.0.2.1", 16)
    assert strangers.vouched("192.0.2.1", NOW + 599) is Vouched.SUSPECT
    assert strangers.vouched("192.0.2.1", NOW + 600) is Vouched.UNSIGNED
    strangers.note("192.0.2.1", NOW + 600)
    assert strangers.vouched("192.0.2.1", NOW + 600) is Vouched.UNSIGNED


def test_addresses_of_one_ipv6_network_count_as_one():
    strangers = spent("2001:db8:1:2::1", 16)
    assert strangers.vouched("2001:db8:1:2:ffff::9", NOW) is Vouched.SUSPECT
    assert strangers.vouched("2001:db8:1:3::1", NOW) is Vouched.UNSIGNED


def test_the_addresses_are_bounded():
    strangers = spent("192.0.2.1", 16)
    for number in range(10_000):
        strangers.note(f"10.0.{number // 250}.{number % 250}", NOW)
    assert strangers.vouched("192.0.2.1", NOW) is Vouched.UNSIGNED, "the least recent one was forgotten"
