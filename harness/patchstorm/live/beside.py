"""What stands beside a fleet: the program that its replicas share, and the way to it from each."""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from patchstorm.errors import TargetError
from patchstorm.live.environment import home_of
from patchstorm.live.host import ThisHost
from patchstorm.live.launch import Order, Running, processes
from patchstorm.live.relay import Relay
from patchstorm.live.replica import Replica
from patchstorm.live.storage import Storage
from patchstorm.scenario.faults.deed import Hit
from patchstorm.target.model import Companion, Ready, Start, Target

TOLD_S_MAX: Final = 10.0
POLL_S: Final = 0.004


class Beside:
    """``program`` runs once for all replicas; ``ways[i]`` leads replica ``i`` to it."""

    def __init__(self, program: Replica, companion: Companion, replicas: int) -> None:
        self.program = program
        self.ways = tuple(Relay() for _ in range(replicas))
        self._companion = companion

    async def start(self, replicas: Sequence[Replica]) -> None:
        """Start it, open the ways and tell them to ``replicas``, which are still to be started."""
        await self.program.start()
        assert self.program.port is not None
        for replica, way in zip(replicas, self.ways, strict=True):
            await way.open(self.program.port)
            replica.values["companion_port"] = str(way.port)

    async def heal(self) -> None:
        """It is up, and everybody reaches it."""
        for way in self.ways:
            way.heal()
        self.program.resume()
        await self.program.start()

    async def kill(self) -> None:
        """SIGKILL, and wait until all is gone."""
        for way in self.ways:
            await way.close()
        await self.program.kill()

    def is_struck(self, replica: int) -> bool:
        """Whether it is down or stands still just now, or a fault lies on this replica's way to it."""
        return not self._can_be_asked or self.ways[replica].is_struck

    def ways_of(self, hit: Hit) -> tuple[Relay, ...]:
        """Those of the replicas that are hit; everybody's where no replica is named."""
        return tuple(self.ways[index] for index in hit) if hit else self.ways

    async def forget(self) -> None:
        """Kill it, and remove all that it has written to its own directory."""
        await self.program.kill()
        await asyncio.to_thread(shutil.rmtree, self._scratch, ignore_errors=True)

    async def told(self, key: Literal["flush", "expire"]) -> bool:
        """Have it told what that command of its says. False: it could not be, as it was down or stood still.

        Raises TargetError where the command fails all the same.
        """
        if not self._can_be_asked:
            return False
        whom = self.program.pid
        running = await self.program.launch(self._order(key))
        try:
            code = await self._ended(running)
        finally:
            running.signal(signal.SIGKILL)
            await running.reap()
        if code != 0 and self._can_be_asked and whom == self.program.pid:
            raise TargetError(
                f"target {self.program.target.name}: companion.{key} ended with "
                f"{'no code in time' if code is None else f'code {code}'}. Correct it; its words are in "
                f"{self.program.log}:\n{self.program.tail()}"
            )
        return code == 0

    @property
    def _can_be_asked(self) -> bool:
        program = self.program
        return program.alive and not program.paused and not program.moving

    @property
    def _scratch(self) -> Path:
        return Path(self.program.values["scratch"])

    def _order(self, key: str) -> Order:
        command = self._companion.flush if key == "flush" else self._companion.expire
        values = {**self.program.values, "port": str(self.program.port)}
        return Order(
            command=tuple(part.format(**values) for part in command),
            environment={},
            scratch=str(self._scratch),
            log=self.program.log,
            name=f"target {self.program.target.name}, companion.{key}",
            remedy=f"Install it, or correct companion.{key}.",
        )

    async def _ended(self, running: Running) -> int | None:
        """With which code; None where it does not end in time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + TOLD_S_MAX
        while (code := running.poll()) is None and loop.time() < deadline:
            await asyncio.sleep(POLL_S)
        return code


def beside(
    target: Target, storage: Storage, log_dir: Path, shared: dict[str, str], replicas: int
) -> Beside | None:
    """What stands beside a fleet of ``replicas``, not started yet; None if the target has nothing there."""
    companion = target.companion
    if companion is None:
        return None
    program = Target(
        name=f"{target.name}, the companion",
        capabilities=target.capabilities,
        start=Start(
            command=companion.command,
            inherit=target.start.inherit,
            missing=target.start.missing,
            stop=companion.stop,
            stop_ms=companion.stop_ms,
        ),
        ready=Ready(by="tcp", within_ms=companion.within_ms),
        wire=target.wire,
        install=target.install,
        origin=target.origin,
    )
    replica = Replica(
        target=program,
        index=0,
        command=program.start.command,
        values={**shared, "replica": "0", "scratch": str(storage.scratch / "companion")},
        log=log_dir / "companion.log",
        launch=processes(home_of(storage.scratch), ThisHost(storage.entry)),
    )
    return Beside(replica, companion, replicas)
