"""One worker of the proxy that answers every request in its full lane.

usage: python -m benchmark.full_lane CONFIG
"""

import asyncio
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

import uvloop

from proxy.app import running
from proxy.configuration import load
from proxy.observability import logs


def exists() -> bool:
    """Whether this version has lanes to choose from."""
    return hasattr(running.serve, "__kwdefaults__") and "lane" in (running.serve.__kwdefaults__ or {})


async def main(config: Path) -> None:
    lanes = type(running.serve.__kwdefaults__["lane"])
    running.serve = partial(running.serve, lane=lanes.FULL)
    deployment = load(config, os.environ)
    logs.configure(level=deployment.observability.log_level, log_format=deployment.observability.log_format)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    one = await running.start(deployment, clock=time.time)
    try:
        await stop.wait()
    finally:
        await one.close(1.0)


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1])))
