"""The replicas of one storm, each on a mount of its own, started before anything is held."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from patchstorm.errors import TargetError
from patchstorm.live.fleet import Fleet, running
from patchstorm.live.guard import guard
from patchstorm.live.storage import PREFIX, Storage, remove
from patchstorm.target.model import Target
from patchstorm.worlds.fuse.conductor import Conductor
from patchstorm.worlds.fuse.device import Device

NO_MAPPING = "No such device"
MAPPED = (
    "A file on these mounts cannot be mapped into shared memory (mmap with MAP_SHARED answers ENODEV), since "
    "no order of reads and writes could be told then. A database keeps its files elsewhere: give it "
    "`{scratch}` or `{shared}` in the target's file."
)


@contextlib.contextmanager
def folders() -> Iterator[tuple[Path, Path]]:
    """A directory to mount on and one for what replicas do not share; both are removed."""
    top = Path(tempfile.mkdtemp(prefix=PREFIX)).resolve()
    guard.adopt_dir(top)
    try:
        root, scratch = top / "root", top / "scratch"
        root.mkdir()
        scratch.mkdir()
        yield root, scratch
    finally:
        remove(top)
        guard.release_dir(top)


@contextlib.asynccontextmanager
async def conducted(
    conductor: Conductor,
    target: Target,
    root: Path,
    scratch: Path,
    devices: list[Device],
    *,
    log_dir: Path,
    lifetime_ms: int | None,
) -> AsyncIterator[Fleet]:
    """A fleet whose calls the conductor answers; at the end it is killed, whatever it waits for."""
    storage = Storage(
        root=root,
        view=root,
        scratch=scratch,
        flavour=conductor.server.flavour.name,
        hosts=[device.host for device in devices],
    )
    members = conductor.members
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(conductor.withdraw, members)
        async with conductor.real(*members):
            try:
                fleet = await stack.enter_async_context(
                    running(target, storage, len(members), log_dir=log_dir, lifetime_ms=lifetime_ms)
                )
            except TargetError as error:
                if NO_MAPPING in str(error):
                    raise TargetError(f"{error}\n{MAPPED}") from None
                raise
        for member, replica in zip(members, fleet.replicas, strict=True):
            assert replica.pid is not None
            member.up(replica.pid)
        try:
            yield fleet
        finally:
            for replica in fleet.replicas:  # first: who is still alive would wonder at the answers
                replica.kill_now()
            conductor.withdraw(members)
            await stack.enter_async_context(conductor.real(*members))
