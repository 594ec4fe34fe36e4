"""What is asked of a client's socket beside its bytes."""

import asyncio
import contextlib
import fcntl
import os
import socket
import struct
import termios

_RESET = struct.pack("ii", 1, 0)


def address_of(peername: object) -> str:
    """The address in a socket's name of its peer; empty where there is none."""
    return str(peername[0]) if isinstance(peername, tuple) and peername else ""


def has_unread(transport: asyncio.Transport) -> bool:
    """Whether the kernel holds bytes of the client that nobody has read."""
    own = transport.get_extra_info("socket")
    try:
        return any(fcntl.ioctl(own.fileno(), termios.FIONREAD, bytes(4)))
    except OSError:
        return False


def hang_up(transport: asyncio.Transport) -> None:
    """Tell the client at once: the transport closes a turn of the event loop later, and a request may come till then.

    TLS does so by itself: its closing alert is out when `close` returns.
    """
    if transport.get_extra_info("sslcontext") is None:
        own = transport.get_extra_info("socket")
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(own.fileno())) as same:
            same.shutdown(socket.SHUT_WR)


def reset(transport: asyncio.Transport) -> None:
    """Cut the connection so that the client sees a reset, not an end that looks orderly."""
    own = transport.get_extra_info("socket")
    with contextlib.suppress(OSError):
        # Without it the kernel ends even an aborted connection as if all were said.
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()
