"""What one storm's containers share: a network of their own and two tmpfs volumes.

A volume of Docker's is mounted as long as some container uses it, and a tmpfs is empty again when it is
not. So a keeper, which does nothing, holds both from the first moment to the last; and through its
``/proc/PID/root`` the harness reads and writes them by ordinary calls, root or not, since the keeper runs
as the same user.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sys
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from patchstorm.live.docker.engine import Engine, EngineError, call, engine, told
from patchstorm.live.docker.images import UPDATED, own_image, target_image
from patchstorm.live.docker.inside import OWN, SHARED
from patchstorm.live.docker.labels import labels, new_run
from patchstorm.live.docker.process import started, user
from patchstorm.live.docker.reaper import remove
from patchstorm.live.guard import guard
from patchstorm.live.storage import Storage, UnavailableStorage, parse_storage
from patchstorm.scenario.plan import Plan
from patchstorm.target.model import Target

SUBNET_TRIES: Final = 20
NETEM: Final = ("tc", "qdisc", "add", "dev", "lo", "root", "netem")
IDLE: Final = ("sleep", "infinity")
_REAPER: Final = "patchstorm.live.docker.reaper"


@dataclass(slots=True, kw_only=True)
class Ground(Storage):
    """A storage whose ``root`` and ``scratch`` are paths inside containers.

    ``own`` is ``scratch`` as the harness sees it. ``image`` holds the harness's own tools.
    ``balanced``: the storm asks for a balancer.
    """

    daemon: Engine
    run: str
    network: str
    image: str
    own: Path
    keeper: str
    balanced: bool = False

    def mounts(self, replica: int) -> dict[str, dict[str, str]]:
        """Both volumes of a replica, for a container's configuration."""
        return mounts(self.run)

    def held(self, replica: int) -> dict[str, dict[str, str]]:
        """What is mounted as long as a replica's pod is there, whether the replica lives or not."""
        return {}

    async def start_pod(self, pod: str, replica: int) -> None:
        """Start the pod of a replica, and with it mount what it holds."""
        await self.start(pod)

    async def container(self, role: str, image: str, **config: object) -> str:
        """Create a container of this storm; its id."""
        marks = labels(self.run, role)
        return await call(
            self.daemon.create, image, name=f"{self.run}-{role}", labels=marks, **config
        )

    async def start(self, container: str) -> int:
        """Start a container; the process id of its leader on this host."""
        return await call(started, self.daemon, container)


def mounts(run: str) -> dict[str, dict[str, str]]:
    return {
        volume(run, SHARED): {"bind": SHARED, "mode": "rw"},
        volume(run, OWN): {"bind": OWN, "mode": "rw"},
    }


def volume(run: str, place: str) -> str:
    """The name of the volume that is mounted at ``place``."""
    return f"{run}{place.replace('/', '-')}"


async def prepare(plan: Plan, target: Target) -> None:
    """Build or pull the images that a storm needs. UnavailableStorage or TargetError, with the reason."""
    daemon = await _daemon()
    await own_image(daemon)
    await target_image(daemon, target)
    if any(fault.kind == "rolling-update" for fault in plan.world_faults):
        await target_image(daemon, target, UPDATED)


async def _daemon() -> Engine:
    try:
        return await call(engine)
    except EngineError as error:
        raise UnavailableStorage(str(error)) from None


@contextlib.asynccontextmanager
async def opened(spec: str, plan: Plan, target: Target) -> AsyncIterator[Ground]:
    """The ground of one storm, gone afterwards whatever happens. UnavailableStorage, with the reason."""
    kind, size_bytes = parse_storage(spec)
    if kind != "tmpfs":
        raise UnavailableStorage(
            f"storage `{spec}` is not one that containers share here; use `tmpfs`, `tmpfs,size=16MiB` or a "
            "flavour of NFS such as `nfs4.2`"
        )
    async with laid_for(plan, size_bytes) as ground:
        yield ground


@contextlib.asynccontextmanager
async def laid_for(plan: Plan, size_bytes: int | None) -> AsyncIterator[Ground]:
    """A ground with a tmpfs of that size, on which all faults of ``plan`` can be brought about."""
    daemon = await _daemon()
    image = await own_image(daemon)
    async with laid(daemon, image, size_bytes) as ground:
        await call(_check_tools, ground, {fault.kind for fault in plan.world_faults})
        ground.balanced = plan.balancer
        yield ground


@contextlib.asynccontextmanager
async def laid(daemon: Engine, image: str, size_bytes: int | None) -> AsyncIterator[Ground]:
    """A ground of which nothing is left afterwards."""
    run = new_run()
    guard.adopt_call(run, [sys.executable, "-m", _REAPER, run])
    try:
        yield await _made(daemon, run, image, size_bytes)
    finally:
        await _finished(asyncio.ensure_future(asyncio.to_thread(remove, daemon, run)))
        guard.release_call(run)


async def _finished(task: asyncio.Future[None]) -> None:
    """Await ``task`` however often somebody asks to stop; the first such wish is kept."""
    wish: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as cancelled:
            wish = wish or cancelled
    task.result()
    if wish is not None:
        raise wish


async def _made(daemon: Engine, run: str, image: str, size_bytes: int | None) -> Ground:
    await call(_volumes, daemon, run, size_bytes)
    # One after the other: of two at once the second would still be made while what the first left is taken
    # away, since asyncio.gather does not wait for the others when one fails or is cancelled.
    network = await call(_network, daemon, run)
    keeper = await call(_keeper, daemon, run, image)
    pid = int((await call(daemon.inspect, keeper))["State"]["Pid"])
    inside = Path(f"/proc/{pid}/root")
    view, own = inside / SHARED.lstrip("/"), inside / OWN.lstrip("/")
    try:
        (view / "root").mkdir()
    except OSError as error:
        raise UnavailableStorage(
            f"the volumes of containers cannot be seen from here ({error.strerror}): the harness has to "
            "run on the machine of the Docker daemon, outside of containers"
        ) from None
    return Ground(
        root=Path(SHARED) / "root",
        view=view / "root",
        scratch=Path(OWN),
        own=own,
        flavour="tmpfs" if size_bytes is None else f"tmpfs,size={size_bytes}",
        fillable=None if size_bytes is None else view / "fill",
        daemon=daemon,
        run=run,
        network=network,
        image=image,
        keeper=keeper,
    )


def _volumes(daemon: Engine, run: str, size_bytes: int | None) -> None:
    who = f"uid={os.getuid()},gid={os.getgid()},mode=0700"
    for place, limit in ((SHARED, size_bytes), (OWN, None)):
        options = who if limit is None else f"{who},size={limit}"
        with told():
            daemon.api.create_volume(
                volume(run, place),
                driver="local",
                driver_opts={"type": "tmpfs", "device": "tmpfs", "o": options},
                labels=labels(run, "volume"),
            )


def _keeper(daemon: Engine, run: str, image: str) -> str:
    """Holds the volumes; it may also set up a network of its own, to try the tools."""
    made = daemon.create(
        image,
        name=f"{run}-keeper",
        entrypoint=list(IDLE),
        user=user(),
        labels=labels(run, "keeper"),
        volumes=[SHARED, OWN],
        host={"binds": mounts(run), "network_mode": "none", "cap_add": ["NET_ADMIN"]},
    )
    started(daemon, made)
    return made


def _network(daemon: Engine, run: str) -> str:
    """A bridge with a subnet of our choice: only there may an address be asked for again.

    Addresses that this host has a route to are left alone.
    """
    with told():
        from docker.types import IPAMConfig, IPAMPool

    refused: EngineError | None = None
    for _ in range(SUBNET_TRIES):
        subnet = f"10.{random.randrange(128, 256)}.{random.randrange(256)}.0/24"
        lower_half = subnet.replace(
            "/24", "/25"
        )  # Docker's own; the rest is for whoever wants more
        if _routed(subnet):
            continue
        try:
            with told():
                made = daemon.api.create_network(
                    run,
                    driver="bridge",
                    labels=labels(run, "network"),
                    ipam=IPAMConfig(pool_configs=[IPAMPool(subnet=subnet, iprange=lower_half)]),
                    check_duplicate=True,
                )
                return str(made["Id"])
        except EngineError as error:
            if "overlap" not in str(error):
                raise
            refused = error
    raise UnavailableStorage(f"no network can be made: {refused}")


def _routed(subnet: str) -> bool:
    """Whether this host sends that subnet somewhere already, by its table of routes (proc(5))."""
    first, second, third, _ = (int(part) for part in subnet.partition("/")[0].split("."))
    address = first | second << 8 | third << 16  # as the kernel prints it: the lowest byte first
    lines = Path("/proc/net/route").read_text(encoding="ascii").splitlines()[1:]
    for fields in (line.split() for line in lines):
        destination, mask = int(fields[1], 16), int(fields[7], 16)
        if mask and (address & mask == destination or destination & 0xFFFFFF == address):
            return True
    return False


async def trial(daemon: Engine) -> bool:
    """Make the ground of a storm and look at it; whether packets can be delayed here.

    UnavailableStorage or EngineError where it cannot be made. The image has to be there.
    """
    async with laid(daemon, await own_image(daemon), None) as ground:
        code, _ = await call(daemon.run, ground.keeper, list(NETEM))
        return code == 0


def _check_tools(ground: Ground, faults: Collection[str]) -> None:
    """UnavailableStorage where a fault of the storm is beyond this kernel: tried, not guessed."""
    daemon, keeper = ground.daemon, ground.keeper
    if "packet-delay" in faults:
        code, said = daemon.run(keeper, list(NETEM))
        if code:
            raise UnavailableStorage(
                f"packet-delay: this kernel has no netem ({said}); load sch_netem, or use the fault delay"
            )
    if "packet-loss" in faults:
        code, said = daemon.run(keeper, ["nft", "add", "table", "inet", "patchstorm"])
        if code:
            raise UnavailableStorage(f"packet-loss: this kernel has no nftables ({said})")
    if "memory-limit" in faults and not daemon.info().get("MemoryLimit"):
        raise UnavailableStorage("memory-limit: this Docker daemon cannot limit memory")
