"""The services of a run: programs beside the fleet that every replica reaches, each a process of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, cast

from patchstorm.storage.server import Server
from patchstorm.storage.settings import Clock
from patchstorm.worlds.sim.hosted.kernel import HostedKernel
from patchstorm.worlds.sim.hosted.links import Link, Way
from patchstorm.worlds.sim.hosted.modules import Own
from patchstorm.worlds.sim.hosted.process import SCRATCH, HostedProcess
from patchstorm.worlds.sim.hosted.service import Service, maker
from patchstorm.worlds.sim.port import SimPort, Watch
from patchstorm.worlds.sim.task import Domain

SERIAL: Final = 1 << 20
"""Above those of replicas' processes, so that chance differs."""
LOCAL: Final = ("127.0.0.1", "localhost", "::1")
"""Where each service is reached as well as under its name."""


class Program:
    """One service, and the process in which it runs. ``up``: connections are taken."""

    def __init__(self, kernel: HostedKernel, name: str, here: str, number: int) -> None:
        self.name = name.partition(":")[0].rpartition(".")[2]
        self.up = False
        self.links: dict[Link, None] = {}
        self._kernel = kernel
        self._make = name
        disk = Server("tmpfs", clock=cast(Clock, kernel))
        disk.observer().mkdir(SCRATCH)
        ports = [
            SimPort(kernel, disk, disk.mount(self.name, pid=1), Watch(lambda path: None), serial)
            for serial in (SERIAL + 2 * number, SERIAL + 2 * number + 1)
        ]
        self.process = HostedProcess(
            *ports, name=self.name, root="/data", own=Own((), here), environment={}
        )
        self.domain = Domain(None)
        self.start()
        self.service: Service = self._fresh()

    def _fresh(self) -> Service:
        with self._kernel.as_process(self.process):
            return maker(self._make)()

    def start(self) -> None:
        """Nothing where it runs."""
        if not self.up:
            self.up = True
            self.domain = Domain(None)
            self.domain.process = self.process
            self.process.domain = self.domain

    def kill(self) -> None:
        """Its connections are reset; its data stay."""
        if self.up:
            self.up = False
            self._kernel.kill(self.domain)
            for link in list(self.links):
                link.broken()
            self.links.clear()
            with self._kernel.as_process(self.process):
                self.service.restart()

    def forget(self) -> None:
        """It is down, and will know nothing."""
        self.service = self._fresh()

    def tell(self, what: str) -> int:
        """Have it ``flush`` or ``expire``; how much that met."""
        with self._kernel.as_process(self.process):
            if what == "expire":
                return self.service.expire()
            self.service.flush()
            return 1


class Beside:
    """All of a run's services."""

    def __init__(self, kernel: HostedKernel, names: Sequence[str], here: str) -> None:
        self._kernel = kernel
        self.programs = [Program(kernel, name, here, number) for number, name in enumerate(names)]
        self._ways: dict[int, Way] = {}

    def ways(self, replicas: Iterable[int]) -> list[Way]:
        return [self._ways.setdefault(index, Way()) for index in replicas]

    def dial(self, process: HostedProcess, host: str, port: int) -> Link:
        """A connection of ``process`` to a service. ConnectionRefusedError where none is taken.

        UsageError for an address where there is no service: whatever is there, it is real.
        """
        process.kernel.step()
        program = self._at(host, port)
        if program is None:
            process.refuse(f"a connection to {host}:{port}", UNKNOWN)
        domain = process.domain
        assert program is not None and domain is not None and domain.index is not None
        way = self.ways([domain.index])[0]
        if way.cut or not program.up:
            way.met += 1
            raise ConnectionRefusedError(111, "Connection refused")
        link = Link(program, process, way)
        program.links[link] = None
        return link

    def _at(self, host: str, port: int) -> Program | None:
        for program in self.programs:
            if port == program.service.port and host in (program.name, *LOCAL):
                return program
        return None

    def knows(self, host: str) -> bool:
        """Whether ``host`` is the name of a service."""
        return any(program.name == host for program in self.programs)

    def left(self, process: HostedProcess) -> None:
        """A process has died: its end of every connection is closed."""
        for program in self.programs:
            for link in [one for one in program.links if one.process is process]:
                link.server_closed()

    def cut(self, replicas: Iterable[int]) -> None:
        """Connections break and none is taken."""
        for index in replicas:
            way = self.ways([index])[0]
            way.cut = True
            for link in self._links(index):
                way.met += 1
                link.broken()

    def mend(self, replicas: Iterable[int]) -> None:
        """All passes again, and what was held back goes on."""
        for way in self.ways(replicas):
            way.cut = way.silent = False
            self._kernel.wake(way)

    def heal(self) -> None:
        """As if no fault had been."""
        self.mend(list(self._ways))
        for way in self._ways.values():
            way.delay_ns = 0
            way.losses.clear()
        for program in self.programs:
            if program.domain.paused:
                self._kernel.unpause(program.domain)
            program.start()

    def _links(self, index: int) -> list[Link]:
        return [
            link
            for program in self.programs
            for link in list(program.links)
            if link.replica == index
        ]


UNKNOWN: Final = "leads to no service that `simulate.services` of the target's file names"
