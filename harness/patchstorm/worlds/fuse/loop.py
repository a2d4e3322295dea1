"""The event loop of one storm: clients, mounts and time, all in one thread, all by the conductor's leave.

asyncio asks its selector what has happened, and for how long it may sleep. It may sleep only when no client
has anything left to do. So the selector is where the conductor sits: it looks at the sockets first, and only
where nothing has come and nobody is ready it lets one thing happen. Time is the conductor's, too: that of the
storage model, which moves by steps and, where nothing else can happen, to the next timer.
"""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from patchstorm.worlds.fuse.conductor import Conductor

_SECOND_NS = 1_000_000_000
Events = list[tuple[selectors.SelectorKey, int]]


class Selector(selectors.EpollSelector):
    """Asks the conductor whenever every client waits."""

    def __init__(self) -> None:
        super().__init__()
        self.conductor: Conductor | None = None

    def select(self, timeout: float | None = None) -> Events:
        if self.conductor is None:
            return super().select(timeout)
        events = super().select(0)
        if events or (timeout is not None and timeout <= 0):
            return events
        return self.conductor.conduct(timeout)

    def come(self) -> Events:
        """What has come to the clients' sockets."""
        return super().select(0)


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose clock is the conductor's, once there is one."""

    def __init__(self) -> None:
        self.chosen = Selector()
        super().__init__(self.chosen)

    def time(self) -> float:
        conductor = self.chosen.conductor
        if conductor is None:
            return super().time()
        # since it began: asyncio compares by the nanosecond, and floats of unix time are 240 of them apart
        return (conductor.clock.now_ns - conductor.began_ns) / _SECOND_NS
