"""Brings about a plan's faults on a running fleet, and takes every one of them back.

What a fault does is its deed (:mod:`patchstorm.scenario.faults`); here it is begun inside the trigger's
callback and carried on by a task. Begin and end are written to the history as ``fault`` events. The network's
faults are not here: the plan's workloads apply them to single requests.
"""

from __future__ import annotations

import contextlib
import os
import time
from functools import partial

from patchstorm.history import Recorder
from patchstorm.live.abilities import Abilities
from patchstorm.live.carrying import Deeds
from patchstorm.run.strikes import hit_by, note
from patchstorm.run.triggers import Seen
from patchstorm.scenario.plan import FaultPlan

Identity = tuple[int, int]


class Faults(Deeds):
    """The faults of one storm. ``strike`` begins one; ``end`` takes back what still lasts."""

    def __init__(self, abilities: Abilities, recorder: Recorder) -> None:
        super().__init__(abilities)
        self._abilities = abilities
        self._recorder = recorder

    def strike(self, fault: FaultPlan, seen: Seen) -> None:
        """Begin ``fault`` now, as its trigger saw it."""
        hit = hit_by(fault, len(self._abilities.fleet.replicas), lambda: self._acting(seen.path))
        began_ns = time.monotonic_ns() if seen.time_ns is None else seen.time_ns
        noted = partial(note, self._recorder, fault, hit, seen.path)
        self.begin(fault, hit, lambda: noted(time.monotonic_ns, ends=True))
        noted(lambda: began_ns)

    def _acting(self, path: str | None) -> int | None:
        """The replica that has ``path`` open just now, under whichever of its names.

        A server may close a file before it gets its name. Then it is the one replica that has anything
        open on the storage. None where nobody or more than one may be meant.
        """
        if path is None:
            return None
        root = str(self._abilities.storage.root)
        opened = {
            replica.index: _opened(replica.pid, root)
            for replica in self._abilities.fleet.replicas
            if replica.pid is not None
        }
        wanted = _identity(f"{root}/{path}")
        for index, files in opened.items():
            if f"{root}/{path}" in files or (wanted is not None and wanted in files.values()):
                return index
        busy = [index for index, files in opened.items() if files]
        return busy[0] if len(busy) == 1 else None


def _opened(pid: int, root: str) -> dict[str, Identity | None]:
    """What ``pid`` has open below ``root``, by name, with what it is (proc(5), fd)."""
    folder = f"/proc/{pid}/fd"
    found: dict[str, Identity | None] = {}
    with contextlib.suppress(OSError):
        for number in os.listdir(folder):
            with contextlib.suppress(OSError):
                name = os.readlink(f"{folder}/{number}")
                if name.startswith(f"{root}/"):
                    found[name.removesuffix(" (deleted)")] = _identity(f"{folder}/{number}")
    return found


def _identity(path: str) -> Identity | None:
    """The device and inode of a file; None if it is not there."""
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_dev, stat.st_ino
