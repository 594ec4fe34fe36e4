"""Certificates of a proxy that runs: renewed files are shown, files that do not fit leave the earlier ones in force."""

import asyncio
import socket
from dataclasses import replace

import pytest

from proxy.errors import CannotStart
from proxy.model.deployment import Tls
from support.authority import ENDS, Authority


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority(tmp_path)


async def shown(authority: Authority, port: int) -> str:
    """The serial number of the certificate that a client is shown."""

    def shake() -> str:
        with (
            socket.create_connection(("127.0.0.1", port)) as raw,
            authority.trust.wrap_socket(raw, server_hostname="127.0.0.1") as wrapped,
        ):
            return str(wrapped.getpeercert()["serialNumber"])

    return await asyncio.to_thread(shake)


@pytest.fixture
async def safe(world, authority):
    return await world(listen={"tls": authority.issue("127.0.0.1")})


async def test_renewed_files_are_shown_after_a_reload(safe, authority):
    before = await shown(authority, safe.port)
    authority.issue("127.0.0.1")
    assert await shown(authority, safe.port) == before
    assert await safe.proxy.reload(safe.proxy.deployment) == ()
    assert await shown(authority, safe.port) != before


async def test_files_that_do_not_belong_together_leave_the_earlier_pair_in_force(safe, authority):
    before, deployment = await shown(authority, safe.port), safe.proxy.deployment
    other = authority.issue("127.0.0.1", called="other")
    mixed = replace(deployment.listen, tls=replace(deployment.listen.tls, key=other["key"]))
    with pytest.raises(CannotStart, match="is not the key of"):
        await safe.proxy.reload(replace(deployment, listen=mixed))
    assert await shown(authority, safe.port) == before
    whole = replace(deployment.listen, tls=Tls(**other))
    await safe.proxy.reload(replace(deployment, listen=whole))
    assert await shown(authority, safe.port) != before


async def test_when_the_certificate_ends_is_a_metric(safe):
    (ends,) = (await safe.proxy.snapshot()).gauges["certificate_expires_timestamp_seconds"].values()
    assert ends == ENDS.timestamp()
