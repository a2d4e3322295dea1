"""A fleet in containers: a pod and a server for each replica, started side by side."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from patchstorm.live.docker.inside import PORT, command_of, values
from patchstorm.live.fleet import Fleet, started, write_secret
from patchstorm.live.launch import Order, Running
from patchstorm.live.storage import Storage
from patchstorm.target.model import Target
from patchstorm.worlds.containers.balancer import balancing
from patchstorm.worlds.containers.ground import Ground
from patchstorm.worlds.containers.member import Member


@contextlib.asynccontextmanager
async def running(
    target: Target,
    storage: Storage,
    count: int,
    *,
    log_dir: Path,
    lifetime_ms: int | None = None,
) -> AsyncIterator[Fleet]:
    """``count`` started replicas on a :class:`Ground`; the ground removes what is left of them."""
    assert isinstance(storage, Ground)
    (storage.own / "shared").mkdir()
    secret_file = write_secret(storage.own)
    log_dir.mkdir(parents=True, exist_ok=True)
    members = [_member(target, storage, index, log_dir, lifetime_ms) for index in range(count)]
    await asyncio.gather(*(member.settle() for member in members))
    async with started(members) as fleet:
        fleet.secret = secret_file.read_bytes()
        if storage.balanced:
            fleet.front = await balancing(storage, target, log_dir)
        yield fleet


def _member(
    target: Target, ground: Ground, index: int, log_dir: Path, lifetime_ms: int | None
) -> Member:

    async def launch(order: Order) -> Running:
        return await member.run(order)

    member = Member(
        target=target,
        index=index,
        command=command_of(target, lifetime_ms),
        values=values(target, index, lifetime_ms),
        log=log_dir / f"replica-{index}.log",
        launch=launch,
        port=PORT,
        ground=ground,
    )
    return member
