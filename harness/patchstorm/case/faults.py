"""Which faults were in force when: what explains an answer that would otherwise be a failure.

A fault is an event of kind ``fault``; one with ``ends`` true closes the last one of its kind on the
same replica (and with the same ``id`` and ``op``, where it has them). A fault that is never closed is in
force until healing begins, or to the end. One that names an ``op`` is what the network did to that one
delivery, and explains nothing else: a stalled connection is no reason to fail others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from patchstorm.history.model import Event, History, Operation

_NEVER = 1 << 62
_NO_REASON = frozenset({"short-read", "short-write", "damage"})
"""No reason for anybody to fail: calls that do what their man pages allow at any time (read(2), write(2)),
and stored bytes that are no more what they were, which are to be missing again and not in the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A fault in force from ``since`` to ``until``.

    ``replica`` None means anywhere, ``op`` None any operation.
    """

    kind: str
    replica: int | None
    op: int | None
    since: int
    until: int


class Faults:
    """The fault windows of a history."""

    def __init__(self, history: History) -> None:
        self.windows = tuple(_windows(history))
        self._grace = history.header.convergence_ms * 1_000_000
        self.stalls = tuple(
            (event.time_ns - _ms(event) * 1_000_000, event.time_ns)
            for event in history.events
            if event.kind == "stall"
        )

    @property
    def clock(self) -> bool:
        """Whether any clock was made to lie, so that no wall-clock bound can be judged."""
        return any("clock" in window.kind or "skew" in window.kind for window in self.windows)

    @property
    def power(self) -> bool:
        """Whether unsynced data can have been lost."""
        return any("power" in window.kind for window in self.windows)

    def explains(self, operation: Operation, until: int) -> bool:
        """Whether a fault was active or recent where an operation went, which ended at ``until``.

        Recent: within the convergence bound, which is what a target is granted to recover.
        """
        return any(
            self._hits(window, operation, until)
            for window in self.windows
            if window.kind not in _NO_REASON
        )

    def _hits(self, window: Window, operation: Operation, until: int) -> bool:
        if window.op is not None:
            return window.op == operation.op
        replica, since = operation.call.replica, operation.call.time_ns
        elsewhere = None not in (window.replica, replica) and window.replica != replica
        return not elsewhere and window.since <= until and since <= window.until + self._grace

    def stalled(self, since: int, until: int) -> bool:
        """Whether the harness itself was not scheduled at some time in between."""
        return any(began <= until and since <= ended for began, ended in self.stalls)


def _kind(event: Event) -> str:
    return str(event.data.get("fault", "")).lower().replace("_", "-")


def _ms(event: Event) -> int:
    value = event.data.get("for_ms")
    return int(value) if isinstance(value, (int, float)) else 0


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _windows(history: History) -> list[Window]:
    heal = min(
        (
            event.time_ns
            for event in history.events
            if event.kind == "phase" and event.data.get("phase") == "heal"
        ),
        default=_NEVER,
    )
    begun: list[tuple[tuple[object, ...], Window]] = []
    windows = []
    for event in history.events:
        if event.kind != "fault":
            continue
        window = _begun(event, heal)
        key = (window.kind, window.replica, window.op, event.data.get("id"))
        if not event.data.get("ends"):
            begun.append((key, window))
            continue
        match = next((one for one in reversed(begun) if one[0] == key), None)
        since = event.time_ns
        if match is not None:
            begun.remove(match)
            since = match[1].since
        windows.append(replace(window, since=since, until=event.time_ns))
    return windows + [window for _, window in begun]


def _begun(event: Event, heal: int) -> Window:
    return Window(
        kind=_kind(event),
        replica=_whole(event.data.get("replica", event.replica)),
        op=_whole(event.data.get("op")),
        since=event.time_ns,
        until=max(event.time_ns, heal),
    )
