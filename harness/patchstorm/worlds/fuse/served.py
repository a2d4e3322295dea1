"""For which request a replica may be doing what it does: what stories are told by.

The kernel says which thread asks, and threads hand work on. So a call may be for any request that its replica
serves just then, and most likely for the one that was let go last; where it serves none, what it does follows
the last one's answer.
"""

from __future__ import annotations

from collections import Counter


class Served:
    """``paths`` maps what requests are called to their operations, ``turns`` clients' turns to requests."""

    def __init__(self) -> None:
        self.paths: dict[str, int] = {}
        self.turns: dict[str, str] = {}
        self._now: dict[int, list[str]] = {}
        self._last: dict[int, str] = {}
        self._began: Counter[str] = Counter()

    def begins(self, replica: int, client: str, op: int, *, turn: str) -> str:
        """A replica is given a request, in a client's ``turn`` of this name; what the request is called."""
        request = f"{client}#{op}"
        self.paths[request] = op
        self.turns[f"{turn}#{self._began[turn]}"] = request
        self._began[turn] += 1
        self.goes_on(replica, request)
        return request

    def goes_on(self, replica: int, request: str) -> None:
        """The next block of it goes out."""
        now = self._now.setdefault(replica, [])
        if request in now:
            now.remove(request)
        now.insert(0, request)
        self._last[replica] = request

    def ends(self, replica: int, request: str) -> None:
        """It is over for its client."""
        self._now[replica].remove(request)

    def by(self, replica: int) -> tuple[str, ...]:
        """Those that a replica serves, or the last one that it served."""
        now = self._now.get(replica)
        if now:
            return tuple(now)
        last = self._last.get(replica)
        return () if last is None else (last,)
