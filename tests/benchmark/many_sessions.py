"""Sessions by the thousand, written as a sign-in writes them; their cookies go into a file, one to a line.

usage: python -m benchmark.many_sessions CONFIG FIRST END COOKIE_NAME FILE
"""

import asyncio
import os
import sys
import time
from pathlib import Path

import uvloop

from proxy.app.wiring import sessions_of
from proxy.configuration import load
from proxy.model.principal import Claim, Principal
from proxy.model.session import ClientKind
from proxy.model.settings import TimeRules
from proxy.sessions.creation import Created, NewSession
from proxy.sessions.service import Sessions

AT_ONCE = 64
_GROUP = "http://schemas.xmlsoap.org/claims/Group"


def person(number: int) -> Principal:
    """Somebody with ten claims."""
    groups = tuple(f"CONTOSO\\CRM Users {each}" for each in range(6))
    upn, sid = f"user{number}@contoso.com", f"S-1-5-21-1004336348-1177238915-682003330-{number + 2000}"
    values = (("upn", upn), ("primarysid", sid), ("unique_name", f"CONTOSO\\user{number}"), ("email", upn))
    claims = tuple(Claim(*each) for each in (*values, *((_GROUP, group) for group in groups)))
    return Principal(f"default|{sid}", f"User {number}", upn=upn, email=upn, groups=groups, claims=claims)


async def create(sessions: Sessions, number: int) -> str:
    now = time.time()
    new = NewSession(
        organization="contoso",
        principal=person(number),
        now=now,
        token_end=now + 3600,
        authenticated_at=now,
        counts_as_credentials=True,
        asked_for_credentials_at=None,
        leeway=60,
        client_kind=ClientKind.BROWSER,
        rules=TimeRules(),
        provider_session=f"provider-session-{number}",
        subject=f"subject-{number}",
    )
    created = await sessions.create(new)
    assert isinstance(created, Created), created
    return created.cookie


async def main(config: Path, numbers: range, name: str, file: Path) -> None:
    deployment = load(config, os.environ)
    sessions = sessions_of(deployment, time.time)
    await sessions.start()
    try:
        with file.open("w") as out:
            for first in range(0, len(numbers), AT_ONCE):
                some = numbers[first : first + AT_ONCE]
                for cookie in await asyncio.gather(*(create(sessions, number) for number in some)):
                    out.write(f"{name}={cookie}\n")
    finally:
        await sessions.close()


if __name__ == "__main__":
    arguments = sys.argv[1:]
    wanted = range(int(arguments[1]), int(arguments[2]))
    uvloop.run(main(Path(arguments[0]), wanted, arguments[3], Path(arguments[4])))
