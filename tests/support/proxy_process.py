"""Runs one proxy in a process of its own; a test moves its clock by writing seconds into a file.

usage: proxy_process.py CONFIG OFFSET_FILE PORT_FILE
"""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import uvloop

from proxy.app import start
from proxy.configuration import load
from proxy.observability import logs


async def main(config: Path, offset_file: Path, port_file: Path) -> None:
    def clock() -> float:
        return time.time() + float(offset_file.read_text() or "0")

    logs.configure(log_format="json")
    proxy = await start(load(config, os.environ), clock=clock)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    ready = port_file.with_suffix(".part")
    ready.write_text(str(proxy.port))
    ready.rename(port_file)
    await stop.wait()
    await proxy.close()


uvloop.run(main(*map(Path, sys.argv[1:4])))
