"""What a session is bound to: the browser that signed in, and the device that proved a key."""

from dataclasses import dataclass
from enum import StrEnum

from proxy.model.time import Instant


class DeviceBound(StrEnum):
    """Device Bound Session Credentials: where a browser offers them, for every browser, or not at all."""

    AUTO = "auto"
    REQUIRED = "required"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class NetworkPrefixes:
    """How many leading bits of an address name a browser's network, for each family."""

    v4: int
    v6: int


@dataclass(frozen=True, slots=True)
class BindingSettings:
    """`networks` None: an address binds nothing."""

    device: DeviceBound = DeviceBound.OFF
    networks: NetworkPrefixes | None = None


@dataclass(frozen=True, slots=True)
class Binding:
    """What was recorded of the browser at sign-in. It is recorded always; the rules say whether it is enforced.

    `nonce_hash`: of the nonce cookie. `traits`: see `policy.binding.traits_of`. `network`: empty where none binds.
    """

    nonce_hash: str
    traits: str
    network: str
    at: Instant


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """The public key, as a JWK in JSON, that a device registered for a session, and when."""

    jwk: str
    registered_at: Instant


class Standing(StrEnum):
    """How a request stands to what its session is bound to."""

    HOLDS = "holds"
    BROKEN = "broken"
    DEVICE_UNPROVEN = "device_unproven"
    DEVICE_UNREGISTERED = "device_unregistered"
