"""Which faults were in force when: what explains an answer that would otherwise be a failure.

A fault event with ``ends`` closes the last one of its kind on the same replica (and with the same ``id`` and
``op``, where it has them). A fault that is never closed is in
force until healing begins, or to the end. One that names an ``op`` is what the network did to that one
delivery, and explains nothing else: a stalled connection is no reason to fail others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from patchstorm.history.events import Fault, Phase, Stall
from patchstorm.history.model import History, Operation

_NEVER = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A fault in force from ``since`` to ``until``.

    ``fault`` is the event that began it, or the end of one whose begin nobody wrote down.
    """

    fault: Fault
    since: int
    until: int


class Faults:
    """The fault windows of a history."""

    def __init__(self, history: History) -> None:
        self.windows = tuple(_windows(history))
        self._grace = history.header.convergence_ms * 1_000_000
        self.stalls = tuple(
            (event.time_ns - event.for_ms * 1_000_000, event.time_ns)
            for event in history.events
            if isinstance(event, Stall)
        )

    @property
    def clock(self) -> bool:
        """Whether any clock was made to lie, so that no wall-clock bound can be judged."""
        return any(window.fault.shifts_clock for window in self.windows)

    @property
    def power(self) -> bool:
        """Whether unsynced data can have been lost."""
        return any(window.fault.loses_power for window in self.windows)

    @cached_property
    def times(self) -> bool:
        """Whether files may have got other time stamps, and the same bytes."""
        return any(window.fault.moves_times for window in self.windows)

    def explains(self, operation: Operation, until: int) -> bool:
        """Whether a fault was active or recent where an operation went, which ended at ``until``.

        Recent: within the convergence bound, which is what a target is granted to recover.
        """
        return any(
            self._hits(window, operation, until) for window in self.windows if window.fault.excuses
        )

    def _hits(self, window: Window, operation: Operation, until: int) -> bool:
        hit = window.fault
        if hit.op is not None:
            return hit.op == operation.op
        replica, since = operation.call.replica, operation.call.time_ns
        elsewhere = None not in (hit.replica, replica) and hit.replica != replica
        return not elsewhere and window.since <= until and since <= window.until + self._grace

    def holds_up(self, at: int) -> bool:
        """Whether somebody stood still just then who lived, and may have held what everybody waits for.

        Nobody can take the lock of a process that is paused or cut off from its storage; who died gives it
        back.
        """
        return any(
            window.fault.excuses
            and not window.fault.deadly
            and window.fault.op is None
            and window.since <= at <= window.until
            for window in self.windows
        )

    def shortly_before(self, at: int) -> bool:
        """Whether a fault was in force anywhere, or so lately that its locks may not have been broken yet."""
        return any(
            window.fault.excuses
            and window.fault.op is None
            and window.since <= at <= window.until + self._grace
            for window in self.windows
        )

    def stalled(self, since: int, until: int) -> bool:
        """Whether the harness itself was not scheduled at some time in between."""
        return any(began <= until and since <= ended for began, ended in self.stalls)


def _windows(history: History) -> list[Window]:
    heal = min(
        (
            event.time_ns
            for event in history.events
            if isinstance(event, Phase) and event.phase == "heal"
        ),
        default=_NEVER,
    )
    begun: list[tuple[tuple[object, ...], Window]] = []
    windows = []
    for event in history.events:
        if not isinstance(event, Fault):
            continue
        since = event.time_ns
        window = Window(fault=event, since=since, until=max(since, heal))
        key = (event.fault, event.replica, event.op, event.id)
        if not event.ends:
            begun.append((key, window))
            continue
        match = next((one for one in reversed(begun) if one[0] == key), None)
        if match is not None:
            begun.remove(match)
            window = match[1]
        windows.append(replace(window, until=event.time_ns))
    return windows + [window for _, window in begun]
