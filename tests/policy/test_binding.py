"""Which browser a session is for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model.binding import Binding, BindingSettings, DeviceBound, DeviceKey, NetworkPrefixes, Standing
from proxy.policy.binding import (
    DEVICE_GRACE,
    REGISTER_WITHIN,
    Broken,
    bind,
    broken_by,
    browser_of,
    device_standing,
    is_nonce,
    network_of,
    traits_of,
)

NOW = 1_790_000_000.0
NONCE, OTHER = "n" * 43, "o" * 43
ADDRESS = "203.0.113.7"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
CHROME_140, CHROME_141 = f"{WINDOWS}Chrome/140.0.0.0 Safari/537.36", f"{WINDOWS}Chrome/141.0.7.1 Safari/537.36"
EDGE = f"{CHROME_140} Edg/140.0.0.0"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
SAFARI = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) (KHTML, like Gecko) Version/18.0 Safari/605.1.15"
BRANDS_140 = '"Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140"'
BRANDS_141 = '"Google Chrome";v="141", "Not?A_Brand";v="8", "Chromium";v="141"'
EDGE_BRANDS = '"Chromium";v="140", "Not=A?Brand";v="24", "Microsoft Edge";v="140"'
NETWORKS = NetworkPrefixes(24, 56)


@pytest.mark.parametrize(
    ("brands", "platform", "agent", "traits"),
    [
        (BRANDS_140, '"Windows"', CHROME_140, "Chromium,Google Chrome;Windows;chrome;windows"),
        (BRANDS_141, '"Windows"', CHROME_141, "Chromium,Google Chrome;Windows;chrome;windows"),
        (EDGE_BRANDS, '"Windows"', EDGE, "Chromium,Microsoft Edge;Windows;edge;windows"),
        ('" Not A;Brand";v="99", "Chromium";v="98"', '"Chrome OS"', "", "Chromium;Chrome OS;;"),
        ('"Not:A-Brand";v="8", "Chromium";v="156"', '"Linux"', "", "Chromium;Linux;;"),
        ('"(Not(A:Brand";v="8"', "", "", ";;;"),
        ("", "", FIREFOX, ";;firefox;linux"),
        ("", "", SAFARI, ";;safari;macos"),
        ("", "", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) CriOS/130.0 Safari/604.1", ";;chrome;ios"),
        ("", "", "Mozilla/5.0 (Linux; Android 14) Chrome/130.0 Mobile Safari/537.36", ";;chrome;android"),
        ("", "", "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko", ";;ie;windows"),
        ("", "", "python-requests/2.32.3", ";;python-requests;"),
        ("", "", "", ";;;"),
        ("rubbish", "rubbish;,", "", ";rubbish;;"),
    ],
)
def test_traits_are_families_and_platforms_and_never_a_version(brands, platform, agent, traits):
    assert traits_of(brands, platform, agent) == traits


def test_traits_are_read_from_the_headers():
    headers = {"sec-ch-ua": BRANDS_140, "sec-ch-ua-platform": '"Windows"', "user-agent": CHROME_140}
    assert browser_of(headers) == traits_of(BRANDS_140, '"Windows"', CHROME_140)
    assert browser_of({}) == ";;;"


@given(st.text(), st.text(), st.text())
def test_whatever_a_client_sends_the_traits_are_four_short_parts(brands, platform, agent):
    traits = traits_of(brands, platform, agent)
    assert traits.count(";") == 3
    assert len(traits) < 400
    assert traits.isascii()


@given(
    st.lists(st.sampled_from(["Chromium", "Google Chrome", "Microsoft Edge", "Opera"]), min_size=1, unique=True),
    st.integers(1, 999),
    st.integers(1, 999),
    st.sampled_from(["Not A;Brand", "Not/A)Brand", "Not.A/Brand", "(Not(A:Brand", "Not_A Brand"]),
    st.randoms(),
)
def test_order_version_and_made_up_brands_change_nothing(names, version, later, grease, chance):
    def written(names, version, grease):
        return ", ".join(f'"{name}";v="{version}"' for name in [*names, grease])

    shuffled = chance.sample(names, len(names))
    then, now = written(names, version, "Not;A=Brand"), written(shuffled, later, grease)
    assert traits_of(then, "", "") == traits_of(now, "", "")


def recorded(brands=BRANDS_140, platform='"Windows"', agent=CHROME_140, networks=None) -> Binding:
    return bind(NONCE, traits_of(brands, platform, agent), ADDRESS, BindingSettings(networks=networks), NOW)


@pytest.mark.parametrize(
    ("nonce", "brands", "platform", "agent", "broken"),
    [
        (NONCE, BRANDS_140, '"Windows"', CHROME_140, None),
        (NONCE, BRANDS_141, '"Windows"', CHROME_141, None),
        (NONCE, "", "", CHROME_141, None),
        (NONCE, BRANDS_140, "", CHROME_140, None),
        # Where both show hints the hints alone count, whatever the User-Agent says.
        (NONCE, BRANDS_140, '"Windows"', FIREFOX, None),
        (None, BRANDS_140, '"Windows"', CHROME_140, Broken.NONCE_ABSENT),
        ("", BRANDS_140, '"Windows"', CHROME_140, Broken.NONCE_ABSENT),
        (OTHER, BRANDS_140, '"Windows"', CHROME_140, Broken.NONCE_OTHER),
        (NONCE, EDGE_BRANDS, '"Windows"', EDGE, Broken.BROWSER_CHANGED),
        (NONCE, "", "", EDGE, Broken.BROWSER_CHANGED),
        (NONCE, "", "", FIREFOX, Broken.BROWSER_CHANGED),
        (NONCE, BRANDS_140, '"macOS"', CHROME_140, Broken.PLATFORM_CHANGED),
        (NONCE, "", "", CHROME_140.replace("Windows NT 10.0", "X11; Linux"), Broken.PLATFORM_CHANGED),
        # No browser omits its User-Agent, so its absence is a change even where the hints are the same.
        (NONCE, "", "", "", Broken.BROWSER_CHANGED),
        (NONCE, BRANDS_140, '"Windows"', "", Broken.BROWSER_CHANGED),
        (NONCE, "", "", CHROME_140.replace("Windows NT 10.0; Win64; x64", "x64"), Broken.PLATFORM_CHANGED),
        (NONCE, BRANDS_140, '"Windows"', CHROME_140.replace("Windows NT 10.0; Win64; x64", "x64"), None),
    ],
)
def test_another_browser_is_told_from_an_upgraded_or_a_silent_one(nonce, brands, platform, agent, broken):
    assert broken_by(recorded(), nonce, traits_of(brands, platform, agent), ADDRESS, by_network=False) is broken


def test_a_browser_without_hints_is_known_by_its_user_agent():
    binding = recorded("", "", FIREFOX)
    for agent, broken in ((FIREFOX.replace("128", "140"), None), (CHROME_140, Broken.BROWSER_CHANGED)):
        assert broken_by(binding, NONCE, traits_of("", "", agent), ADDRESS, by_network=False) is broken
    # One that begins to send hints shows nothing that was recorded then but its User-Agent.
    assert broken_by(binding, NONCE, traits_of(BRANDS_140, "", FIREFOX), ADDRESS, by_network=False) is None


@pytest.mark.parametrize("agent", ["", "Mozilla/5.0", CHROME_140])
def test_traits_that_sign_in_did_not_show_contradict_nothing(agent):
    binding = recorded("", "", "")
    assert broken_by(binding, NONCE, traits_of(BRANDS_140, '"Windows"', agent), ADDRESS, by_network=False) is None


@given(st.text(max_size=90).filter(lambda text: text != NONCE))
def test_no_other_nonce_passes(nonce):
    assert broken_by(recorded(), nonce, ";;;", ADDRESS, by_network=False) is not None


@pytest.mark.parametrize(
    ("then", "now", "by_network", "fits"),
    [
        ("203.0.113.7", "203.0.113.200", True, True),
        ("203.0.113.7", "203.0.114.7", True, False),
        ("203.0.113.7", "203.0.114.7", False, True),
        ("203.0.113.7", "::ffff:203.0.113.9", True, True),
        ("2001:db8:1:200::1", "2001:db8:1:2ff::9", True, True),
        ("2001:db8:1:200::1", "2001:db8:1:300::1", True, False),
        ("203.0.113.7", "2001:db8::1", True, False),
        ("203.0.113.7", "", True, False),
    ],
)
def test_the_network_binds_only_where_it_is_asked_to(then, now, by_network, fits):
    binding = bind(NONCE, ";;;", then, BindingSettings(networks=NETWORKS), NOW)
    assert (broken_by(binding, NONCE, ";;;", now, by_network=by_network) is None) is fits


def test_a_session_from_before_networks_bound_is_not_bound_to_one():
    assert recorded().network == ""
    assert broken_by(recorded(), NONCE, recorded().traits, "198.51.100.1", by_network=True) is None


def test_networks_are_named_by_their_prefixes():
    assert network_of("203.0.113.7", NETWORKS) == "203.0.113.0/24"
    assert network_of("2001:db8:1:2ff::1", NETWORKS) == "2001:db8:1:200::/56"
    assert network_of("no address", NETWORKS) == network_of("203.0.113.7", None) == ""


@pytest.mark.parametrize(
    ("text", "is_one"),
    [(NONCE, True), ("a" * 22, True), ("a" * 21, False), ("", False), (None, False), ("ä" * 30, False)],
)
def test_a_nonce_has_128_bits_and_more(text, is_one):
    assert is_nonce(text) is is_one


KEY = DeviceKey("{}", NOW)
AUTO, REQUIRED, OFF = (
    BindingSettings(device=each) for each in (DeviceBound.AUTO, DeviceBound.REQUIRED, DeviceBound.OFF)
)


@pytest.mark.parametrize(
    ("settings", "device", "until", "after", "standing"),
    [
        (AUTO, None, 0, 10_000, Standing.HOLDS),
        (OFF, KEY, 0, 10_000, Standing.HOLDS),
        (REQUIRED, None, 0, REGISTER_WITHIN - 1, Standing.HOLDS),
        (REQUIRED, None, 0, REGISTER_WITHIN, Standing.DEVICE_UNREGISTERED),
        (REQUIRED, KEY, NOW + 10_001, 10_000, Standing.HOLDS),
        (AUTO, KEY, 0, DEVICE_GRACE - 1, Standing.HOLDS),
        (AUTO, KEY, 0, DEVICE_GRACE, Standing.DEVICE_UNPROVEN),
        (AUTO, KEY, NOW + 330, 329, Standing.HOLDS),
        (AUTO, KEY, NOW + 330, 330, Standing.DEVICE_UNPROVEN),
    ],
)
def test_a_device_is_proven_until_its_cookie_s_end_itself(settings, device, until, after, standing):
    assert device_standing(device, NOW, until, settings, NOW + after) is standing
