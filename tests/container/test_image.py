"""The image as people run it: a read-only root, nobody's account, a real Redis, somebody who signs in."""

import signal
import time
from pathlib import Path

import pytest

from container.engine import Container
from support.ports import free_port
from support.world import World

pytestmark = pytest.mark.slow

SESSION = "claims-session"
MOST_BYTES = 260 * 2**20
WRITE = """
import errno, sys
for folder in sys.argv[1:]:
    try:
        open(folder + "/written", "w").close()
    except OSError as error:
        print(folder, errno.errorcode[error.errno])
    else:
        print(folder, "written")
"""


@pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
async def served(request, image, redis_url, signing_key, tmp_path):
    """A world whose proxy is a container: (world, container, its process). It may write to /mnt."""
    configuration, writable = tmp_path / "configuration", tmp_path / "writable"
    configuration.mkdir(0o755)
    writable.mkdir(0o700)
    writable.chmod(0o777)
    watched = free_port()
    management = {"address": f"127.0.0.1:{watched}"}
    keys = {"state": redis_url, "management": management, "workers": request.param}
    async with World(tmp_path, time.time, signing_key=signing_key, within=False, **keys) as world:
        (configuration / "proxy.yaml").write_bytes(world.write_configuration(world.port).read_bytes())
        container = Container(image, configuration, {writable: "/mnt"})
        process = container.start(tmp_path / "container.log", world.port, watched)
        yield world, container, process
        process.stop(signal.SIGTERM)


async def test_a_person_signs_in_works_and_signs_out(served, browser):
    world, _, _ = served
    page = await browser.sign_in(world.url("/main.aspx?etn=account"), "alice")
    assert (page.status, str(page.url)) == (200, world.url("/main.aspx?etn=account"))
    assert (await browser.fetch(world.url("/api/data/v9.2/WhoAmI"))).status == 200
    cookie = browser.cookie(SESSION)
    await browser.open(world.url("/.claims/sign-out"))
    left = await browser.submit()
    assert str(left.url).startswith(world.url("/.claims/signed-out"))
    stolen = await browser.fetch(
        world.url("/api/data/v9.2/WhoAmI"), headers={"Cookie": f"{SESSION}={cookie}"}, cookies=False
    )
    assert (stolen.status, stolen.json()["error"]) == (401, "signed_out")


async def test_it_serves_as_nobody_without_a_capability(served):
    _, _, process = served
    status = process.status()
    assert status["Uid"] == status["Gid"] == ["65532"] * 4
    assert status["Groups"] == []
    assert int(status["CapEff"][0], 16) == 0


async def test_nothing_can_be_written_but_what_is_mounted_for_it(served):
    _, container, _ = served
    folders = ("/", "/tmp", "/var/tmp", "/etc/claims-proxy", "/opt/claims-proxy", "/mnt")
    told = container.run("python3", "-c", WRITE, *folders).stdout.splitlines()
    assert told == [f"{folder} EROFS" for folder in folders[:-1]] + ["/mnt written"]


async def test_its_health_check_passes_while_it_serves_and_fails_after(served):
    _, container, process = served
    kind, *command = container.image.settings["Healthcheck"]["Test"]
    assert kind == "CMD"
    well = container.run(*command)
    assert well.returncode == 0, well.stdout + well.stderr
    process.stop(signal.SIGTERM)
    assert container.run(*command).returncode == 1


async def test_the_signal_of_docker_stop_ends_it_cleanly(served, browser):
    world, container, process = served
    assert (await browser.sign_in(world.url("/main.aspx"), "alice")).status == 200
    assert process.stop(signal.Signals[container.image.settings["StopSignal"]]) == 0
    assert "Traceback" not in process.log.read_text()


async def test_a_configuration_at_fault_is_named_with_its_line(image, tmp_path):
    folder = tmp_path / "configuration"
    folder.mkdir(0o755)
    (folder / "proxy.yaml").write_text("listen: {address: nowhere}\n")
    refused = Container(image, folder).run(*image.settings["Entrypoint"], *image.settings["Cmd"])
    assert refused.returncode == 2
    assert "/etc/claims-proxy/proxy.yaml:1:" in refused.stderr


def test_it_says_what_it_is(image):
    labels = image.settings["Labels"]
    assert labels["org.opencontainers.image.title"] == "claims-proxy"
    assert labels["org.opencontainers.image.revision"] == "a-revision-of-the-tests"


@pytest.mark.parametrize("tool", ["pip", "pip3", "cc", "gcc", "make", "git"])
def test_nothing_that_builds_is_in_it(image, tool):
    folders = ("usr/local/bin", "usr/bin", "opt/claims-proxy/bin")
    assert not [folder for folder in folders if (image.root / folder / tool).exists()]


def test_every_module_comes_with_its_bytecode(image):
    modules = [path for path in installed(image.root).rglob("*.py") if "templates" not in path.parts]
    assert len(modules) > 500
    without = [path for path in modules if not (path.parent / "__pycache__" / f"{path.stem}.cpython-311.pyc").exists()]
    assert not without


def test_its_bytecode_holds_whatever_the_dates_say(image):
    """PEP 552: the second word is 1 where the source is known by its hash and never looked at again."""
    flags = {path.read_bytes()[4:8] for path in installed(image.root).rglob("*.pyc")}
    assert flags == {(1).to_bytes(4, "little")}


def test_its_size_is_reasonable(image, capsys):
    size, ours = image.size(), sum(path.lstat().st_size for path in installed(image.root).rglob("*"))
    with capsys.disabled():
        print(f"\nthe image: {size / 1e6:.0f} MB, {ours / 1e6:.0f} MB of it the proxy and its wheels")
    assert size < MOST_BYTES


def installed(root: Path) -> Path:
    return root / "opt/claims-proxy/lib/python3.11/site-packages"
