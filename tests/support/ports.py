"""Ports for servers of tests."""

import os
import secrets
import socket
from collections.abc import Iterator

# Below what Linux hands out to outgoing connections (32768 and up): between the look and the server's own bind nobody
# takes such a port by accident.
_FIRST, _LAST = 12_000, 32_000


def free_port() -> int:
    """A loopback port that nobody listens on, and that no other test of this run is given meanwhile."""
    for port in _ports:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("ports never run out")


def _shares() -> Iterator[int]:
    """The ports of this process of pytest, round and round from a place of its own.

    Tests run in several processes at once. Each has a share to itself, and in it no port comes again before all others
    did, so that two servers are never given one port between the look and the bind.
    """
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    size = (_LAST - _FIRST) // count
    first = _FIRST + number * size
    at = secrets.randbelow(size)
    while True:
        yield first + at
        at = (at + 1) % size


_ports = _shares()
