"""buildah, and what it built run as a container engine would: one read-only root, one user, no more than is mounted."""

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from support.patience import HANG

_STOP_SECONDS = 15
# /proc and /dev/null are there in every container; all mounts end with the namespace that unshare made.
_ENTER = """set -eu
root=$1; shift
mount --bind "$root" "$root"
mount --rbind /proc "$root/proc"
mount -t tmpfs -o mode=755,size=64k tmpfs "$root/dev"
: > "$root/dev/null"
mount --bind /dev/null "$root/dev/null"
mount -o remount,ro "$root/dev"
mount -o remount,bind,ro "$root"
while [ "$1" != -- ]; do
    mount --bind "$2" "$root$3"
    mount -o "remount,bind,$1" "$root$3"
    shift 3
done
shift
exec "$@"
"""


class Buildah:
    """`buildah` over storage of its own, which needs no kernel's help."""

    def __init__(self, storage: Path) -> None:
        self._options = [f"--root={storage / 'root'}", f"--runroot={storage / 'run'}", "--storage-driver=vfs"]

    def __call__(self, *arguments: str) -> str:
        """What it says on standard output."""
        done = subprocess.run(
            ["buildah", *self._options, *arguments],
            env=os.environ | {"BUILDAH_ISOLATION": "chroot"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"buildah {' '.join(arguments)}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        return done.stdout.strip()


class Image:
    """A built image. `root`: its file system; `settings`: what it says of how it is run."""

    def __init__(self, buildah: Buildah, name: str) -> None:
        self.settings = json.loads(buildah("inspect", "--type", "image", name))["Docker"]["config"]
        self.root = Path(buildah("mount", buildah("from", "--pull-never", name)))

    def size(self) -> int:
        """Bytes of all its files, a file of several names counted once."""
        stats = [path.lstat() for path in self.root.rglob("*")]
        return sum({(one.st_dev, one.st_ino): one.st_size for one in stats}.values())


class Container:
    """One container of an image, on this machine's network.

    `configuration`: the folder at /etc/claims-proxy, read-only; `writable`: {folder here: path in the container}.
    """

    def __init__(self, image: Image, configuration: Path, writable: dict[Path, str] | None = None) -> None:
        self.image = image
        self._mounts = ["ro", str(configuration), "/etc/claims-proxy"]
        for folder, inside in (writable or {}).items():
            self._mounts += ["rw", str(folder), inside]

    def start(self, log: Path, *ports: int) -> "Served":
        """Run what the image runs by itself, until it listens on all `ports`; workers share one open before them."""
        settings = self.image.settings
        with log.open("wb") as out:
            command = self._command([*settings["Entrypoint"], *settings["Cmd"]])
            process = subprocess.Popen(command, env=self._environment(), stdout=out, stderr=subprocess.STDOUT)
        served = Served(process, log)
        try:
            for port in ports:
                served.wait_for(port)
        except BaseException:
            served.stop(signal.SIGKILL)
            raise
        return served

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """One command in it, as HEALTHCHECK or `docker exec` would."""
        return subprocess.run(
            self._command(command), env=self._environment(), capture_output=True, text=True, timeout=30, check=False
        )

    def _command(self, command) -> list[str]:
        settings = self.image.settings
        root = str(self.image.root)
        chroot = ["chroot", f"--userspec={settings['User']}", "--groups=", root]
        enter = ["unshare", "--mount", "sh", "-c", _ENTER, "enter", root, *self._mounts, "--"]
        return [*enter, *chroot, "env", f"--chdir={settings['WorkingDir']}", *command]

    def _environment(self) -> dict[str, str]:
        return dict(pair.split("=", 1) for pair in self.image.settings["Env"])


class Served:
    """A container's process. `log`: what it wrote."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log

    def wait_for(self, port: int) -> None:
        deadline = time.monotonic() + HANG
        while True:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, f"it does not listen:\n{self.log.read_text()}"
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=1):
                    return
            except OSError:
                time.sleep(0.05)

    def status(self) -> dict[str, list[str]]:
        """/proc/PID/status: who it is and what it may."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return {name: value.split() for name, _, value in (line.partition(":") for line in lines)}

    def stop(self, number: int) -> int:
        """Tell it to end, and wait: its exit code. One that has ended keeps the code it has."""
        self.process.send_signal(number)
        try:
            return self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
