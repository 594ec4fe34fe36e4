"""Which browser a session is for: what is recorded of it at sign-in, and when a request is another browser's.

Sources: Microsoft, «Manage user sessions and access» (access token management: the token is for the current browser and
computer); User-Agent Client Hints (WICG): brands in any order, one of them made up so that nobody relies on the list.
"""

import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from hmac import compare_digest
from ipaddress import IPv6Address, ip_address, ip_network

from proxy.model.binding import Binding, BindingSettings, DeviceBound, DeviceKey, NetworkPrefixes, Standing
from proxy.model.time import Instant, Seconds

REGISTER_WITHIN: Seconds = 60.0
"""How long after its sign-in a session may take a device's key."""

DEVICE_GRACE: Seconds = 15.0
"""Requests that were under way while the key was registered carry no bound cookie yet."""

_HEADER_LOOKED_AT = 512
_REMEMBERED = 1024
_BRANDS_AT_MOST, _BRAND_LENGTH = 6, 40
# "Not A;Brand", "Not/A)Brand", "(Not(A:Brand" and whatever comes next (UA Client Hints, section 6.2).
_GREASE = "notabrand"
_BRAND = re.compile(r'"((?:[^"\\]|\\.)*)"\s*;\s*v=')
_NOT_IN_TEXT = re.compile(r"[^A-Za-z0-9 ._-]")
_NONCE = re.compile(r"[A-Za-z0-9_-]{22,86}\Z")
# The first that fits is meant: the later ones name themselves in the earlier ones' User-Agents too.
_FAMILIES = (
    ("edge", re.compile(r"\bEdg(?:e|A|iOS)?/")),
    ("opera", re.compile(r"\bOPR/|\bOpera\b")),
    ("samsung", re.compile(r"\bSamsungBrowser/")),
    ("firefox", re.compile(r"\b(?:Firefox|FxiOS)/")),
    ("ie", re.compile(r"\bTrident/|\bMSIE ")),
    ("chrome", re.compile(r"\b(?:Headless)?(?:Chrome|CriOS|Chromium)/")),
    ("safari", re.compile(r"\bSafari/")),
)
_PLATFORMS = (
    ("windows", re.compile(r"\bWindows\b")),
    ("android", re.compile(r"\bAndroid\b")),
    ("ios", re.compile(r"\b(?:iPhone|iPad|iPod)\b")),
    ("macos", re.compile(r"\bMacintosh\b|\bMac OS X\b")),
    ("chromeos", re.compile(r"\bCrOS\b")),
    ("linux", re.compile(r"\bLinux\b|\bX11\b")),
)
_PRODUCT = re.compile(r"\s*([A-Za-z0-9._-]{1,40})")


class Broken(StrEnum):
    """What of a binding does not fit. The words are public: audit events carry them."""

    NONCE_ABSENT = "nonce_absent"
    NONCE_OTHER = "nonce_other"
    BROWSER_CHANGED = "browser_changed"
    PLATFORM_CHANGED = "platform_changed"
    NETWORK_CHANGED = "network_changed"


def browser_of(headers: Mapping[str, str]) -> str:
    """The traits in a request's headers, by names in lower case."""
    return traits_of(headers.get("sec-ch-ua", ""), headers.get("sec-ch-ua-platform", ""), headers.get("user-agent", ""))


def traits_of(brands: str, platform: str, user_agent: str) -> str:
    """`brands;platform;family;platform`: the stable traits in Sec-CH-UA and Sec-CH-UA-Platform, and in User-Agent.

    Never a version. A part is empty where its header is absent or says nothing.
    """
    return _traits(brands[:_HEADER_LOOKED_AT], platform[:_HEADER_LOOKED_AT], user_agent[:_HEADER_LOOKED_AT])


@lru_cache(_REMEMBERED)
def _traits(brands: str, platform: str, agent: str) -> str:
    return ";".join((_brands(brands), _plain(platform), _family(agent), _first(_PLATFORMS, agent)))


def _brands(header: str) -> str:
    found = {_plain(brand) for brand in _BRAND.findall(header)}
    named = sorted(brand for brand in found if brand and not _is_made_up(brand))
    return ",".join(named[:_BRANDS_AT_MOST])


def _is_made_up(brand: str) -> bool:
    return re.sub(r"[^a-z]", "", brand.casefold()) == _GREASE


def _plain(text: str) -> str:
    return _NOT_IN_TEXT.sub("", text[: _BRAND_LENGTH * 2]).strip()[:_BRAND_LENGTH]


def _family(agent: str) -> str:
    found = _first(_FAMILIES, agent)
    if found:
        return found
    product = _PRODUCT.match(agent)
    return product[1].casefold() if product else ""


def _first(table: tuple[tuple[str, re.Pattern[str]], ...], agent: str) -> str:
    return next((name for name, pattern in table if pattern.search(agent)), "")


def network_of(address: str, prefixes: NetworkPrefixes | None) -> str:
    """The network of an address in CIDR notation; empty where none is to bind, or the address is none."""
    if prefixes is None:
        return ""
    try:
        parsed = ip_address(address)
    except ValueError:
        return ""
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    bits = prefixes.v6 if isinstance(parsed, IPv6Address) else prefixes.v4
    return str(ip_network((parsed, bits), strict=False))


def is_nonce(text: str | None) -> bool:
    """Whether a cookie's value is a nonce as we make them: 128 bits and more, base64url."""
    return text is not None and _NONCE.match(text) is not None


def nonce_hash(nonce: str) -> str:
    """What is kept of a nonce: 128 bits of its SHA-256, base64url."""
    return urlsafe_b64encode(sha256(nonce.encode()).digest()[:16]).rstrip(b"=").decode()


def bind(nonce: str, traits: str, address: str, settings: BindingSettings, now: Instant) -> Binding:
    """What a session records of the browser that signs in."""
    return Binding(nonce_hash(nonce), traits, network_of(address, settings.networks), now)


def broken_by(binding: Binding, nonce: str | None, traits: str, address: str, *, by_network: bool) -> Broken | None:
    """Return what in a request contradicts the binding, or None.

    Hints are compared where both sides have them, else the User-Agent is. Absent hints contradict nothing: browsers
    send none over plain http, and none when they open a WebSocket. An absent nonce does, and so does an absent
    User-Agent where the sign-in had one, because browsers always send both. What the sign-in did not show cannot be
    contradicted.
    """
    if not nonce:
        return Broken.NONCE_ABSENT
    if not compare_digest(nonce_hash(nonce), binding.nonce_hash):
        return Broken.NONCE_OTHER
    brands, platform, family, system = binding.traits.split(";")
    shown_brands, shown_platform, shown_family, shown_system = traits.split(";")
    silent = bool(family) and not shown_family
    if silent or _differs((brands, shown_brands), (family, shown_family)):
        return Broken.BROWSER_CHANGED
    if _differs((platform, shown_platform), (system, shown_system)):
        return Broken.PLATFORM_CHANGED
    if by_network and binding.network and not _is_within(address, binding.network):
        return Broken.NETWORK_CHANGED
    return None


def _differs(hints: tuple[str, str], agent: tuple[str, str]) -> bool:
    """Compare two (recorded, shown) pairs: the hints where both are there, else the User-Agent's, absent or not."""
    then, now = hints if all(hints) else agent
    return bool(then) and then != now


def _is_within(address: str, network: str) -> bool:
    """An address of the other family is another network: what cannot be told apart must not pass."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return parsed in ip_network(network)


def device_standing(
    device: DeviceKey | None, made_at: Instant, bound_until: Instant, settings: BindingSettings, now: Instant
) -> Standing:
    """How a request stands to its session's device. `bound_until`: its bound cookie's end, 0 where it shows none.

    `made_at`: when the session was made; a browser has `REGISTER_WITHIN` from then to register where it must.
    """
    if settings.device is DeviceBound.OFF:
        return Standing.HOLDS
    if device is not None:
        proven = now < bound_until or now < device.registered_at + DEVICE_GRACE
        return Standing.HOLDS if proven else Standing.DEVICE_UNPROVEN
    if settings.device is DeviceBound.REQUIRED and now >= made_at + REGISTER_WITHIN:
        return Standing.DEVICE_UNREGISTERED
    return Standing.HOLDS
