"""Tells a server that asks again and again from one that hands work on.

Both sleep on timers of their own, and nobody can see what for. Whoever hands work on comes back with
something else. Whoever polls comes back with what it asked before, and is told the same, for nothing has been
done meanwhile. Real time must not be given to it each time: virtual time would stand still, and with it what
it waits for, such as the end of a fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_MINTED: Final = re.compile(r"<[^<>]*\.\d+>")
REFUSED: Final = ("EAGAIN", "EEXIST")
"""What a lock is refused by to who does not wait for it in the kernel."""
Round = list[tuple[str, str]]


class Polling:
    """What each replica was told between two sleeps, which is a *round*: calls, and what came of them.

    It polls when a round is the last one again, and nobody else has had any effect since that began, and for
    as long as both stay so. The names of what it mints are left out: it may try for a lock with another
    temporary file each time.
    """

    def __init__(self) -> None:
        self._now: dict[int, Round] = {}
        self._last: dict[int, Round] = {}
        self._polls: set[int] = set()
        self._refused: dict[int, set[str]] = {}

    def told(self, replica: int, call: str, result: str) -> None:
        """It has been answered."""
        now = self._now.setdefault(replica, [])
        named = _MINTED.sub("<>", call)
        now.append((named, result))
        refused = self._refused.setdefault(replica, set())
        (refused.add if result in REFUSED else refused.discard)(named)
        if replica in self._polls and now != self._last[replica][: len(now)]:
            self._polls.remove(replica)

    def changed(self, by: int | None = None) -> None:
        """A replica, or somebody else, has done what the others may find."""
        for rounds in (self._now, self._last):
            for replica in [one for one in rounds if one != by]:
                del rounds[replica]
        self._polls &= set() if by is None else {by}

    def asks_again(self, replica: int, call: str) -> bool:
        """Whether it was refused this the last time: it has slept since, and when it comes again is a matter
        of real time."""
        return _MINTED.sub("<>", call) in self._refused.get(replica, ())

    def sleep(self, replicas: Iterable[int]) -> None:
        """These ask for nothing more: what they were told since they last slept is a round."""
        for replica in replicas:
            ended = self._now.pop(replica, None)
            if ended is not None:
                again = self._last.get(replica) == ended
                (self._polls.add if again else self._polls.discard)(replica)
                self._last[replica] = ended

    def polls(self, replica: int) -> bool:
        """Whether there is no use in its coming once more before something else has happened."""
        return replica in self._polls
