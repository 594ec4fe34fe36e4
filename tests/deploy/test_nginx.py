"""deploy/nginx.conf: nginx takes it, and what it says of a client is its own word, never the client's."""

import asyncio
import shutil
import ssl
import subprocess
from dataclasses import replace

import pytest

from support.browser import Browser
from support.certificates import make_certificate
from support.patience import HANG
from support.ports import free_port
from support.world import CLIENT_ID

HOST = "crm.contoso.com"


@pytest.fixture
def nginx():
    """The path of nginx."""
    return shutil.which("nginx") or pytest.skip("no nginx: apt-get install nginx")


@pytest.fixture
def moved(deploy, tmp_path):
    """The file with ports, certificates and folders of a test: `moved(https port, proxy's port)`."""
    files = make_certificate(tmp_path)

    def write(port, proxy_port):
        text = (deploy / "nginx.conf").read_text()
        for old, new in (
            ("/run/nginx.pid", str(tmp_path / "nginx.pid")),
            ("/var/log/nginx/error.log", str(tmp_path / "error.log")),
            ("/etc/nginx/tls/crm.contoso.com.crt", files["certificate"]),
            ("/etc/nginx/tls/crm.contoso.com.key", files["key"]),
            ("server 127.0.0.1:8080;", f"server 127.0.0.1:{proxy_port};"),
            ("listen 443 ", f"listen 127.0.0.1:{port} "),
            ("listen 80 ", f"listen 127.0.0.1:{free_port()} "),
        ):
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "nginx.conf"
        path.write_text(text)
        return path

    return write


def test_nginx_takes_the_file(nginx, moved):
    path = moved(free_port(), free_port())
    said = subprocess.run([nginx, "-t", "-c", path], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    path.write_text(path.read_text().replace("proxy_buffering off;", "proxy_buffering of;"))
    assert subprocess.run([nginx, "-t", "-c", path], capture_output=True, check=False).returncode == 1


@pytest.fixture
def trusted() -> str:
    """The network whose forwarding headers count: nginx's own."""
    return "127.0.0.1"


@pytest.fixture
async def behind(nginx, moved, world, tmp_path, trusted):
    """A proxy behind nginx; answers the origin that browsers know."""
    port = free_port()
    origin = f"https://{HOST}:{port}"
    one = await world(
        listen={"trusted_proxies": [trusted]},
        organization={"hosts": [HOST], "anonymous": ["/headers"]},
        provider={"resource": f"{origin}/"},
    )
    client = one.adfs.state.clients[CLIENT_ID]
    one.adfs.state.clients[CLIENT_ID] = replace(
        client,
        redirect_uris=(f"{origin}/.claims/callback",),
        post_logout_redirect_uris=(f"{origin}/.claims/signed-out",),
        resources=(f"{origin}/",),
    )
    process = await asyncio.create_subprocess_exec(nginx, "-c", moved(port, one.port), "-g", "daemon off;")
    async with asyncio.timeout(HANG):
        while not (tmp_path / "nginx.pid").exists():
            assert process.returncode is None, (tmp_path / "error.log").read_text()
            await asyncio.sleep(0.02)
    yield origin
    process.terminate()
    await process.wait()


@pytest.fixture
async def visitor(tmp_path, behind):
    trust = ssl.create_default_context(cafile=tmp_path / "tls.crt")
    # The certificate is for the address.
    trust.check_hostname = False
    async with Browser(tls=trust) as one:
        yield one


async def test_a_person_signs_in_and_what_they_claim_of_their_way_is_overwritten(behind, visitor):
    page = await visitor.sign_in(f"{behind}/main.aspx", "alice")
    assert (page.status, str(page.url)) == (200, f"{behind}/main.aspx")
    assert visitor.cookie("__Host-claims-session")
    forged = {
        "Accept": "application/json",
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "evil.example",
        "Forwarded": "for=203.0.113.9;host=evil.example;proto=http",
    }
    answer = await visitor.fetch(f"{behind}/headers", headers=forged)
    assert answer.status == 200
    reached = {name.lower(): value for name, value in answer.json()["headers"]}
    assert reached["x-forwarded-for"] == "127.0.0.1"
    assert reached["x-forwarded-proto"] == "https"
    assert reached["x-forwarded-host"] == behind.removeprefix("https://")
    assert "203.0.113.9" not in str(reached)
    assert "evil.example" not in str(reached)
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


@pytest.mark.parametrize(("trusted", "scheme"), [("127.0.0.1", "https"), ("192.0.2.0/24", "http")])
async def test_only_of_a_trusted_peer_do_the_headers_count(behind, visitor, scheme):
    """The same nginx and the same headers; where it is not trusted, the connection itself is what counts."""
    answer = await visitor.fetch(f"{behind}/headers", headers={"Accept": "application/json"})
    assert answer.status == 200
    reached = {name.lower(): value for name, value in answer.json()["headers"]}
    assert (reached["x-forwarded-proto"], reached["x-forwarded-for"]) == (scheme, "127.0.0.1")


async def test_a_target_arrives_byte_for_byte(behind, visitor):
    await visitor.sign_in(f"{behind}/main.aspx", "alice")
    target = "/headers?a=%41+b%2Fc&d=//e"
    answer = await visitor.fetch(f"{behind}{target}", headers={"Accept": "application/json"})
    assert answer.json()["target"] == target
