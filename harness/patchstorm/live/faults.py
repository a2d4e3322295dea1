"""Brings about a plan's faults on a running fleet, and takes every one of them back.

Each kind is a pair: what it does at once, inside the trigger's callback, and what follows. Begin and
end are written to the history as ``fault`` events. The network's faults are not here: the plan's
workloads apply them to single requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Mapping

from patchstorm.history import Recorder
from patchstorm.live.fault_kinds import FaultKind, Scene
from patchstorm.run.strikes import Hit, hit_by, note
from patchstorm.run.triggers import Seen
from patchstorm.scenario.plan import FaultPlan

Identity = tuple[int, int]


class Faults:
    """The faults of one storm. ``strike`` begins one; ``end`` takes back what still lasts."""

    def __init__(self, scene: Scene, recorder: Recorder, kinds: Mapping[str, FaultKind]) -> None:
        self.scene = scene
        self._kinds = kinds
        self._recorder = recorder
        self._tasks: set[asyncio.Task[None]] = set()

    def strike(self, fault: FaultPlan, seen: Seen) -> None:
        """Begin ``fault`` now, as its trigger saw it."""
        hit = hit_by(fault, len(self.scene.fleet.replicas), lambda: self._acting(seen.path))
        began_ns = time.monotonic_ns() if seen.time_ns is None else seen.time_ns
        self._kinds[fault.kind].now(self.scene, fault, hit)
        note(self._recorder, fault, hit, seen.path, lambda: began_ns)
        task = asyncio.get_running_loop().create_task(self._follow(fault, hit, seen.path))
        self._tasks.add(task)

    async def _follow(self, fault: FaultPlan, hit: Hit, path: str | None) -> None:
        await self._kinds[fault.kind].then(self.scene, fault, hit)
        note(self._recorder, fault, hit, path, time.monotonic_ns, ends=True)

    async def end(self) -> None:
        """Have every fault end now, and wait until it has. Errors of a fault are raised here."""
        self.scene.healing.set()
        tasks, self._tasks = self._tasks, set()
        await asyncio.gather(*tasks)

    def cancel(self) -> None:
        """The storm is given up: stop without healing anything."""
        for task in self._tasks:
            task.cancel()

    def _acting(self, path: str | None) -> int | None:
        """The replica that has ``path`` open just now, under whichever of its names.

        A server may close a file before it gets its name. Then it is the one replica that has anything
        open on the storage. None where nobody or more than one may be meant.
        """
        if path is None:
            return None
        root = str(self.scene.storage.root)
        opened = {
            replica.index: _opened(replica.pid, root)
            for replica in self.scene.fleet.replicas
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
