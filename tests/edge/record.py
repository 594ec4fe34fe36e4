"""Records how real programs ask: the bytes of their requests, for the comparison of the lanes.

usage: PYTHONPATH=tests python tests/edge/record.py     (writes tests/edge/recorded.json; needs chromium, curl, nginx)
"""

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import aiohttp
from playwright.async_api import async_playwright

from support.node import node_binary
from support.patience import HANG
from support.ports import free_port

FILE = Path(__file__).with_name("recorded.json")
HOST = "crm.contoso.com"
PAGE = """<!doctype html><html><head><link rel="stylesheet" href="/style.css"><script src="/script.js"></script>
<link rel="preload" href="/font.woff2" as="font" crossorigin></head><body><img src="/image.png" alt="">
<iframe src="/frame"></iframe><form id="g" action="/search"><input name="q" value="a b"></form>
<form id="p" action="/save" method="post"><input name="name" value="Ann &amp; Bob"></form>
<form id="m" action="/upload" method="post" enctype="multipart/form-data"><input name="note" value="x"></form>
</body></html>"""
SCRIPT = """async () => {
  await fetch('/api/data/v9.2/WhoAmI', {headers: {'OData-Version': '4.0', 'Accept': 'application/json'}});
  await fetch('/api/data/v9.2/accounts(1)', {method: 'PATCH', body: JSON.stringify({name: 'Ünï'}),
    headers: {'If-Match': '*', 'Content-Type': 'application/json'}});
  await fetch('/api/data/v9.2/accounts(1)', {method: 'DELETE'});
  await fetch('/poll', {cache: 'no-store', keepalive: true});
  await fetch('/range', {headers: {Range: 'bytes=0-99'}});
  navigator.sendBeacon('/beacon', 'x=1');
  const x = new XMLHttpRequest(); x.open('POST', '/AppWebServices/Ribbon.asmx'); x.setRequestHeader('SOAPAction', 'x');
  x.send('<a/>'); await new Promise((done) => { x.onloadend = done; });
  new EventSource('/events'); new WebSocket(`ws://${location.host}/socket`);
  await new Promise((done) => setTimeout(done, 500));
}"""


class Recorder:
    """Keeps every request as it came, and answers something to each."""

    def __init__(self) -> None:
        self.program = ""
        self.found: dict[bytes, str] = {}

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if b"expect: 100-continue" in head.lower():
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                body = await self._body(reader, head.lower())
                self.found.setdefault(head + body, self.program)
                page = PAGE.encode() if head.startswith((b"GET / ", b"GET /frame ")) else b"ok"
                cookies = b"Set-Cookie: claims-session=alice; Path=/\r\nSet-Cookie: a=1; Path=/\r\n"
                fields = b"Content-Type: text/html\r\n" + cookies
                writer.write(b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n" % (fields, len(page)))
                writer.write(b"" if head.startswith(b"HEAD") else page)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _body(self, reader: asyncio.StreamReader, head: bytes) -> bytes:
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name == b"content-length":
                return await reader.readexactly(int(value))
            if name == b"transfer-encoding":
                body = b""
                while not body.endswith(b"0\r\n\r\n"):
                    body += await reader.readuntil(b"\r\n")
                return body
        return b""


async def run(*command: str, stdin: bytes = b"") -> None:
    process = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    await asyncio.wait_for(process.communicate(stdin), HANG)


async def browse(url: str) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = await browser.new_page()
        for _ in range(2):
            await page.goto(url)
            await page.evaluate(SCRIPT)
        for form in "gpm":
            await page.goto(url)
            await page.evaluate(f"document.getElementById('{form}').submit()")
            await page.wait_for_load_state()
        await page.goto(f"{url}main.aspx?etn=account&id=%7B1%7D&q=a+b#fragment")
        await page.reload()
        await browser.close()


async def curl(url: str) -> None:
    cookie = ("-b", "claims-session=alice; b=2")
    for more in (
        (),
        cookie,
        (*cookie, "--http1.0"),
        (*cookie, "-I"),
        (*cookie, "-d", "a=1&b=%20"),
        (*cookie, "-d", "x" * 2000, "-H", "Expect: 100-continue"),
        (*cookie, "-F", "file=@/etc/hostname"),
        (*cookie, "-X", "PUT", "-T", "/etc/hostname"),
        (*cookie, "-H", "Transfer-Encoding: chunked", "-d", "abc"),
        (*cookie, "-X", "OPTIONS"),
        (*cookie, "--compressed", "-r", "0-9"),
        (*cookie, "-u", "alice:x"),
        (*cookie, "--ntlm", "-u", "alice:x"),
        (*cookie, "-H", "Authorization: Bearer eyJ"),
        (*cookie, "-H", "Connection: close"),
        (*cookie, "-e", "http://other.example/", "-A", "Mozilla/4.0 (compatible; MSIE 7.0)"),
    ):
        await run("curl", "--silent", "--max-time", "5", *more, f"{url}a%20b/c.aspx?x=%2F&y=1")
    await run("curl", "--silent", "--path-as-is", *cookie, f"{url}a/../b")
    await run("curl", "--silent", "-T", "-", *cookie, f"{url}stream", stdin=b"y" * 100)


async def others(url: str) -> None:
    async with aiohttp.ClientSession(cookies={"claims-session": "alice"}) as client:
        for method in ("GET", "POST", "PATCH", "DELETE"):
            async with client.request(method, url, json={"a": 1} if method in ("POST", "PATCH") else None) as answer:
                await answer.read()
    request = urllib.request.Request(url, headers={"Cookie": "claims-session=alice"})
    await asyncio.to_thread(lambda: urllib.request.urlopen(request).read())
    node = node_binary()
    script = (
        f"const o = {{headers: {{cookie: 'claims-session=alice'}}}}; await fetch('{url}', o);"
        f"await fetch('{url}', {{...o, method: 'POST', body: new URLSearchParams({{a: '1'}})}});"
    )
    await run(str(node), "--input-type=module", "-e", script)


async def balanced(url: str, folder: Path) -> None:
    """nginx in front: what it adds, and what it makes of a head."""
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(
        f"pid {folder}/pid; error_log {folder}/log; events {{}} http {{ access_log off; server {{"
        f"listen 127.0.0.1:{port}; location / {{ proxy_pass {url.rstrip('/')}; proxy_http_version 1.1;"
        "proxy_set_header Connection ''; proxy_set_header X-Forwarded-For $remote_addr;"
        "proxy_set_header X-Forwarded-Proto https; } } }"
    )
    process = await asyncio.create_subprocess_exec("nginx", "-c", str(config), "-g", "daemon off;")
    await asyncio.sleep(0.5)
    for more in ((), ("-d", "a=1"), ("-I",), ("--http1.0",)):
        await run("curl", "--silent", "-b", "claims-session=alice", *more, f"http://127.0.0.1:{port}/x?y=1")
    process.terminate()
    await process.wait()


async def main() -> None:
    recorder, port = Recorder(), free_port()
    server = await asyncio.start_server(recorder, "127.0.0.1", port, limit=1 << 20)
    url = f"http://127.0.0.1:{port}/"
    with tempfile.TemporaryDirectory() as folder:
        for recorder.program, drive in (
            ("chromium", browse(url)),
            ("curl", curl(url)),
            ("others", others(url)),
            ("nginx", balanced(url, Path(folder))),
        ):
            await drive
    server.close()
    here = f"127.0.0.1:{port}".encode()
    asked = [[program, raw.replace(here, HOST.encode()).decode("latin-1")] for raw, program in recorder.found.items()]
    FILE.write_text(json.dumps(asked, indent=0) + "\n")
    print(len(asked), "requests")


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
