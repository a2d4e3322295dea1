"""Runs the server that a target's ``[simulate]`` names: every replica's process, from import to listening."""

from __future__ import annotations

import contextvars
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Final, cast

from patchstorm.errors import TargetError, UsageError
from patchstorm.scenario.plan import Plan
from patchstorm.storage.server import Server
from patchstorm.storage.settings import Clock
from patchstorm.target.model import Simulate, Target
from patchstorm.worlds.sim.app import Answer
from patchstorm.worlds.sim.delivery import Delivery
from patchstorm.worlds.sim.hosted import once
from patchstorm.worlds.sim.hosted.beside import Beside
from patchstorm.worlds.sim.hosted.connection import HOST, PORT
from patchstorm.worlds.sim.hosted.ending import code_of, last_words, why_it_listens_not
from patchstorm.worlds.sim.hosted.here import current, task_here
from patchstorm.worlds.sim.hosted.install import check_python, install
from patchstorm.worlds.sim.hosted.interpreter import check_interpreter
from patchstorm.worlds.sim.hosted.kernel import HostedKernel
from patchstorm.worlds.sim.hosted.kinds import serve, wind_up
from patchstorm.worlds.sim.hosted.lines import place_of
from patchstorm.worlds.sim.hosted.modules import Own
from patchstorm.worlds.sim.hosted.process import SCRATCH, HostedProcess
from patchstorm.worlds.sim.hosted.service import check_service
from patchstorm.worlds.sim.hosted.wire import carry
from patchstorm.worlds.sim.kernel import Kernel
from patchstorm.worlds.sim.port import SimPort, Watch
from patchstorm.worlds.sim.replica import Replica

ALWAYS: Final = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
"""What every process finds in its environment, as servers in other worlds do; the same on all machines."""


class PythonHost:
    """``target`` has a ``[simulate]`` table."""

    @property
    def kernel(self) -> type[Kernel]:
        """Asked for at the start of each run: until the first one nothing of the interpreter is touched."""
        install()
        return HostedKernel

    def __init__(self, target: Target) -> None:
        assert target.simulate is not None
        check_interpreter(target)
        check_python()
        self._target = target
        self._simulate: Simulate = target.simulate
        module = self._simulate.app.partition(":")[0].partition(".")[0]
        self._own = Own((module, *self._simulate.own), target.here)
        for name in self._simulate.services:
            check_service(name)
        for name in (module, *self._simulate.own):
            if not self._own.there(name):
                raise UsageError(self._missing(name))

    def _missing(self, name: str) -> str:
        target, install = self._target, self._target.install
        packages = " ".join(install.packages) if install and install.client == "pip" else name
        return (
            f"target {target.name}: its module `{name}` is neither beside its file nor in the Python that "
            f"runs patchstorm, {sys.executable}, so it cannot be simulated. Install it there: "
            f"{sys.executable} -m pip install {packages}"
        )

    def start(self, replica: Replica, port: SimPort, root: str) -> HostedProcess:
        """A process that imports the server anew and goes on until it dies."""
        kernel = port.kernel
        assert isinstance(kernel, HostedKernel)
        if kernel.beside is None and self._simulate.services:
            kernel.beside = Beside(kernel, self._simulate.services, self._target.here)
        assert replica.domain is not None
        process = HostedProcess(
            port,
            self._scratch(kernel, replica, port),
            name=f"{replica.name}/{replica.starts}",
            root=root,
            own=self._own,
            environment=self._environment(replica, root),
        )
        process.domain = replica.domain
        replica.domain.process = process
        kernel.spawn(
            f"{process.name}/main",
            lambda: contextvars.Context().run(self._main, process, replica),
            replica.domain,
        )
        return process

    def reason_to_skip(self, plan: Plan) -> str | None:
        name = self._target.name
        if plan.creation != "on":
            return f"nobody can tell target {name} who may create uploads"
        if plan.workers and not plan.composed:
            return f"target {name} has workers of its own, and nobody can tell it how many"
        expire = any(upload.info.expires_ms is not None for upload in plan.uploads)
        if expire and not self._simulate.lifetime:
            return (
                f"uploads expire, and target {name} does not say how to set their lifetime; "
                "add simulate.lifetime to the target's file"
            )
        return None

    def carry(self, process: HostedProcess, delivery: Delivery, body: Iterator[bytes]) -> Answer:
        return carry(process, delivery, body)

    def _scratch(self, kernel: HostedKernel, replica: Replica, port: SimPort) -> SimPort:
        """The host's own directory: memory, so it outlives its processes and is lost with the power."""
        key = (replica.index, replica.power_losses)
        storage = kernel.scratches.get(key)
        if storage is None:
            storage = kernel.scratches[key] = Server("tmpfs", clock=cast(Clock, kernel))
            storage.observer().mkdir(SCRATCH)
        client = storage.mount(replica.name, pid=replica.starts)
        return SimPort(kernel, storage, client, Watch(lambda path: None), port.serial)

    def _environment(self, replica: Replica, root: str) -> dict[str, str]:
        lifetime_ms = replica.lifetime_ms
        values = {
            "root": root, "scratch": SCRATCH, "replica": str(replica.index), "here": self._target.here,
            "host": HOST, "port": str(PORT), "lifetime_ms": str(lifetime_ms or 0),
            "lifetime_s": str(-(-(lifetime_ms or 0) // 1_000)),
        }  # fmt: skip
        own = self._simulate.environment
        if lifetime_ms is not None:
            own = {**own, **self._simulate.lifetime}
        given = {key: text.format(**values) for key, text in own.items()}
        return {**ALWAYS, "HOME": SCRATCH, "TMPDIR": SCRATCH, **given}

    def place(self) -> str | None:
        process = current()
        return None if process is None else place_of(process)

    def _main(self, process: HostedProcess, replica: Replica) -> None:
        try:
            app = self._app()
            once.of_frameworks()
            once.forget()
            serve(process, app)
        except (UsageError, TargetError):
            raise
        except (Exception, SystemExit) as error:
            if not process.alive:
                return
            if not process.listened:
                self._failed(process, error)
            else:
                self._ends(process, replica, error)

    def _ends(self, process: HostedProcess, replica: Replica, error: BaseException) -> None:
        """It is on record before it is wound up, as clients then meet what ends already."""
        replica.exits(code_of(error), last_words(process, error))
        task = task_here()
        loop = None if task is None else task.loop
        if loop is not None and not loop.is_closed():
            wind_up(loop)
        replica.exit()

    def _app(self) -> Any:
        place, _, name = self._simulate.app.partition(":")
        found: Any = import_module(place)
        for part in name.split("."):
            found = getattr(found, part)
        return found

    def _failed(self, process: HostedProcess, error: BaseException) -> None:
        """A server that does not come up concludes nothing about it, unless a fault of the storm was why."""
        if isinstance(error, OSError) and process.starts_late:
            return
        raise TargetError(why_it_listens_not(process, error, self._target))
