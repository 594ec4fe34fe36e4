"""Proxies in processes of their own, with one clock for all of them in a file that a test writes."""

import subprocess
import sys
import time
from pathlib import Path

from support.patience import HANG

PROGRAM = Path(__file__).with_name("proxy_process.py")


class FileClock:
    """Wall time plus the seconds in a file; whoever reads the file shares the time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0.0
        self._write()

    def __call__(self) -> float:
        return time.time() + self.offset

    def advance(self, seconds: float) -> None:
        self.offset += seconds
        self._write()

    def _write(self) -> None:
        # Renamed into place: a reader never sees half a number.
        part = self.path.with_suffix(".part")
        part.write_text(str(self.offset))
        part.rename(self.path)


class ProxyProcess:
    """One proxy. `log`: what it wrote."""

    def __init__(self, config: Path, clock: FileClock, folder: Path, name: str) -> None:
        self.log = folder / f"{name}.log"
        self._ready = folder / f"{name}.port"
        with self.log.open("wb") as out:
            command = [sys.executable, str(PROGRAM), str(config), str(clock.path), str(self._ready)]
            self.process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)

    def wait(self) -> None:
        """Until it serves. One that does not start is ended: it would follow the store of every test after this one."""
        deadline = time.monotonic() + HANG
        try:
            while not self._ready.exists():
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < deadline, f"the proxy did not start:\n{self.log.read_text()}"
                time.sleep(0.02)
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise

    def stop(self) -> int:
        self.process.terminate()
        try:
            return self.process.wait(HANG)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
