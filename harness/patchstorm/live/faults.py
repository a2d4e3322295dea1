"""Brings about a plan's faults on a running fleet, and takes every one of them back.

Each kind is a pair: what it does at once, inside the trigger's callback, and what follows. Begin and
end are written to the history as ``fault`` events. The network's faults are not here: the plan's
workloads apply them to single requests.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from patchstorm.history import Recorder
from patchstorm.live.fleet import Fleet
from patchstorm.live.network import Network
from patchstorm.live.storage import Storage
from patchstorm.live.watch import tree
from patchstorm.scenario.plan import FaultPlan
from patchstorm.target.patterns import matches

Kind = Callable[["Faults", FaultPlan, tuple[int, ...]], Awaitable[None]]
LOCATE = Callable[[str, int], tuple[str, int, int] | None]


class Faults:
    """The faults of one storm. ``strike`` begins one; ``end`` takes back what still lasts."""

    def __init__(
        self,
        fleet: Fleet,
        storage: Storage,
        network: Network,
        recorder: Recorder,
        *,
        seed: str,
    ) -> None:
        self.fleet = fleet
        self.storage = storage
        self.network = network
        self.notes: list[str] = []
        self._recorder = recorder
        self._random = random.Random(seed)
        self._tasks: set[asyncio.Task[None]] = set()
        self._healing = asyncio.Event()

    def strike(self, fault: FaultPlan, path: str | None) -> None:
        """Begin ``fault`` now. ``path`` is what the trigger saw."""
        hit = self._hit(fault, path)
        IMMEDIATE[fault.kind](self, hit)
        for replica in hit or (None,):
            self._note(fault, replica, path, ends=False)
        task = asyncio.get_running_loop().create_task(self._follow(fault, hit, path))
        self._tasks.add(task)

    async def _follow(self, fault: FaultPlan, hit: tuple[int, ...], path: str | None) -> None:
        await AFTERWARDS[fault.kind](self, fault, hit)
        for replica in hit or (None,):
            self._note(fault, replica, path, ends=True)

    async def end(self) -> None:
        """Have every fault end now, and wait until it has. Errors of a fault are raised here."""
        self._healing.set()
        tasks, self._tasks = self._tasks, set()
        await asyncio.gather(*tasks)

    def cancel(self) -> None:
        """The storm is given up: stop without healing anything."""
        for task in self._tasks:
            task.cancel()

    async def last(self, fault: FaultPlan) -> None:
        """Wait as long as ``fault`` lasts, or until healing."""
        limit_s = None if fault.for_ms is None else fault.for_ms / 1_000
        try:
            async with asyncio.timeout(limit_s):
                await self._healing.wait()
        except TimeoutError:
            return

    def _hit(self, fault: FaultPlan, path: str | None) -> tuple[int, ...]:
        count = len(self.fleet.replicas)
        if fault.whom == "all":
            return tuple(range(count))
        if fault.whom == "acting" and path is not None:
            found = self._acting(path)
            if found is not None:
                return (found,)
        return () if fault.replica is None else (fault.replica % count,)

    def _acting(self, path: str) -> int | None:
        """The replica that has ``path`` open just now, by /proc/PID/fd; None if none shows."""
        wanted = str(self.storage.root / path)
        for replica in self.fleet.replicas:
            if replica.pid is not None and _has_open(replica.pid, wanted):
                return replica.index
        return None

    def _note(self, fault: FaultPlan, replica: int | None, path: str | None, *, ends: bool) -> None:
        data: dict[str, str | int | float | bool | None] = {"fault": fault.kind, "id": fault.id}
        if path is not None:
            data["path"] = path
        if ends:
            data["ends"] = True
        self._recorder.event("fault", time_ns=time.monotonic_ns(), replica=replica, **data)

    def damage(self, fault: FaultPlan) -> None:
        """Overwrite stored bytes of one file that the fault's pattern names."""
        pattern = str(fault.options.get("path", "**"))
        files = [
            path
            for path in tree(self.storage.view)
            if matches(path, (pattern,)) and (self.storage.view / path).is_file()
        ]
        if not files:
            self.notes.append(f"fault {fault.id}: nothing matches `{pattern}`; nothing was damaged")
            return
        victim = self.storage.view / self._random.choice(files)
        length = int(fault.options.get("length", 1))
        _overwrite(victim, self._random.randrange(max(1, victim.stat().st_size)), length)


def _overwrite(path: Path, offset: int, length: int) -> None:
    with open(path, "r+b") as file:
        file.seek(offset)
        old = file.read(length)
        file.seek(offset)
        file.write(bytes(byte ^ 0xFF for byte in old))


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
