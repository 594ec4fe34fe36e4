"""How much a client may send, how long it may take, and how many there may be."""

from dataclasses import dataclass

from proxy.model.time import Seconds


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of one listener; deadlines are kept to within `sweep` seconds.

    `head_seconds` from a head's first byte to its last; `body_seconds` between two pieces of a body, in either
    direction; `keep_alive_seconds` without a request; `linger_seconds` for a client to read a refusal while it sends.
    `head_bytes`: request line and fields, with tickets as Kerberos has and cookies as CRM has; `fields` of them at
    most. `per_address` does not count for trusted proxies, which speak for many.
    """

    head_seconds: Seconds = 10.0
    body_seconds: Seconds = 120.0
    keep_alive_seconds: Seconds = 75.0
    linger_seconds: Seconds = 2.0
    head_bytes: int = 64 * 1024
    fields: int = 100
    connections: int = 16_384
    per_address: int = 4_096
    sweep: Seconds = 1.0
