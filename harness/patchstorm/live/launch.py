"""How a replica comes to run: the protocol that every live world fills, and plain process groups.

A world says how a command is launched and what it gets back: something that has a process id in this
host's terms, can be asked whether it has ended, and takes signals.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from patchstorm.errors import TargetError
from patchstorm.live import warden
from patchstorm.live.beneath import no_link
from patchstorm.live.environment import environment
from patchstorm.live.guard import guard
from patchstorm.live.host import HERE, Host

REAP_POLL_S = 0.004
MARK = "PATCHSTORM_REPLICA"
"""In the environment of a replica and all that it starts: one value for each start."""


def mark_of_replica() -> str:
    """A new value of it, with its name."""
    return f"{MARK}={secrets.token_hex(8)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be run: ``command`` with every placeholder filled, and the ``environment`` it adds.

    ``scratch`` is the directory it begins in, ``log`` the file that takes what it says, ``name`` what
    errors call it and ``remedy`` what to do where the program is not there.
    """

    command: tuple[str, ...]
    environment: dict[str, str]
    scratch: str
    log: Path
    name: str
    remedy: str


class Running(Protocol):
    """A replica's processes, from their start until they have been reaped."""

    @property
    def pid(self) -> int:
        """The leader, as this host numbers it."""
        ...

    def poll(self) -> int | None:
        """The exit code once the leader has ended; never waits."""
        ...

    def signal(self, number: signal.Signals) -> None:
        """Send ``number`` to every process; nothing if they are gone. Never waits."""
        ...

    async def reap(self) -> None:
        """Wait until all is gone, and give back what is left of it."""
        ...


Launch = Callable[[Order], Awaitable[Running]]


class ProcessGroup:
    """A process and its children on this host, those too that have left its group.

    ``mark`` stands in the environment of all of them, and on them (:func:`warden.put_on`).
    """

    def __init__(self, process: subprocess.Popen[bytes], mark: str) -> None:
        self._process = process
        self._mark = mark

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.poll()

    def signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    async def reap(self) -> None:
        while self._process.poll() is None:
            await asyncio.sleep(REAP_POLL_S)
        self.signal(signal.SIGKILL)  # children that outlived their leader
        await asyncio.to_thread(warden.kill_marked, self._mark)
        guard.release_group(self._process.pid)
        guard.release_mark(self._mark)


def processes(home: Path, host: Host = HERE) -> Launch:
    """Launches process groups on ``host``, at home in ``home``."""

    async def launch(order: Order) -> Running:
        if shutil.which(order.command[0]) is None:
            raise TargetError(f"{order.name}: no program `{order.command[0]}` here. {order.remedy}")
        Path(order.scratch).mkdir(parents=True, exist_ok=True)
        mark = mark_of_replica()
        name, _, token = mark.partition("=")
        guard.adopt_mark(mark)  # first: a harness that is killed meanwhile leaves nothing unnoted
        with open(order.log, "ab", opener=no_link) as log:
            process = subprocess.Popen(
                host.enter(*order.command, directory=order.scratch),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**environment(home), **order.environment, name: token},
                cwd=order.scratch,
                start_new_session=True,
            )
        warden.put_on(process.pid, mark)
        guard.adopt_group(process.pid)
        return ProcessGroup(process, mark)

    return launch
