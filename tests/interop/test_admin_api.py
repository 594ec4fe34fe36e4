"""schemathesis against the administrators' API: what it answers is what its description says, whatever comes in."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from admin.conftest import Desk, live
from support.browser import CHROME

pytestmark = pytest.mark.slow

# A schema cannot say which settings and sessions there are.
_NOT_FOR_US = "positive_data_acceptance"


async def test_the_api_keeps_to_its_description(world, browser, tmp_path):
    one = await world(**live())
    await browser.sign_in(one.admin_url("/"), "admin")
    desk = Desk(one, browser)
    token = (await desk.ask("me")).json()["token"]
    described = await browser.fetch(one.admin_url("/.claims/admin/openapi.json"))
    # The cookie comes with every request, by its name over plain http: leaving it out is not for this to try.
    description = described.json()
    del description["security"]
    schema = tmp_path / "openapi.json"
    schema.write_text(json.dumps(description))
    headers = {
        "Cookie": "; ".join(f"{name}={browser.cookie(name)}" for name in ("claims-session", "claims-nonce")),
        "User-Agent": CHROME,
        # The tool does not resolve the name admin.localhost.
        "Host": f"{one.admin_host}:{one.port}",
        "Origin": one.admin_url(""),
        "X-Claims-Token": token,
    }
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", str(schema), "--url"]
    command += [one.url("/.claims/admin/api"), "--exclude-checks", _NOT_FOR_US, "--max-examples", "15", "--seed", "1"]
    command += ["--continue-on-failure", "--phases", "examples,coverage,fuzzing", "--warnings", "off"]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    running = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=tmp_path
    )
    told, _ = await running.communicate()
    assert running.returncode == 0, told.decode()[-6000:]
    assert len(description["paths"]) == 11
