"""Brings about a plan's faults on a running fleet, and takes every one of them back.

Each kind is a pair: what it does at once, inside the trigger's callback, and what follows. Begin and
end are written to the history as ``fault`` events. The network's faults are not here: the plan's
workloads apply them to single requests.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping

from patchstorm.history import Recorder
from patchstorm.live.fault_kinds import FaultKind, Scene
from patchstorm.run.strikes import Hit, hit_by, note
from patchstorm.run.triggers import Seen
from patchstorm.scenario.plan import FaultPlan


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
        """The replica that has ``path`` open just now, by /proc/PID/fd; None if none shows."""
        if path is None:
            return None
        wanted = str(self.scene.storage.root / path)
        for replica in self.scene.fleet.replicas:
            if replica.pid is not None and _has_open(replica.pid, wanted):
                return replica.index
        return None


def _has_open(pid: int, wanted: str) -> bool:
    folder = f"/proc/{pid}/fd"
    try:
        numbers = os.listdir(folder)
    except OSError:
        return False
    for number in numbers:
        try:
            if os.readlink(f"{folder}/{number}") == wanted:
                return True
        except OSError:
            continue
    return False
