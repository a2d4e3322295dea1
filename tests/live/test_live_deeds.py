"""How deeds are carried out over real replicas: what is done at the strike, what after, what healing does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from patchstorm.live.abilities import Abilities
from patchstorm.live.faults import Faults
from patchstorm.run.triggers import Seen
from patchstorm.scenario.plan import FaultPlan, Trigger, Whom
from patchstorm.worlds.containers.abilities import ContainerAbilities
from patchstorm.worlds.containers.member import Member
from patchstorm.worlds.nfs import abilities as nfs
from patchstorm.worlds.nfs.abilities import NfsAbilities

Done = list[str]


class Fake(Member):
    """A replica that writes down what becomes of it; what takes time gives others a turn first."""

    def __init__(self, index: int, done: Done) -> None:
        self.index, self.done = index, done

    def kill_now(self) -> None:
        self.done.append(f"{self.index} is killed")

    def pause(self) -> None:
        self.done.append(f"{self.index} stands still")

    def resume(self) -> None:
        self.done.append(f"{self.index} goes on")

    async def _takes_time(self, what: str) -> None:
        self.done.append(f"{self.index} {what}...")
        await asyncio.sleep(0)
        self.done.append(f"{self.index} {what}")

    async def kill(self) -> None:
        await self._takes_time("reaped")

    async def stop(self) -> None:
        await self._takes_time("stopped")

    async def start(self) -> None:
        await self._takes_time("started")

    async def freeze(self) -> None:
        await self._takes_time("frozen")

    async def unfreeze(self) -> None:
        await self._takes_time("thawed")

    def forsake(self) -> None:
        self.done.append(f"{self.index} forsaken")


class Host:
    """A host of the NFS world that does as much."""

    def __init__(self, done: Done) -> None:
        self.done = done

    def cut(self) -> None:
        self.done.append("cable out")

    def rejoin(self) -> None:
        self.done.append("cable in")

    def fail(self) -> None:
        self.done.append("fails")

    async def kill(self) -> None:
        self.done.append("is taken down")

    async def boot(self) -> None:
        self.done.append("boots")


def strike(
    kind: str, made: Callable[..., Abilities], *, whom: Whom = "all", for_ms: int | None = None
) -> tuple[Done, Done]:
    """What was done when the strike had been made, and all that was done once it was healed."""
    done: Done = []

    async def struck() -> Done:
        fleet: Any = SimpleNamespace(replicas=(Fake(0, done), Fake(1, done)))
        recorder: Any = SimpleNamespace(add=lambda event: None)
        nothing: Any = None
        faults = Faults(made(fleet, nothing, nothing, nothing), recorder)
        plan = FaultPlan(
            id="f", kind=kind, whom=whom, replica=1, trigger=Trigger(kind="step"), for_ms=for_ms
        )
        faults.strike(plan, Seen())
        at_once = list(done)
        await faults.end()
        return at_once

    return asyncio.run(struck()), done


def on_hosts(done: Done) -> Callable[..., Abilities]:
    """The world ``nfs``, with hosts that write down what becomes of them."""

    class Mounting:
        async def mount(self, host: Host) -> None:
            host.done.append("mounts")

    class Wired(NfsAbilities):
        def _hosts(self, hit: tuple[int, ...]) -> Any:
            return [Host(done) for _ in hit]

        @property
        def _nfs(self) -> Any:
            return Mounting()

    def lights_out(_: FaultPlan) -> Any:
        raise AssertionError("the server keeps its power")

    return lambda *world: Wired(*world, lights_out=lights_out)


def test_a_crash_kills_all_before_anything_is_waited_for() -> None:
    at_once, done = strike("crash-all", Abilities)

    assert at_once == ["0 is killed", "1 is killed"]
    assert done[-2:] == ["0 started", "1 started"]
    assert done.index("1 reaped") < done.index("0 started...")


def test_those_that_are_restarted_stop_side_by_side() -> None:
    at_once, done = strike("restart", Abilities)

    assert at_once == []
    assert done[:2] == ["0 stopped...", "1 stopped..."]
    assert sorted(done[-2:]) == ["0 started", "1 started"]


def test_those_of_a_rolling_restart_stop_one_by_one() -> None:
    _, done = strike("rolling-restart", Abilities)

    assert done == [
        f"{replica} {what}"
        for replica in (0, 1)
        for what in ("stopped...", "stopped", "started...", "started")
    ]


def test_a_container_stands_still_at_once_and_is_frozen_then() -> None:
    at_once, done = strike("pause", ContainerAbilities)

    assert at_once == ["0 stands still", "1 stands still"]
    assert done.index("0 frozen") < done.index("0 thawed...") < done.index("0 goes on")


def test_a_host_loses_its_storage_at_once_and_gets_it_back() -> None:
    wires: Done = []

    strike("partition-storage", on_hosts(wires))

    assert wires == ["cable out"] * 2 + ["cable in"] * 2


def test_a_host_that_loses_power_is_gone_before_it_boots_again() -> None:
    hosts: Done = []

    at_once, done = strike("power-loss", on_hosts(hosts), whom="replica")

    assert at_once == ["1 is killed"]
    assert done == ["1 is killed", "1 reaped...", "1 reaped", "1 started...", "1 started"]
    assert hosts == ["fails", "is taken down", "boots", "mounts"]


def test_whoever_a_kernel_cannot_kill_is_left_behind_by_its_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def never(_: Fake) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Fake, "kill", never)
    monkeypatch.setattr(nfs, "KILLED_S_MAX", 0.01)
    hosts: Done = []

    _, done = strike("power-loss", on_hosts(hosts), whom="replica")

    assert done == ["1 is killed", "1 forsaken", "1 started...", "1 started"]
    assert hosts == ["fails", "is taken down", "boots", "mounts"]
