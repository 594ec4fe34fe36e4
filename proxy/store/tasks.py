"""Ending background tasks that talk to a store."""

import asyncio
from collections.abc import Iterable
from typing import Any

_ASK_AGAIN = 0.1


async def end_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel the tasks and wait until each has ended; what they raised is not raised here.

    One cancellation may be lost: a client library that is closing a broken connection at that instant takes it for its
    own time-out. So it is asked for again until it has been heard.
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        ended, pending = await asyncio.wait(pending, timeout=_ASK_AGAIN)
        for task in ended:
            if not task.cancelled():
                # Looked at, so that nobody complains that it was not.
                task.exception()
