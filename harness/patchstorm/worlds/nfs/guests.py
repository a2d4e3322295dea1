"""The guests of one harness: booted when first needed, used by one storm at a time, and used again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Final

from patchstorm.worlds.nfs.guest import Guest

GUESTS_MAX: Final = 2


class Guests:
    """At most ``count`` guests, each of which takes as much memory as a small machine.

    A context manager; at its end they are gone. Usable from one event loop after the other, so that a
    session of tests can share it.
    """

    def __init__(self, count: int = 1) -> None:
        self._count = count
        self._idle: list[Guest] = []
        self._all: list[Guest] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turns = asyncio.Semaphore(count)

    def __enter__(self) -> Guests:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for guest in self._all:
            guest.kill()
        self._all.clear()
        self._idle.clear()

    @contextlib.asynccontextmanager
    async def one(self) -> AsyncIterator[Guest]:
        """A running guest. One that does not run any more when it is given back is thrown away.

        Raises UnavailableStorage where this machine cannot run one, GuestGone if it does not come up.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._turns = loop, asyncio.Semaphore(self._count)
        async with self._turns:
            with self._mine() as guest:
                if not guest.usable:
                    await guest.boot()
                yield guest

    @contextlib.contextmanager
    def _mine(self) -> Iterator[Guest]:
        guest = self._idle.pop() if self._idle else Guest()
        if guest not in self._all:
            self._all.append(guest)
        try:
            yield guest
        finally:
            if guest.usable:
                self._idle.append(guest)
            else:
                guest.kill()
                self._all.remove(guest)
