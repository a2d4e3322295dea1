"""A row of the table of faults: what a fault is, what can trigger it, what it excuses, what it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from patchstorm.scenario.faults.deed import Deed, fits
from patchstorm.scenario.model import TriggerKind
from patchstorm.scenario.options import NoOptions

TRIGGERS: dict[TriggerKind, str] = {
    "step": "the file-system step of that number",
    "path": "a path matching the glob appears; with `op`, that call is about to be made on it",
    "phase": "the target is seen in that phase, as its description maps it",
    "after_bytes": "so many body bytes were handed to sockets",
    "after_requests": "so many PATCH requests were begun",
    "after_ms": "so long after the storm began",
}
OPS = (
    "open", "read", "write", "pwrite", "fsync", "fdatasync", "close", "truncate", "stat", "replace",
    "rename", "link", "unlink", "mkdir", "rmdir", "listdir", "flock",
)  # fmt: skip

REPLICA: Final = ("any-replica", "replica-N", "acting", "all")
ANYBODY: Final = (*REPLICA, "storage")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One row. ``aims`` are the values that ``whom`` may take, the default first.

    ``lasting`` says what ``for_ms`` means; empty: the fault is over at once. ``default_ms`` is used
    when a storm gives none; None: until healing. ``hostile``: more than a correct server must
    survive. ``bounded_storage``: outside the model it needs a storage with a ``size``.

    What it is, for whoever has to draw conclusions: ``deadly``: a process ends without having its say;
    ``loses_power``: what was not synced may be gone; ``shifts_clock``: no bound of wall-clock time can be
    judged; ``loses_host``: a host goes and may keep its locks; ``loses_locks``: locks exclude no more;
    ``needs_server``: only storage with a server of its own can have it; ``needs_companion``: only a fleet
    that shares a program; ``brings_grace``: an NFS server comes back with its grace period;
    ``of_traffic``: it hits what clients ask of a replica meanwhile, and
    nothing where nobody asks; ``of_calls``: it hits single calls, and says nothing of the storage as a
    whole; ``moves_times``: files have other time stamps, and the same bytes. ``excuses``: it explains that
    requests fail. What does what man pages allow at any time (read(2), write(2)) excuses nobody, nor do
    stored bytes that are no more what they were: these are to be missing again, and not in the way.

    ``deed`` is what it does. None: the storm's own workloads do it to single requests, or it has to be
    written into the storage.
    """

    name: str
    says: str
    triggers: tuple[TriggerKind, ...] = tuple(TRIGGERS)
    aims: tuple[str, ...]
    lasting: str = ""
    default_ms: int | None = None
    hostile: bool = False
    bounded_storage: bool = False
    needs: tuple[str, ...] = ()  # capabilities of the target
    deadly: bool = False
    loses_power: bool = False
    shifts_clock: bool = False
    loses_host: bool = False
    loses_locks: bool = False
    needs_server: bool = False
    needs_companion: bool = False
    brings_grace: bool = False
    of_traffic: bool = False
    of_calls: bool = False
    moves_times: bool = False
    excuses: bool = True
    options: type[msgspec.Struct] = NoOptions
    deed: Deed | None = None

    def within(self, abilities: type) -> bool:
        """Whether a world with these ``abilities`` can bring it about."""
        return self.deed is not None and fits(self.deed, abilities)
