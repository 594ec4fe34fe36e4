"""Runs one proxy in a process of its own; a test moves its clock by writing seconds into a file.

usage: proxy_process.py CONFIG OFFSET_FILE PORT_FILE
"""

import os
import sys
import time
from pathlib import Path

import uvloop

from proxy.app import RunningProxy, Supervisor, serve_until_told
from proxy.configuration import load
from proxy.observability import logs


async def main(config: Path, offset_file: Path, port_file: Path) -> None:
    def clock() -> float:
        return time.time() + float(offset_file.read_text() or "0")

    logs.configure(log_format="json")

    def ready(proxy: RunningProxy | Supervisor) -> None:
        part = port_file.with_suffix(".part")
        part.write_text(str(proxy.port))
        part.rename(port_file)

    await serve_until_told(config, load(config, os.environ), clock, ready=ready)


uvloop.run(main(*map(Path, sys.argv[1:4])))
