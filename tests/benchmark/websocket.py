"""WebSocket echo: an upstream that answers each message with itself, and clients that count round trips.

Messages are binary, of a fixed size below 126 bytes and masked with zeros, so that neither side has work of its own to
do that the proxy between them has not.

usage: python -m benchmark.websocket PORT (the upstream)
"""

import asyncio
import base64
import contextlib
import hashlib
import os
import statistics
import sys
import time
from dataclasses import dataclass

import uvloop

MESSAGE_BYTES = 64
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
_FROM_CLIENT = bytes((0x82, 0x80 | MESSAGE_BYTES)) + bytes(4) + b"m" * MESSAGE_BYTES
_FROM_SERVER = bytes((0x82, MESSAGE_BYTES)) + b"m" * MESSAGE_BYTES


@dataclass(frozen=True, slots=True)
class Echoes:
    """Messages a second there and back, and their round trips in seconds."""

    rate: float
    p50: float
    p99: float


class Upstream(asyncio.Protocol):
    """Answers a handshake, then each message; anything else that comes gets an empty page."""

    def connection_made(self, transport):
        self.transport, self.received, self.open = transport, b"", False

    def data_received(self, data):
        self.received += data
        if not self.open:
            head, end, rest = self.received.partition(b"\r\n\r\n")
            if not end:
                return
            self.received = rest
            self._answer(head.decode("latin-1"))
        count, left = divmod(len(self.received), len(_FROM_CLIENT))
        if self.open and count:
            self.received = self.received[-left:] if left else b""
            self.transport.write(_FROM_SERVER * count)

    def _answer(self, head: str) -> None:
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        key = next(
            (line.split(": ", 1)[1] for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key")), ""
        )
        if fields.get("upgrade") != "websocket":
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n")
            return
        accept = base64.b64encode(hashlib.sha1((key + _GUID).encode()).digest()).decode()
        self.open = True
        self.transport.write(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        )


class Client(asyncio.Protocol):
    """One message at a time, again as soon as the answer is there."""

    def __init__(self, head: bytes, opened: asyncio.Future) -> None:
        self.head, self.opened = head, opened
        self.received, self.trips, self.sent_at = b"", [], 0.0

    def connection_made(self, transport):
        self.transport = transport
        transport.write(self.head)

    def data_received(self, data):
        self.received += data
        if not self.opened.done():
            head, end, rest = self.received.partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head.split(b"\r\n")[0]:
                self.opened.set_exception(RuntimeError(f"no WebSocket: {head.decode('latin-1')}"))
                return
            self.received = rest
            self.opened.set_result(None)
        elif len(self.received) >= len(_FROM_SERVER):
            self.received = self.received[len(_FROM_SERVER) :]
            now = time.perf_counter()
            self.trips.append(now - self.sent_at)
            self.send()

    def send(self) -> None:
        self.sent_at = time.perf_counter()
        self.transport.write(_FROM_CLIENT)


async def _measure(port: int, cookie: str, connections: int, seconds: float) -> Echoes:
    lines = [
        "GET /echo HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        "Sec-WebSocket-Version: 13",
        f"Origin: http://127.0.0.1:{port}",
        *([f"Cookie: {cookie}"] if cookie else []),
    ]
    head = ("\r\n".join(lines) + "\r\n\r\n").encode()
    loop = asyncio.get_running_loop()
    clients = [
        (await loop.create_connection(lambda: Client(head, loop.create_future()), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    try:
        await asyncio.wait_for(asyncio.gather(*(client.opened for client in clients)), 10)
        for client in clients:
            client.send()
        await asyncio.sleep(seconds)
        trips = [trip for client in clients for trip in client.trips]
    finally:
        for client in clients:
            client.transport.abort()
    quantiles = statistics.quantiles(trips, n=100)
    return Echoes(len(trips) / seconds, quantiles[49], quantiles[98])


def measure(port: int, cookie: str, *, connections: int, seconds: float) -> Echoes:
    """From this very process. Raises RuntimeError where the handshake is refused."""
    return uvloop.run(_measure(port, cookie, connections, seconds))


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port, backlog=1024)
    with contextlib.suppress(asyncio.CancelledError):
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
