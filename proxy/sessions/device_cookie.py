"""The bound cookie of Device Bound Session Credentials: `<expiry>.<MAC of session and expiry>`.

It lives for minutes, and only the device that holds the session's private key gets the next one.
"""

import re
from hmac import compare_digest

from proxy.model.time import Instant, Seconds
from proxy.sealing import Sealer

BOUND_SECONDS: Seconds = 300.0
"""How long a browser keeps a bound cookie before it has to prove its key anew."""

_LATE: Seconds = 30.0
"""A request that left before the browser's cookie ended may come that much later."""

_VALUE = re.compile(r"([0-9]{1,12})\.([A-Za-z0-9_-]{22})\Z")
_PURPOSE = "device cookie"


def make_device_cookie(sealer: Sealer, id_hash: str, now: Instant) -> str:
    """The value for a session from now on."""
    expiry = int(now + BOUND_SECONDS + _LATE)
    return f"{expiry}.{sealer.tag(f'{id_hash} {expiry}', purpose=_PURPOSE)}"


def bound_until(sealer: Sealer, cookie: str, id_hash: str) -> Instant:
    """When a bound cookie ends; 0 for one that is not this session's, or not ours."""
    found = _VALUE.match(cookie)
    if found is None:
        return 0.0
    tags = sealer.tags(f"{id_hash} {found[1]}", purpose=_PURPOSE)
    return float(found[1]) if any(compare_digest(tag, found[2]) for tag in tags) else 0.0
