"""Each fault really does to a container what it says, and takes it back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from patchstorm.live.docker.engine import call
from patchstorm.live.docker.images import UPDATED
from patchstorm.worlds.containers.packets import LOSE_NOTHING, losing

from .contained import answers, ask, fleet_of, needs_containers

pytestmark = needs_containers
SOON_MS = 300


def test_the_harness_and_the_replicas_see_one_volume(tmp_path: Path) -> None:
    async def run() -> tuple[list[str], int, str]:
        async with fleet_of(tmp_path, count=2) as members:
            ground = members[0].ground
            seen = [
                ground.daemon.run(member.server, ["ls", "-a", "/shared/root"])[1]
                for member in members
            ]
            (ground.view / "left-by-the-harness").write_text("a", encoding="ascii")
            code, said = ground.daemon.run(
                members[1].server, ["cat", "/shared/root/left-by-the-harness"]
            )
            return seen, code, said

    seen, code, said = asyncio.run(run())
    assert all(".upload" in names for names in seen)
    assert (code, said) == (0, "a")


def test_a_killed_container_is_down_until_it_is_started_at_its_old_address(tmp_path: Path) -> None:
    async def run() -> tuple[bool, bool, bool]:
        async with fleet_of(tmp_path) as (member,):
            address, server = member.address, member.server
            await member.kill()
            down = (await ask(member, SOON_MS)).error == "refused" and not member.alive
            await member.start()
            return down, await answers(member), (member.address, member.server) == (address, server)

    assert asyncio.run(run()) == (True, True, True)


def test_a_frozen_container_stands_still_goes_on_and_can_be_killed(tmp_path: Path) -> None:
    async def run() -> tuple[bool, bool, bool, bool]:
        async with fleet_of(tmp_path) as (member,):
            await member.freeze()
            paused = member.ground.daemon.inspect(member.server)["State"]["Paused"]
            still = not await answers(member, SOON_MS)
            await member.unfreeze()
            went_on = await answers(member)
            await member.freeze()
            await member.kill()
            await member.start()
            return paused, still, went_on, await answers(member)

    assert asyncio.run(run()) == (True, True, True, True)


def test_a_replica_that_is_off_the_network_runs_on_and_keeps_its_address(tmp_path: Path) -> None:
    async def run() -> tuple[bool, bool, bool, bool]:
        async with fleet_of(tmp_path) as (member,):
            address = member.address
            await member.disconnect()
            away, alive = not await answers(member, SOON_MS), member.alive
            await member.connect()
            return away, alive, await answers(member), member.address == address

    assert asyncio.run(run()) == (True, True, True, True)


def test_packets_are_lost_as_often_as_they_are_to_be(tmp_path: Path) -> None:
    async def run() -> tuple[dict[int, bool], bool]:
        async with fleet_of(tmp_path) as (member,):
            answered = {}
            for permille in (0, 1, 999, 1000):
                await member.tool(*losing(permille))
                answered[permille] = await answers(member, SOON_MS)
                await member.tool(*LOSE_NOTHING)
            return answered, await answers(member)

    assert asyncio.run(run()) == ({0: True, 1: True, 999: False, 1000: False}, True)


def test_a_replica_without_memory_is_killed_and_comes_back_without_a_limit(tmp_path: Path) -> None:
    eat = ["python3", "-c", "x = bytearray(64 << 20); print(len(x))"]

    async def run() -> tuple[int, int, bool]:
        async with fleet_of(tmp_path) as (member,):
            daemon = member.ground.daemon
            await member.limit(await member.memory_used() + (1 << 20))
            limited, _ = await call(daemon.run, member.server, eat)
            await member.limit(None)
            await member.kill()
            await member.start()
            free, _ = await call(daemon.run, member.server, eat)
            return limited, free, await answers(member)

    assert asyncio.run(run()) == (137, 0, True)


@pytest.mark.slow
def test_an_updated_replica_runs_another_image_at_the_same_address(tmp_path: Path) -> None:
    update = '[[fault]]\nkind = "rolling-update"\n'

    async def run() -> tuple[bool, bool, bool, bool]:
        async with fleet_of(tmp_path, faults=update) as (member,):
            daemon = member.ground.daemon
            before, address = daemon.inspect(member.server)["Image"], member.address
            await member.update()
            down = not member.alive
            await member.start()
            after = daemon.inspect(member.server)["Image"]
            same = member.address == address and member.release == UPDATED
            return down, before != after, same, await answers(member)

    assert asyncio.run(run()) == (True, True, True, True)
