"""Ports for servers of tests."""

import secrets
import socket

# Below what Linux hands out to outgoing connections (32768 and up): between the look and the server's own bind nobody
# takes such a port by accident.
_RANGE = (12_000, 32_000)


def free_port() -> int:
    """A loopback port that nobody listens on."""
    while True:
        port = _RANGE[0] + secrets.randbelow(_RANGE[1] - _RANGE[0])
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
