"""The replicas of one storm, each on a mount of its own, started before anything is held."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from patchstorm.errors import TargetError
from patchstorm.live.fleet import Fleet, up
from patchstorm.target.model import Target
from patchstorm.worlds.fuse.conductor import Conductor
from patchstorm.worlds.fuse.ground import Ground, standing

NO_MAPPING = "No such device"
MAPPED = (
    "A file on these mounts cannot be mapped into shared memory (mmap with MAP_SHARED answers ENODEV), since "
    "no order of reads and writes could be told then. A database keeps its files elsewhere: give it "
    "`{scratch}` or `{shared}` in the target's file."
)


@contextlib.asynccontextmanager
async def conducted(
    conductor: Conductor,
    ground: Ground,
    target: Target,
    *,
    log_dir: Path,
    lifetime_ms: int | None,
) -> AsyncIterator[Fleet]:
    """A fleet whose calls the conductor answers; at the end it is killed, unless the ground keeps it."""
    flavour = conductor.server.flavour.name
    fleet = ground.fleet(target, flavour, log_dir=log_dir, lifetime_ms=lifetime_ms)
    with _mapping_explained():
        try:
            async with (
                standing(conductor, ground, fleet) if ground.keeps else _for_one(conductor, fleet)
            ):
                yield fleet
        except TargetError as error:
            if not ground.keeps:
                raise
            raise TargetError(where_kept(str(error), ground, log_dir)) from None
        finally:
            if ground.keeps:
                _copy_logs(fleet, log_dir)


@contextlib.asynccontextmanager
async def _for_one(conductor: Conductor, fleet: Fleet) -> AsyncIterator[None]:
    """At the end it is killed, whatever it waits for."""
    members = conductor.members
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(conductor.withdraw, members)
        async with conductor.real(*members):
            await stack.enter_async_context(up(fleet))
        for member, replica in zip(members, fleet.replicas, strict=True):
            assert replica.pid is not None
            member.up(replica.pid)
        try:
            yield
        finally:
            for replica in fleet.replicas:  # first: who is still alive would wonder at the answers
                replica.kill_now()
            conductor.withdraw(members)
            await stack.enter_async_context(conductor.real(*members))


def where_kept(said: str, ground: Ground, log_dir: Path) -> str:
    """The same with logs named where they stay: a ground's own place goes with it."""
    return said.replace(str(ground.scratch), str(log_dir)) if ground.keeps else said


@contextlib.contextmanager
def _mapping_explained() -> Iterator[None]:
    try:
        yield
    except TargetError as error:
        if NO_MAPPING in str(error):
            raise TargetError(f"{error}\n{MAPPED}") from None
        raise


def _copy_logs(fleet: Fleet, log_dir: Path) -> None:
    """What servers have said so far, beside what else is kept of the storm."""
    log_dir.mkdir(parents=True, exist_ok=True)
    for replica in fleet.replicas:
        with contextlib.suppress(OSError):
            shutil.copyfile(replica.log, log_dir / replica.log.name, follow_symlinks=False)
