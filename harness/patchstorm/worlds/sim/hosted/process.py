"""One process of a replica, between its start and its death: all that is its own and nobody else's."""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from patchstorm.errors import UsageError
from patchstorm.worlds.sim.hosted.files import FD_BASE, HostedOs, Storages
from patchstorm.worlds.sim.hosted.kernel import HostedKernel
from patchstorm.worlds.sim.hosted.lines import place_of
from patchstorm.worlds.sim.hosted.modules import Own
from patchstorm.worlds.sim.hosted.streams import Said
from patchstorm.worlds.sim.port import SimPort
from patchstorm.worlds.sim.shim_files import Opener
from patchstorm.worlds.sim.task import Domain

if TYPE_CHECKING:
    from types import ModuleType

    from patchstorm.worlds.sim.hosted.connection import Connection
    from patchstorm.worlds.sim.hosted.threads import SimThread

SCRATCH: Final = "/scratch"
"""Where a process finds the directory of its host's own; its temporary files lie there, too."""
REMEDY: Final = (
    "Run this server in the world processes, or see docs/your-python-server.md for what can be done "
    "about it."
)
APPLICATION: Final = (
    "If a program listens here for an application, as uvicorn, hypercorn and gunicorn do, name the "
    'application itself: app = "module:app" in [simulate] has it served without a socket '
    "(docs/your-python-server.md). A server without one runs in the world processes."
)
"""What to do about a server that listens on sockets of its own."""


class HostedProcess:
    """``accept`` takes a connection, once the server listens; ``domain`` is the kernel's name for it.

    ``output`` is the end of what it wrote to its standard streams.
    """

    def __init__(
        self, port: SimPort, scratch: SimPort, *, name: str, root: str, own: Own,
        environment: dict[str, str],
    ) -> None:  # fmt: skip
        self.port = port
        assert isinstance(port.kernel, HostedKernel)
        self.kernel = port.kernel
        self.name = name
        self.shared = HostedOs(port, root, FD_BASE)
        self.scratch = HostedOs(scratch, SCRATCH, FD_BASE << 1)
        self.storages = Storages(self.shared, self.scratch)
        self.open: Callable[..., Any] = Opener(self.storages)  # type: ignore[arg-type]
        self.own = own
        self.modules: dict[str, ModuleType] = {}
        self.module_names: list[str] = []
        self.logs: dict[tuple[Any, str], Any] = {}
        self.module_locks: dict[str, Any] = {}
        self.environment = {
            os.fsencode(key): os.fsencode(text) for key, text in environment.items()
        }
        self.random = random.Random(int.from_bytes(port.urandom(8), "big"))
        self.names = _names(self.random, self.pid)
        self.last_uuid_ns: int | None = None
        self.links = 0
        """How many connections to services it has opened."""
        self.on_behalf: tuple[str, str] | None = None
        """Of a service: for which request of a replica it works now, and the line that asked."""
        self.threads: dict[int, SimThread] = {}
        self.thread_count = self.future_count = 0
        self.shared_locks: dict[Any, Any] = {}
        self.accept: Callable[[Connection], None] | None = None
        self.listened = False
        """Whether it has come to listen at all."""
        self.requests: dict[str, str] = {}
        """Of each delivery that reached it, the method and the path."""
        self.callers: list[object] = []
        """Deliveries that came before the server listened."""
        self.domain: Domain | None = None
        self.output = Said()

    @property
    def pid(self) -> int:
        return self.port.client.pid

    @property
    def alive(self) -> bool:
        """Whether the process has not died; what runs of it afterwards only unwinds."""
        return self.domain is not None and self.domain.alive and not self.kernel.closing

    @property
    def starts_late(self) -> bool:
        """Whether it is started again within a storm, when a fault may keep it from coming up."""
        return self.pid > 1

    def listens(self, accept: Callable[[Connection], None]) -> None:
        """The server takes connections from now on; the first place where it listens counts."""
        if self.accept is not None:
            return
        self.accept, self.listened = accept, True
        callers, self.callers = self.callers, []
        for one in callers:
            self.kernel.wake(one)

    def urandom(self, size: int) -> bytes:
        return self.random.randbytes(size)

    def change_directory(self, path: Any) -> None:
        if self.storages.of(path) is not self.shared:
            self.refuse_outside("chdir", path)
        self.shared.cwd = os.path.normpath(os.path.join(self.shared.cwd, os.fsdecode(path)))

    def refuse_outside(self, call: str, path: Any) -> None:
        """A change of what belongs to the machine ends the run: no replica would see it, or all would."""
        self.refuse(
            f"{call} of {os.fsdecode(path)}",
            "lies outside of the storm's directory and the replica's own",
        )

    def refuse(self, what: str, why: str, remedy: str = "") -> None:
        """End the run with the name of what was tried, and where; raises UsageError there as well."""
        error = UsageError(
            f"{place_of(self)}: {what} {why}, and cannot be simulated. {remedy or REMEDY}"
        )
        self.kernel.fail(error)
        raise error


def _names(chance: random.Random, pid: int) -> Any:
    """The names of temporary files: an interpreter has one sequence, a process needs its own."""
    names: Any = tempfile._RandomNameSequence()  # type: ignore[attr-defined]
    names._rng, names._rng_pid = chance, pid
    return names
