"""Faults of single calls, as far as worlds over the storage model are alike: what is in force, and for whom.

Which calls a fault hits, and how one is made to fail, each world knows of its own calls.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from patchstorm.scenario.plan import FaultPlan
from patchstorm.storage.faults import Faults
from patchstorm.storage.server import Server

STALE: Final = {
    "stale-attributes": ("nfs.attributes", "nfs.size", "nfs.data"),
    "stale-entries": ("nfs.name", "nfs.missing-name", "nfs.listing"),
}
"""Which choices of the storage model these faults settle."""
ERRNO: Final = {
    "enospc": errno.ENOSPC,
    "edquot": errno.EDQUOT,
    "eio": errno.EIO,
    "estale": errno.ESTALE,
    "enolck": errno.ENOLCK,
}
"""How the faults that refuse a call refuse it."""
ANY: Final = "any"
_ENDLESS: Final = ("slow", "silly-rename", *STALE)

Result = TypeVar("Result")


@dataclass(slots=True, eq=False)
class Active:
    """A fault in force. ``left``: how many calls it is still to hit; below 0, all of them."""

    fault: FaultPlan
    replicas: tuple[int, ...]
    left: int

    @property
    def pattern(self) -> tuple[str, ...]:
        """The paths whose calls it hits."""
        return (str(self.fault.options.get("path", "**")),)

    @property
    def of(self) -> str:
        """What the calls that it hits do: a word of its option ``of``, or ``any``."""
        return str(self.fault.options.get("of", ANY))


class InForce:
    """What is in force now, and what has been so and hit nothing."""

    def __init__(self) -> None:
        self._active: list[Active] = []
        self._idle: dict[str, None] = {}  # a set whose order repeats

    def begin(self, fault: FaultPlan, replicas: tuple[int, ...]) -> Callable[[], None]:
        """Put ``fault`` in force; the result takes it back."""
        left = -1 if fault.kind in _ENDLESS else int(fault.options.get("calls", 1))
        active = Active(fault, replicas, left)
        self._active.append(active)
        self._idle[fault.id] = None

        def over() -> None:
            if active in self._active:
                self._active.remove(active)

        return over

    @property
    def idle(self) -> tuple[str, ...]:
        """The faults that were in force and have hit no call."""
        return tuple(self._idle)

    def stale(self, kind: str, replica: int | None) -> bool:
        """Whether this choice of the storage is to be the oldest answer that is allowed."""
        for active in self._active:
            if kind in STALE.get(active.fault.kind, ()) and replica in active.replicas:
                self._idle.pop(active.fault.id, None)
                return True
        return False

    def hit(self, active: Active) -> None:
        """It hits a call now."""
        active.left -= 1
        self._idle.pop(active.fault.id, None)


def forgetful(server: Server, execute: Callable[[], Result]) -> Result:
    """The model's own failing fsync: the next one succeeds, and saves nothing of what was lost."""
    settings = server.settings
    faults, choose = settings.faults, settings.choose

    def struck(kind: str, count: int) -> int:
        return 1 if kind == "fault.eio_fsync" else choose(kind, count)

    settings.faults, settings.choose = Faults(eio_fsync=True), struck
    try:
        return execute()
    finally:
        settings.faults, settings.choose = faults, choose
