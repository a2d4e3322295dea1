"""The job "litmus": programs on real mounts in this guest, two client hosts for each mount.

Programs that only wait (for a cache to expire) run side by side with the others, of which some run at once.
Those that strike at hosts or fill the disk come after them, mount by mount at the same time; those that
restart the server, which all mounts share, come last and alone.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Collection
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from patchstorm.errors import InconclusiveError
from patchstorm.live.litmus.bench import Bench
from patchstorm.live.litmus.haste import hastened, patience_s
from patchstorm.storage.litmus.catalogue import PROGRAMS
from patchstorm.storage.litmus.program import EVENTS, OF_DISKS, Program, Race, parse_program, verbs
from patchstorm.worlds.nfs.hosts import Host
from patchstorm.worlds.nfs.site import Site
from patchstorm.worlds.nfs.storage import NfsStorage, opened

EVENTS_HERE: Final = ("kill", "crash", "reboot", "cut", "heal", "restart")
CLIENTS: Final = ("A", "B")
RESTART_S: Final = 0.3
AT_ONCE: Final = 12
"""Programs that others would not notice, on one mount; their pace leaves the processor idle."""
LATE_S_MAX: Final = 6.0
"""A program about leases of ten seconds that takes so much longer than it sleeps says nothing."""
Say = Callable[[dict[str, Any]], None]
Kind = Callable[[Program], bool]


class NfsStand:
    """Two hosts and the server of one storage."""

    events: Collection[str] = EVENTS_HERE

    def __init__(self, storage: NfsStorage) -> None:
        self._storage = storage
        self._hosts: dict[str, Host] = dict(zip(CLIENTS, storage.nfs_hosts, strict=True))

    def make(self, name: str) -> None:
        (self._storage.view / name).mkdir()

    def remove(self, name: str) -> None:
        shutil.rmtree(self._storage.view / name, ignore_errors=True)

    def root(self, host: str, name: str) -> Path:
        return (self._storage.root if host in self._hosts else self._storage.view) / name

    def enter(self, host: str, *command: str) -> tuple[str, ...]:
        return self._hosts[host].enter(*command) if host in self._hosts else command

    async def event(self, host: str, event: str) -> None:
        if event == "restart":
            await self._storage.server.stop()
            await asyncio.sleep(RESTART_S)
            await self._storage.server.available()
        elif event == "reboot":
            await self._back(self._hosts[host])
        elif event == "crash":
            await self._hosts[host].kill()
        elif event == "cut":
            self._hosts[host].cut()
        else:
            self._hosts[host].rejoin()

    async def settle(self) -> None:
        for host in self._hosts.values():
            host.rejoin()
            await self._back(host)
        await self._storage.server.end_grace()

    async def _back(self, host: Host) -> None:
        """Only who was away says so: the server forgets all locks of a host that says that it was."""
        away = not host.up
        await host.boot()
        await self._storage.mount(host)
        if away:
            await host.notify()


async def litmus(site: Site, order: dict[str, Any], say: Say) -> dict[str, Any]:
    """Run ``order["programs"]``, names by mount; outcomes are told as they come.

    ``order["texts"]`` are programs that are not in the catalogue, by name. ``order["tidy"]``: there are many.
    """
    known = PROGRAMS | {
        name: parse_program(name, "", text, ()) for name, text in order.get("texts", {}).items()
    }
    programs = {
        mount: [hastened(known[name]) for name in names]
        for mount, names in order["programs"].items()
    }
    repeat = int(order["repeat"])
    stands: dict[str, NfsStand] = {}

    async def standing(stack: AsyncExitStack) -> None:
        for number, mount in enumerate(programs):
            storage = opened(site, mount, len(CLIENTS), first_host=number * len(CLIENTS))
            stands[mount] = NfsStand(await stack.enter_async_context(storage))

    async def run(mount: str, bench: Bench, program: Program) -> None:
        for _ in range(repeat):
            began = time.monotonic()
            try:
                outcome = await bench.run(program)
            except InconclusiveError as error:
                say({"mount": mount, "program": program.name, "left_out": str(error)})
                return
            late_s = time.monotonic() - began - patience_s(program)
            say(
                {
                    "mount": mount,
                    "program": program.name,
                    "outcome": list(outcome),
                    "late": _of_leases(program) and late_s > LATE_S_MAX,
                }
            )

    async def some_at_once(mount: str, kind: Kind) -> None:
        left = iter([*filter(kind, programs[mount])])

        async def one_after_the_other(bench: Bench) -> None:
            for program in left:
                await run(mount, bench, program)

        async with Bench(stands[mount], f"{kind.__name__}-", tidy=bool(order.get("tidy"))) as bench:
            await asyncio.gather(*(one_after_the_other(bench) for _ in range(AT_ONCE)))

    async def one_by_one(mount: str, kind: Kind) -> None:
        async with Bench(stands[mount], f"{kind.__name__}-") as bench:
            ours = filter(kind, programs[mount])
            for program in sorted(ours, key=lambda one: not verbs(one) & OF_DISKS):
                await run(mount, bench, program)

    async def side_by_side(mount: str, kind: Kind) -> None:
        async with Bench(stands[mount], f"{kind.__name__}-") as bench:
            await asyncio.gather(*(run(mount, bench, one) for one in filter(kind, programs[mount])))

    async with AsyncExitStack() as stack:
        await standing(stack)
        async with asyncio.TaskGroup() as tasks:
            for mount in stands:
                tasks.create_task(side_by_side(mount, waiting))
                tasks.create_task(some_at_once(mount, calm))
                tasks.create_task(one_by_one(mount, plain))
    if not any(striking(one) or restarting(one) for some in programs.values() for one in some):
        return {}
    # A server gives the room of removed files back when it likes; so what fills a disk begins on another one.
    async with AsyncExitStack() as stack:
        await standing(stack)
        async with asyncio.TaskGroup() as tasks:
            for mount in stands:
                tasks.create_task(one_by_one(mount, striking))
        for mount in stands:
            await one_by_one(mount, restarting)
    return {}


def waiting(program: Program) -> bool:
    """It only lets time pass."""
    return patience_s(program) > 0 and not _events(program)


def calm(program: Program) -> bool:
    """Others would not notice it, though their steps are done by the same processes: nobody dies, nobody
    waits."""
    return (
        patience_s(program) == 0
        and not verbs(program) & {*EVENTS, *OF_DISKS}
        and not _races(program)
    )


def plain(program: Program) -> bool:
    """It wants processes of its own, and strikes at nothing else."""
    return patience_s(program) == 0 and not _events(program) and not calm(program)


def striking(program: Program) -> bool:
    """It strikes at its own hosts or fills its own disk."""
    return bool(_events(program)) and not restarting(program)


def restarting(program: Program) -> bool:
    """It restarts the server of all."""
    return "restart" in _events(program)


def _of_leases(program: Program) -> bool:
    """It strikes, and waits for what that leads to; filling a disk is over when it is done."""
    return patience_s(program) > 0 and bool(_events(program) - OF_DISKS)


def _events(program: Program) -> frozenset[str]:
    return verbs(program) & {*EVENTS, *OF_DISKS} - {"kill"}


def _races(program: Program) -> bool:
    return any(isinstance(part, Race) for part in program.parts)
