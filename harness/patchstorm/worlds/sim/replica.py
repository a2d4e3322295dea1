"""One replica: a host with the storage mounted, and on it a process that comes and goes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from patchstorm.run.truth import ROOT
from patchstorm.scenario.plan import SweepPlan
from patchstorm.storage.client import Client
from patchstorm.storage.server import Server
from patchstorm.worlds.sim.app import App, Subject
from patchstorm.worlds.sim.kernel import Kernel
from patchstorm.worlds.sim.pool import Pool
from patchstorm.worlds.sim.port import Creation, SimPort
from patchstorm.worlds.sim.task import Domain

if TYPE_CHECKING:
    from patchstorm.worlds.sim.hosted.process import HostedProcess

MS = 1_000_000
FIRST_SWEEP_MS = 100
DRAWN_SWEEPS = 20
"""So many passes keep the interval that a plan draws; a storm is over by then, and sweeps cost the most."""

PortOf = Callable[[Client, int, int], SimPort]
"""(storage process, replica, serial) to the port of a process."""


class Replica:
    """``domain`` is that of the process that runs now; None while there is none."""

    def __init__(
        self, kernel: Kernel, server: Server, subject: Subject, index: int, port_of: PortOf
    ) -> None:
        self.index = index
        self.busy_requests = 0
        self.stopping = False
        self.app: App | None = None
        self.process: HostedProcess | None = None
        self.port: SimPort | None = None
        self.domain: Domain | None = None
        self.starts = 0
        self.power_losses = 0
        self._powered = True
        self.sweeps = 0
        self.sweeping = False
        self.resting_ms = 0
        self.skew_ns = 0
        self.lifetime_ms: int | None = None
        self.creation: Creation = "on"
        self.workers = 0
        self.describes = False
        self.pool = Pool(kernel, 0)
        self.sweeps_drawn: SweepPlan | None = None
        self.on_exits: Callable[[Replica, int, str], None] | None = None
        self.on_exit: Callable[[], None] | None = None
        self.on_swept: Callable[[Replica], None] | None = None
        self._kernel = kernel
        self._server = server
        self._subject = subject
        self._port_of = port_of
        self.name = f"replica-{index}"
        self.client = server.mount(self.name, pid=1)

    @property
    def serves(self) -> bool:
        """Whether a connection would be accepted now."""
        return self.runs and not self.stopping

    @property
    def at_rest(self) -> bool:
        """Whether a process runs that serves nobody and sweeps nothing."""
        return self.runs and not self.busy_requests and not self.sweeping

    @property
    def runs(self) -> bool:
        """Whether there is a process now."""
        return self.app is not None or self.process is not None

    @property
    def comes_up_first(self) -> bool:
        """Whether its first process has still to listen: a storm strikes at a fleet that serves."""
        return self.starts == 1 and self.process is not None and not self.process.listened

    def start(self) -> None:
        """A new process. Nothing, if there is one already, or the host has no power."""
        if self.runs or not self._powered:
            return
        self.starts += 1
        self.stopping = self.sweeping = False
        self.domain = Domain(self.index)
        self.client = self._server.mount(self.name, pid=self.starts)
        self.port = self._port_of(self.client, self.index, ((self.index + 1) << 12) | self.starts)
        self.port.skew_ns = self.skew_ns
        self.port.lifetime_ms = self.lifetime_ms
        self.port.creation = self.creation
        if self.describes:
            self.port.describe()
        if self.on_swept is not None:
            self.port.openers = {}
        self.pool = Pool(self._kernel, self.workers)
        host = self._subject.host
        if host is not None:
            self.process = host.start(self, self.port, ROOT)
            return
        self.app = self._subject.build(self.port, ROOT)
        if self._subject.sweep_ms:
            self._kernel.spawn(f"{self.name}/{self.starts}/sweeper", self._sweep, self.domain)

    def die(self) -> None:
        """The process dies without warning; the host's kernel lives and closes its descriptors."""
        if self._end():
            self.client.kill()

    def exits(self, code: int, said: str) -> None:
        """The process is about to end by itself, with a code as a shell has it and its last words."""
        if self.on_exits is not None:
            self.on_exits(self, code, said)

    def exit(self) -> None:
        """It has ended."""
        self.die()
        if self.on_exit is not None:
            self.on_exit()

    def lose_power(self) -> None:
        """The host dies, with all it had not sent."""
        self._end()
        self._powered = False
        self.power_losses += 1
        self.client.crash()

    def come_back(self) -> None:
        """The host has power again; its process is started."""
        self._powered = True
        self.client = self._server.mount(self.name, pid=self.starts + 1)
        self.client.reboot()
        self.start()

    def vanish(self) -> None:
        """The process ended together with the storage's own machine."""
        self._end()
        self._powered = False
        self.power_losses += 1

    def _end(self) -> bool:
        if not self.runs:
            return False
        self.app = self.process = None
        assert self.domain is not None
        self._kernel.kill(self.domain)
        return True

    def pause(self) -> None:
        if self.domain is not None and self.runs:
            self._kernel.pause(self.domain)

    def unpause(self) -> None:
        if self.domain is not None and self.domain.paused:
            self._kernel.unpause(self.domain)

    def set_skew(self, skew_ns: int) -> None:
        self.skew_ns = skew_ns
        if self.port is not None:
            self.port.skew_ns = skew_ns

    def _sweep(self) -> None:
        """As the server does: the first pass soon after the start, none in step with the others."""
        kernel, app = self._kernel, self.app
        assert app is not None
        drawn = self.sweeps_drawn
        first_ms = FIRST_SWEEP_MS if drawn is None else drawn.first_ms
        kernel.sleep(first_ms * MS * (4 + self.index) // 4)
        while True:
            self.sweeping = True
            with suppress(OSError):  # a pass that met a failing disk; the next one comes
                app.sweep()
            self.sweeping = False
            self.sweeps += 1
            if self.on_swept is not None:
                self.on_swept(self)
            every_ms = self._subject.sweep_ms
            if drawn is not None and self.sweeps <= DRAWN_SWEEPS:
                every_ms = drawn.every_ms
            every_ms = max(every_ms, self.resting_ms)
            kernel.sleep(every_ms * MS * (16 + self.index) // 16)
