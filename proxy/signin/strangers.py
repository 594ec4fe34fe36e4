"""Client addresses whose front-channel logouts named sessions that do not exist."""

from collections import OrderedDict

from proxy.model.binding import NetworkPrefixes
from proxy.model.session import Vouched
from proxy.model.time import Instant, Seconds
from proxy.policy.binding import network_of

_MOST_UNKNOWN = 16
_WINDOW: Seconds = 600.0
_MOST_ADDRESSES = 10_000
_ONE_CLIENT = NetworkPrefixes(32, 64)


class Strangers:
    """Counts, in this worker, the unknown `sid` values of each client address (IPv6: of each /64 network)."""

    def __init__(self) -> None:
        self._counted: OrderedDict[str, tuple[Instant, int]] = OrderedDict()

    def vouched(self, address: str, now: Instant) -> Vouched:
        """Return how far an unsigned `sid` from this address may be remembered."""
        _, count = self._of(network_of(address, _ONE_CLIENT), now)
        return Vouched.SUSPECT if count >= _MOST_UNKNOWN else Vouched.UNSIGNED

    def note(self, address: str, now: Instant) -> None:
        """Count a `sid` that ended nothing."""
        name = network_of(address, _ONE_CLIENT)
        since, count = self._of(name, now)
        self._counted[name] = since, count + 1
        self._counted.move_to_end(name)
        if len(self._counted) > _MOST_ADDRESSES:
            self._counted.popitem(last=False)

    def _of(self, name: str, now: Instant) -> tuple[Instant, int]:
        since, count = self._counted.get(name, (now, 0))
        return (since, count) if 0 <= now - since < _WINDOW else (now, 0)
