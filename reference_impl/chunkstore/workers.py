"""Worker threads for the store's calls, which may hash, write and sync.

The sweeper has a thread of its own: a long pass never takes a worker from a request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_T = TypeVar("_T")


class Workers:
    """The threads that make the store's calls, and how many calls are under way."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="store")
        self._sweeper = ThreadPoolExecutor(1, thread_name_prefix="sweep")
        self.under_way = 0

    async def call(self, function: Callable[[], _T], *, sweeper: bool = False) -> _T:
        """The result of a store call made on a worker.

        A cancelled caller still waits for the call in flight: what follows (an abort) must not run
        beside it.
        """
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._sweeper if sweeper else self._pool, function)
        self.under_way += 1
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            while not future.done():
                await asyncio.wait([future])
            raise
        finally:
            if future.done():
                self.under_way -= 1

    def close(self) -> None:
        """No further calls; does not wait for those under way."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._sweeper.shutdown(wait=False, cancel_futures=True)
