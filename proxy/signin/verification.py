"""Threads in which tokens are verified, limited in number, in what waits for them, and in time.

They are not the event loop's default threads, in which names are resolved and files are read: whatever strangers have
verified, upstreams stay reachable. A token costs some milliseconds at most, since `tokens` limits what it can contain.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from proxy.errors import VerificationBusy
from proxy.model.time import Seconds

LONGEST_INLINE: Final = 16 * 1024
"""Characters of a JWT that is verified on the event loop: below 0.2 ms, about what the way to a thread costs.

Python holds its global lock during that work, so a thread would not spare the loop anything. In a queue, junk tokens
would keep sign-ins waiting.
"""

T = TypeVar("T")


class Verification:
    """Runs the verification of tokens; one for a process.

    A full queue and a missed deadline are VerificationBusy, which every caller answers with 503 and Retry-After.
    """

    def __init__(self, *, threads: int = 2, waiting: int = 256, deadline: Seconds = 10.0) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="verification")
        # Released in the thread, when the work itself has ended: what nobody waits for any more still occupies one.
        self._slots = threading.BoundedSemaphore(threads + waiting)
        self._deadline = deadline

    async def run(self, work: Callable[[], T]) -> T:
        """Return what `work` returns in a thread, or raise what it raises.

        Work that has not begun when its caller leaves or its deadline ends is never done.

        Raises:
            VerificationBusy: the queue is full, or the deadline has ended.
        """
        if not self._slots.acquire(blocking=False):
            raise VerificationBusy("too many tokens wait to be verified")
        try:
            job = self._threads.submit(work)
        except BaseException:
            self._slots.release()
            raise
        job.add_done_callback(lambda _: self._slots.release())
        try:
            async with asyncio.timeout(self._deadline):
                return await asyncio.wrap_future(job)
        except TimeoutError:
            raise VerificationBusy(f"a token was not verified within {self._deadline:g} s") from None

    async def jwt(self, token: str, verify: Callable[[], T]) -> T:
        """Verify a JWT: a short one on the event loop, a longer one in a thread. Raises as `run` does."""
        return verify() if len(token) <= LONGEST_INLINE else await self.run(verify)

    async def close(self) -> None:
        """Drop what waits. What a thread has begun ends by itself within milliseconds."""
        self._threads.shutdown(wait=False, cancel_futures=True)
