"""The AD FS double in a process of its own, for any number of proxies.

usage: python -m benchmark.adfs PORT SECRET PROXY_PORT...
"""

import asyncio
import sys
import time

import uvloop

from proxy.demo.adfs import AdfsDouble
from proxy.demo.adfs_model import Client
from support.world import served


async def main(port: int, secret: str, ports: list[int]) -> None:
    origins = [f"http://127.0.0.1:{each}" for each in ports]
    client = Client(
        client_id="bench",
        secret=secret,
        redirect_uris=tuple(f"{origin}/.claims/callback" for origin in origins),
        post_logout_redirect_uris=(),
        resources=tuple(f"{origin}/" for origin in origins),
    )
    double = AdfsDouble(f"http://127.0.0.1:{port}/adfs", [client], time.time)
    async with served(double.application(), port):
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2], [int(each) for each in sys.argv[3:]]))
