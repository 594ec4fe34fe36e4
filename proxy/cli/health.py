"""`claims-proxy health`: whether the proxy of this configuration serves; made for probes of containers."""

import http.client
import json
from pathlib import Path
from typing import Any

import click

from proxy.cli.output import complain, config_option, load_or_exit, say
from proxy.model.deployment import Management

_SECONDS = 3.0
_OK = 200
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - an address to listen on means this machine to a client


@click.command()
@config_option
@click.option("--ready", is_flag=True, help="Whether requests should come here, with what speaks against it.")
def health(config: Path, *, ready: bool) -> None:
    """Ask the management listener. Exit 0 while it serves, 1 otherwise, 2 where it cannot be asked."""
    where = load_or_exit(config).management
    if where is None:
        complain("management.address is off, so there is nobody to ask; 127.0.0.1:9180 would be its default")
        raise SystemExit(2)
    path = "/readyz" if ready else "/healthz"
    try:
        status, said = _ask(where, path)
    except (OSError, http.client.HTTPException, ValueError) as error:
        complain(f"no answer from {where.host}:{where.port}: {str(error) or type(error).__name__}")
        raise SystemExit(1) from None
    say(str(said.get("status", status)))
    for name, check in said.get("checks", {}).items():
        if not check["ok"]:
            say(f"{name}: {check['reason']}{'' if check['needed'] else ' (requests are answered all the same)'}")
    raise SystemExit(0 if status == _OK else 1)


def _ask(where: Management, path: str) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection(_ANY.get(where.host, where.host), where.port, timeout=_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, dict(json.loads(answer.read()))
    finally:
        connection.close()
