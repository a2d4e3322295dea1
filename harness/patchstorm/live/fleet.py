"""The replicas of one storm: started side by side over one directory, brought down one and all."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path

from patchstorm.history.events import Exit
from patchstorm.live.beside import Beside, beside
from patchstorm.live.environment import home_of
from patchstorm.live.http import SERVER_ADDRESS
from patchstorm.live.launch import processes
from patchstorm.live.replica import Replica
from patchstorm.live.storage import Storage
from patchstorm.target.installing import install_dir
from patchstorm.target.model import Target

TRIM_POLL_S = 0.05
LAST_WORDS = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """A balancer before a fleet. ``said`` tells, in lines for the report, what it did so far."""

    address: str
    port: int
    said: Callable[[], list[str]]


class Fleet:
    """The replicas of one storm, in the order of their indices.

    ``beside`` is a program that they share: it is started before them, and the way to it told to them.
    ``remarks`` are lines for the report that faults leave. ``front`` is what clients reach instead of the
    replicas, None where they reach those themselves. ``secret`` is what the replicas share.
    """

    def __init__(self, replicas: Sequence[Replica], beside: Beside | None = None) -> None:
        self.replicas = tuple(replicas)
        self.beside = beside
        self.remarks: list[str] = []
        self.front: Front | None = None
        self.secret = b""

    async def start(self) -> None:
        """Start all replicas at once; TargetError with the first one's reason if one fails.

        What they share is started before them.
        """
        if self.beside is not None:
            await self.beside.start(self.replicas)
        await _all_or_error([replica.start() for replica in self.replicas])

    def changes_loop(self) -> None:
        """The next storm, in an event loop of its own, has this fleet too; what was said is over."""
        self.remarks.clear()
        for replica in self.replicas:
            replica.changes_loop()

    async def heal(self) -> None:
        """Continue what is paused and start what is down, first what the replicas share."""
        if self.beside is not None:
            await self.beside.heal()
        for replica in self.replicas:
            replica.resume()
        await _all_or_error([replica.start() for replica in self.replicas])

    async def trim_logs(self) -> None:
        """Keep every log from filling the disk, until cancelled."""
        while True:
            await asyncio.sleep(TRIM_POLL_S)
            for one in (*self.replicas, *([] if self.beside is None else [self.beside.program])):
                one.trim_log()

    def thaw(self) -> None:
        """Go on after the sentinel has frozen everybody."""
        for replica in self.replicas:
            replica.thaw()

    @property
    def pids(self) -> list[int]:
        """The leaders of the process groups that run."""
        return [replica.pid for replica in self.replicas if replica.pid is not None]

    async def kill(self) -> None:
        """SIGKILL to all, and wait until all are gone."""
        for replica in self.replicas:
            replica.kill_now()
        for replica in self.replicas:
            await replica.kill()
        if self.beside is not None:
            await self.beside.kill()

    def said(self) -> list[str]:
        """Lines for the report: of faults, of the front, and of replicas that ended by themselves."""
        front = [] if self.front is None else self.front.said()
        return [*self.remarks, *front, *self.deserters()]

    def exits(self, now_ns: int) -> list[Exit]:
        """An event for each replica that ended by itself since this was last asked, with its last words."""
        return [
            Exit(
                time_ns=now_ns, replica=replica.index, code=replica.exit_code,
                said=replica.tail()[-LAST_WORDS:],
            )
            for replica in self.replicas
            if replica.exit_untold() and replica.exit_code is not None
        ]  # fmt: skip

    def deserters(self) -> list[str]:
        """A line for each program of the fleet that ended by itself."""
        named = [(f"replica {replica.index}", replica) for replica in self.replicas]
        if self.beside is not None:
            named.append(("the companion", self.beside.program))
        return [
            f"{name} ended by itself with code {replica.exit_code}; see {replica.log}"
            for name, replica in named
            if not replica.expected_down and replica.exit_code is not None
        ]


@contextlib.asynccontextmanager
async def running(
    target: Target,
    storage: Storage,
    count: int,
    *,
    log_dir: Path,
    lifetime_ms: int | None = None,
    secret: str | None = None,
) -> AsyncIterator[Fleet]:
    """``count`` started replicas of ``target`` on ``storage``, killed at the end whatever happens.

    Their logs go to ``log_dir``. ``lifetime_ms`` is how long uploads are to live, None for the
    target's own default; ``secret`` is what the replicas share, made up if there is none.
    """
    fleet = assembled(
        target, storage, count, log_dir=log_dir, lifetime_ms=lifetime_ms, secret=secret
    )
    async with up(fleet):
        yield fleet


def assembled(
    target: Target,
    storage: Storage,
    count: int,
    *,
    log_dir: Path,
    lifetime_ms: int | None = None,
    secret: str | None = None,
) -> Fleet:
    """The fleet of :func:`running`, of which nothing is started yet."""
    log_dir.mkdir(parents=True, exist_ok=True)
    shared = _shared(target, storage, lifetime_ms, secret)
    companion = beside(target, storage, log_dir, shared, count)
    fleet = Fleet(_replicas(target, storage, count, log_dir, lifetime_ms, shared), companion)
    fleet.secret = Path(shared["secret_file"]).read_bytes()  # before a server can touch the file
    return fleet


@contextlib.asynccontextmanager
async def started(
    replicas: Sequence[Replica], companion: Beside | None = None
) -> AsyncIterator[Fleet]:
    """A fleet of ``replicas``, started, and killed at the end whatever happens."""
    fleet = Fleet(replicas, companion)
    async with up(fleet):
        yield fleet


@contextlib.asynccontextmanager
async def up(fleet: Fleet) -> AsyncIterator[None]:
    """It is started, and killed at the end whatever happens."""
    trimming = asyncio.create_task(fleet.trim_logs())
    try:
        await fleet.start()
        yield
    finally:
        trimming.cancel()
        await asyncio.shield(fleet.kill())


def _shared(
    target: Target, storage: Storage, lifetime_ms: int | None, secret: str | None
) -> dict[str, str]:
    """The placeholders that mean the same for every replica, and what they stand for, made."""
    common = storage.scratch / "shared"
    common.mkdir(exist_ok=True)
    secret_file = write_secret(storage.scratch, secret)
    return {
        "python": sys.executable,
        "root": str(storage.root),
        "host": SERVER_ADDRESS,
        "companion_port": "0",  # of a variant that does without, whose command still has the argument
        "shared": str(common),
        "secret_file": str(secret_file),
        "here": target.here,
        "install": str(install_dir(target) or target.here),
        **lifetime_values(lifetime_ms),
    }


def _replicas(
    target: Target,
    storage: Storage,
    count: int,
    log_dir: Path,
    lifetime_ms: int | None,
    shared: dict[str, str],
) -> list[Replica]:
    home = home_of(storage.scratch)
    return [
        Replica(
            target=target,
            index=index,
            command=target.start.command + lifetime_arguments(target, lifetime_ms),
            values={
                **shared,
                "replica": str(index),
                "scratch": str(storage.scratch / f"replica-{index}"),
            },
            log=log_dir / f"replica-{index}.log",
            launch=processes(home, storage.host(index)),
            host=storage.host(index),
        )
        for index in range(count)
    ]


def write_secret(folder: Path, secret: str | None = None) -> Path:
    """The file of what the replicas of one storm share and nobody else knows; a new one unless given."""
    file = folder / "secret"
    file.write_text(secret or secrets.token_hex(32), encoding="ascii")
    file.chmod(0o600)
    return file


def lifetime_arguments(target: Target, lifetime_ms: int | None) -> tuple[str, ...]:
    """What is added to a command where uploads are to live ``lifetime_ms``."""
    return () if lifetime_ms is None else target.start.lifetime


def lifetime_values(lifetime_ms: int | None) -> dict[str, str]:
    """The placeholders of those arguments."""
    return {
        "lifetime_ms": str(lifetime_ms or 0),
        "lifetime_s": str(-(-(lifetime_ms or 0) // 1_000)),
    }


async def _all_or_error(starting: list[Coroutine[None, None, None]]) -> None:
    """Await all; the first error cancels the others and is raised once they have ended."""
    tasks = [asyncio.ensure_future(start) for start in starting]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
