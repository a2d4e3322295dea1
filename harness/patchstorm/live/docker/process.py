"""One container's processes, from a start to an end, and what they say."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from patchstorm.live.beneath import no_link
from patchstorm.live.docker.engine import Engine, EngineError, Gone, call, told
from patchstorm.live.warden import start_time

UNSEEN: Final = -1  # it ended, and the daemon has not said how
LOG_S_MAX: Final = 5.0


class ContainerProcess:
    """The processes of one container, from one start to its end."""

    def __init__(self, daemon: Engine, container: str, pid: int, log: threading.Thread) -> None:
        self._daemon = daemon
        self._container = container
        self._pid = pid
        self._started = start_time(pid)
        self._log = log
        self._code: int | None = None

    @property
    def pid(self) -> int:
        return self._pid

    def poll(self) -> int | None:
        if self._code is not None or self._lives():
            return self._code
        with contextlib.suppress(EngineError):
            state = self._daemon.inspect(self._container)["State"]
            if not state["Running"]:
                self._code = int(state["ExitCode"])
        return UNSEEN if self._code is None else self._code

    def _lives(self) -> bool:
        try:
            stat = Path(f"/proc/{self._pid}/stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            return False
        return stat[0] not in (b"Z", b"X") and stat[19].decode() == self._started

    def signal(self, number: signal.Signals) -> None:
        """To all processes where it stops or continues; else to the leader, whose death ends all."""
        if not self._lives():
            return
        everybody = number in (signal.SIGSTOP, signal.SIGCONT)
        for pid in _with_children(self._pid) if everybody else (self._pid,):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    async def reap(self) -> None:
        """A frozen container dies only once it is thawed."""
        with contextlib.suppress(EngineError):
            if (await call(self._daemon.inspect, self._container))["State"]["Paused"]:
                await call(unpaused, self._daemon, self._container)
        with contextlib.suppress(Gone):
            await call(_waited, self._daemon, self._container)
        await asyncio.to_thread(self._log.join, LOG_S_MAX)


def user() -> str:
    """Containers run as whoever runs the harness, so that both may touch the same files."""
    return f"{os.getuid()}:{os.getgid()}"


def started(daemon: Engine, container: str) -> int:
    """Start it; the process id of its leader on this host."""
    with told():
        daemon.api.start(container)
    return int(daemon.inspect(container)["State"]["Pid"])


def _with_children(pid: int) -> Iterator[int]:
    yield pid
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            text = Path(f"/proc/{pid}/task/{task}/children").read_text(encoding="ascii")
            for child in text.split():
                yield from _with_children(int(child))


def logging(daemon: Engine, container: str, log: Path) -> threading.Thread:
    """A thread that copies what the container says to ``log`` until it ends."""
    file = open(log, "ab", buffering=0, opener=no_link)  # noqa: SIM115
    try:
        with told():
            stream = daemon.api.attach(container, stdout=True, stderr=True, stream=True)
    except BaseException:
        file.close()
        raise

    def copy() -> None:
        with file, contextlib.suppress(Exception):
            for piece in stream:
                file.write(piece)

    thread = threading.Thread(target=copy, name=f"log of {container[:12]}", daemon=True)
    thread.start()
    return thread


def _waited(daemon: Engine, container: str) -> None:
    with told():
        daemon.api.wait(container)


def unpaused(daemon: Engine, container: str) -> None:
    with told():
        daemon.api.unpause(container)
