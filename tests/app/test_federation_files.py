"""Files of a WS-Federation provider are followed: another key opens tokens, other metadata are gone by, at a reload."""

from dataclasses import replace

import aiohttp
import pytest

from proxy.app.sources import files_of
from proxy.errors import CannotStart


@pytest.fixture
async def one(world):
    return await world(federated=True, encrypted=True)


async def test_a_key_that_came_too_late_opens_tokens_after_a_reload(one, browser):
    file = one.folder / "decryption.pem"
    good = file.read_bytes()
    deployment = one.proxy.deployment
    (provider,) = deployment.identity_providers
    without = replace(deployment, identity_providers=(replace(provider, decryption_keys=()),))
    await one.proxy.reload(without)
    assert (await browser.sign_in(one.url("/main.aspx"), "alice")).status == 403
    await one.proxy.reload(deployment)
    assert (await browser.sign_in(one.url("/main.aspx"), "alice")).status == 200
    file.write_bytes(b"no key")
    with pytest.raises(CannotStart, match=r"decryption_keys: .*decryption\.pem cannot be used: no private key"):
        await one.proxy.reload(deployment)
    file.write_bytes(good)
    await one.proxy.reload(deployment)


async def test_metadata_from_a_file_are_those_that_it_says_now(one, browser, tmp_path):
    address = f"http://127.0.0.1:{one.adfs_port}/FederationMetadata/2007-06/FederationMetadata.xml"
    async with aiohttp.ClientSession() as client, client.get(address) as answer:
        said = await answer.read()
    file = tmp_path / "metadata.xml"
    file.write_bytes(said.replace(b"/adfs/services/trust", b"/adfs/services/other"))
    deployment = one.proxy.deployment
    (provider,) = deployment.identity_providers
    local = replace(deployment, identity_providers=(replace(provider, metadata=str(file)),))
    assert str(file) in files_of(local)
    assert one.decryption.path in files_of(local)
    await one.proxy.reload(local)
    # What was changed after it was signed is no good.
    assert (await browser.sign_in(one.url("/main.aspx"), "alice")).status == 502
    file.write_bytes(said)
    await one.proxy.reload(local)
    assert (await browser.sign_in(one.url("/main.aspx"), "alice")).status == 200
