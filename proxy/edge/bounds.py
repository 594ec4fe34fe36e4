"""How much a client may send, how long it may take, and how many there may be."""

from dataclasses import dataclass

from proxy.model.time import Seconds


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of one listener; deadlines are kept to within `sweep` seconds.

    `head_seconds` from a head's first byte to its last; `body_seconds` between two pieces of a body, in either
    direction; `body_rate` bytes a second at least, measured over `body_rate_seconds`, of a body that is too large to
    be gathered; `keep_alive_seconds` without a request; `linger_seconds` for a client to read a refusal while it
    sends; `refusal_seconds` for whoever has a request whose body broke to say so.
    `head_bytes`: request line and fields, with tickets as Kerberos has and cookies as CRM has; `fields` of them at
    most. `per_address` does not count for trusted proxies, which speak for many.
    """

    head_seconds: Seconds = 10.0
    body_seconds: Seconds = 120.0
    body_rate: float = 500.0
    body_rate_seconds: Seconds = 20.0
    refusal_seconds: Seconds = 5.0
    keep_alive_seconds: Seconds = 75.0
    linger_seconds: Seconds = 2.0
    head_bytes: int = 64 * 1024
    fields: int = 100
    connections: int = 16_384
    per_address: int = 4_096
    sweep: Seconds = 1.0
