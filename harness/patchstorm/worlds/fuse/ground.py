"""What is under a storm: directories, one mount for each replica, and perhaps servers that were there before.

Servers that keep nothing outlive a storm: the next one brings another storage, empty, under the same mounts.
It is exchanged while all are at rest and ask for nothing. Of the old one the kernel keeps nothing, since all
is valid for no time, and what a server still holds open of it is answered ESTALE: neither nodes nor handles
come up twice. Who was hit by a fault, or was left by a client before it had answered, is started anew,
since it may not have done with that.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from patchstorm.history.events import Fault
from patchstorm.history.model import History
from patchstorm.history.no_answer import NoAnswer
from patchstorm.live.environment import home_of
from patchstorm.live.fleet import Fleet, assembled
from patchstorm.live.host import ThisHost
from patchstorm.live.storage import Storage
from patchstorm.live.warm.nursery import Nursery
from patchstorm.target.model import Target
from patchstorm.worlds.fuse.conductor import Conductor
from patchstorm.worlds.fuse.device import Device, mounted
from patchstorm.worlds.fuse.folders import folders

LAY_BY_S: Final = 2.0
POLL_S: Final = 0.002
_OVER: Final = (NoAnswer.DROPPED, NoAnswer.LOST, NoAnswer.REFUSED, NoAnswer.NO_URL)
"""Why a client heard nothing although no server is still busy with it."""


class Ground:
    """``storms``: how many it has seen. ``fit``: whether it may see another one. ``nursery`` starts servers.

    Raises UnavailableStorage where nothing can be mounted.
    """

    def __init__(
        self, replicas: int, *, keeps: bool = False, nursery: Nursery | None = None
    ) -> None:
        self.keeps = keeps
        self.nursery = nursery
        self.fit = keeps
        self.storms = 0
        self.devices: list[Device] = []
        self._fleet: Fleet | None = None
        self._hosts: list[ThisHost] = []
        self._stack = contextlib.ExitStack()
        try:
            self.root, self.scratch = self._stack.enter_context(folders())
            self._mount(replicas)
        except BaseException:
            self._stack.close()
            raise

    def _mount(self, replicas: int) -> None:
        """One file system for each."""
        with ThreadPoolExecutor(replicas) as pool:  # most of a mount is the start of its holder
            mounting = [pool.submit(mounted, self.root) for _ in range(replicas)]
        for one in mounting:
            if one.exception() is None:
                self._opened(one.result())
                self._hosts.append(one.result().host)
        for one in mounting:
            one.result()

    def _opened(self, device: Device) -> None:
        self.devices.append(device)
        self._stack.callback(device.close)

    @property
    def warm(self) -> bool:
        """Whether a server runs here that has served a storm."""
        return self._fleet is not None and any(one.alive for one in self._fleet.replicas)

    @property
    def pids(self) -> list[int]:
        """The leaders of the servers that run here between storms."""
        return [] if self._fleet is None else self._fleet.pids

    def fleet(
        self, target: Target, flavour: str, *, log_dir: Path, lifetime_ms: int | None
    ) -> Fleet:
        """Those of the last storm, or new ones, not started yet."""
        if self._fleet is not None:
            self._fleet.changes_loop()
            return self._fleet
        fleet = self._assembled(
            target, flavour, log_dir=self.scratch if self.keeps else log_dir,
            lifetime_ms=lifetime_ms,
        )  # fmt: skip
        if self.keeps:
            self._fleet = fleet
        return fleet

    def _assembled(
        self, target: Target, flavour: str, *, log_dir: Path, lifetime_ms: int | None
    ) -> Fleet:
        storage = Storage(
            root=self.root,
            view=self.root,
            scratch=self.scratch,
            flavour=flavour,
            hosts=self._hosts,
        )
        fleet = assembled(
            target, storage, len(self.devices), log_dir=log_dir, lifetime_ms=lifetime_ms
        )
        if self.nursery is not None:
            home = home_of(self.scratch)
            for replica, host in zip(fleet.replicas, self._hosts, strict=True):
                replica.launch = self.nursery.launches(home, host, replica.launch)
        return fleet

    def close(self) -> None:
        """End everything. Without their mounts no server waits for an answer."""
        self.fit = False
        for device in self.devices:
            device.close()
        if self._fleet is not None:
            ending = threading.Thread(target=asyncio.run, args=(self._fleet.kill(),))
            ending.start()  # the caller may have an event loop of his own
            ending.join()
        self._stack.close()


@contextlib.asynccontextmanager
async def standing(conductor: Conductor, ground: Ground, fleet: Fleet) -> AsyncIterator[None]:
    """All of ``fleet`` is up, whoever was already; after a storm that went well it goes on standing."""
    trimming = asyncio.create_task(fleet.trim_logs())
    ground.fit = False  # until the storm is over
    try:
        async with conductor.real(*conductor.members):
            await fleet.start()
        for member, replica in zip(conductor.members, fleet.replicas, strict=True):
            assert replica.pid is not None
            member.up(replica.pid)
        yield
    except BaseException:
        for replica in fleet.replicas:
            replica.kill_now()
        conductor.withdraw(conductor.members)
        raise
    finally:
        trimming.cancel()


async def lay_by(conductor: Conductor, ground: Ground, fleet: Fleet, history: History) -> None:
    """Wait until nobody asks for anything; end whoever does not come to that, or may not have done."""
    unsure = unfinished(history, len(fleet.replicas))
    members = [one for one in conductor.members if one.index not in unsure]
    async with conductor.real(*conductor.members):
        deadline = time.monotonic() + LAY_BY_S
        while not all(map(conductor.idle, members)) and time.monotonic() < deadline:
            await asyncio.sleep(POLL_S)
        unsure |= {one.index for one in members if not conductor.idle(one)}
        gone = [conductor.members[index] for index in sorted(unsure)]
        for member in gone:
            fleet.replicas[member.index].kill_now()
        conductor.withdraw(gone)
        for member in gone:
            await fleet.replicas[member.index].kill()
        conductor.serve_free()  # a sweep may have begun since: what was taken in nobody else would answer
    ground.storms += 1
    ground.fit = True


def unfinished(history: History, replicas: int) -> set[int]:
    """Who was hit by a fault that it outlived, or may still be busy with a request that nobody waits for.

    A replica that died since is another one.
    """
    last: dict[int, int] = {}
    died = dict.fromkeys(range(replicas), -1)
    for event in history.events:
        if isinstance(event, Fault) and event.op is None:
            hit = range(replicas) if event.replica is None else (event.replica,)
            (died if event.deadly else last).update(dict.fromkeys(hit, event.time_ns))
    for one in history.operations:
        replica, end = one.call.replica, one.end
        if replica is not None and (
            end is None or (end.error is not None and end.error not in _OVER)
        ):
            last[replica] = max(last.get(replica, -1), one.call.time_ns)
    return {replica for replica, time_ns in last.items() if time_ns >= died[replica]}
