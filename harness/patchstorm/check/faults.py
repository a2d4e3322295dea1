"""Which faults were in force when: what explains an answer that would otherwise be a failure.

A fault is an event of kind ``fault``; one with ``ends`` true closes the last one of its kind on the
same replica. A fault that is never closed is in force until healing begins, or to the end.
"""

from __future__ import annotations

from dataclasses import dataclass

from patchstorm.history.model import Event, History

_NEVER = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A fault in force from ``since`` to ``until``; ``replica`` None means anywhere."""

    kind: str
    replica: int | None
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

    def explains(self, since: int, until: int, replica: int | None) -> bool:
        """Whether a fault was active or recent there. Recent: within the convergence bound."""
        return any(
            window.since <= until
            and since <= window.until + self._grace
            and (window.replica is None or replica is None or window.replica == replica)
            for window in self.windows
        )

    def stalled(self, since: int, until: int) -> bool:
        """Whether the harness itself was not scheduled at some time in between."""
        return any(began <= until and since <= ended for began, ended in self.stalls)


def _kind(event: Event) -> str:
    return str(event.data.get("fault", "")).lower().replace("_", "-")


def _ms(event: Event) -> int:
    value = event.data.get("for_ms")
    return int(value) if isinstance(value, (int, float)) else 0


def _replica(event: Event) -> int | None:
    value = event.data.get("replica", event.replica)
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
    begun: list[tuple[str, int | None, int]] = []
    windows = []
    for event in history.events:
        if event.kind != "fault":
            continue
        kind, replica = _kind(event), _replica(event)
        if event.data.get("ends"):
            match = next((one for one in reversed(begun) if one[:2] == (kind, replica)), None)
            since = event.time_ns if match is None else match[2]
            if match is not None:
                begun.remove(match)
            windows.append(Window(kind=kind, replica=replica, since=since, until=event.time_ns))
        else:
            begun.append((kind, replica, event.time_ns))
    for kind, replica, since in begun:
        windows.append(Window(kind=kind, replica=replica, since=since, until=max(since, heal)))
    return windows
