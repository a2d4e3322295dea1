"""Replicas of an image: each a container over a mount of its own, and nothing else of the world around it.

The mount is made where the Docker daemon sees it, which takes root, and bound into the container; so each
call of the container's processes comes here, whatever they are. The container has no network but its own
loopback, and clients reach the server on that. Containers carry a label and mounts are noted with the warden,
so that neither outlives the harness.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import sys
from pathlib import Path
from typing import Final

from patchstorm.errors import PatchstormError, TargetError
from patchstorm.live import nsholder
from patchstorm.live.docker import reaper
from patchstorm.live.docker.engine import Engine, EngineError, call, engine, told
from patchstorm.live.docker.images import target_image
from patchstorm.live.docker.inside import HERE, OWN, PORT, SHARED, command_of, values
from patchstorm.live.docker.labels import labels, new_run
from patchstorm.live.docker.process import ContainerProcess, logging, started, user
from patchstorm.live.fleet import Fleet, write_secret
from patchstorm.live.guard import guard
from patchstorm.live.host import Host
from patchstorm.live.launch import Order, Running
from patchstorm.live.replica import Replica
from patchstorm.live.storage import UnavailableStorage
from patchstorm.target.model import Target
from patchstorm.worlds.fuse.ground import Ground
from patchstorm.worlds.fuse.shown import mounts_of, shown, shows

ROOT: Final = f"{SHARED}/root"
NOT_ROOT: Final = (
    "replicas in containers need root here: only root can mount what the Docker daemon sees; without it, use "
    "--world containers, or give the target a [start] with a `command`"
)
REMEDY: Final = "Correct container.command or the image."
NOT_SEEN: Final = (
    "the Docker daemon does not see what is mounted here: the harness has to run on its machine, outside of "
    "containers, in the same mount namespace"
)


def reachable() -> Engine:
    """The daemon, where mounts can be shown to it. UnavailableStorage, with what is missing."""
    try:
        daemon = engine()
    except PatchstormError as error:
        raise UnavailableStorage(str(error)) from None
    if os.geteuid() != 0:
        raise UnavailableStorage(NOT_ROOT)
    return daemon


async def prepare(target: Target) -> None:
    """Build or pull the image. UnavailableStorage or TargetError, with the reason."""
    await target_image(await call(reachable), target)


class Loopback(Host):
    """The network of a container, of which its loopback is all. It lives as long as somebody has it open."""

    def __init__(self) -> None:
        self._network = -1

    def moves_to(self, pid: int) -> None:
        """That of process ``pid`` from now on; the last one stays if that is gone already."""
        with contextlib.suppress(OSError):
            network = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            self.close()
            self._network = network

    def close(self) -> None:
        if self._network >= 0:
            os.close(self._network)
            self._network = -1

    def enter(self, *command: str, directory: str) -> tuple[str, ...]:
        """The daemon starts what runs there."""
        return command

    def socket(self) -> socket.socket:
        """A socket belongs to where it is made: this thread goes there and comes back."""
        if self._network < 0:
            raise ConnectionRefusedError("it has no network yet")
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            nsholder.join(self._network)
            try:
                return socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            finally:
                nsholder.join(own)
        finally:
            os.close(own)


class Boxes(Ground):
    """As a ground of processes. Raises UnavailableStorage where it cannot be."""

    def __init__(self, replicas: int, *, keeps: bool = False) -> None:
        self.daemon = reachable()
        self.run = new_run()
        super().__init__(replicas, keeps=keeps)

    def _mount(self, replicas: int) -> None:
        places = [self.root / f"replica-{index}" for index in range(replicas)]
        self._noted("mounts", nsholder.__file__, "detach", *map(str, places), plain=True)
        self._noted("containers", "-m", reaper.__name__, self.run)
        self._stack.callback(reaper.remove, self.daemon, self.run)
        for place in places:
            place.mkdir()
            self._opened(shown(place))

    def _noted(self, what: str, *arguments: str, plain: bool = False) -> None:
        """The warden does it where this process cannot any more."""
        name = f"{self.run}-{what}"
        guard.adopt_call(name, [sys.executable, *(("-I", "-S") if plain else ()), *arguments])
        self._stack.callback(guard.release_call, name)

    def _assembled(
        self, target: Target, flavour: str, *, log_dir: Path, lifetime_ms: int | None
    ) -> Fleet:
        log_dir.mkdir(parents=True, exist_ok=True)
        (self.scratch / "shared").mkdir()
        secret_file = write_secret(self.scratch)
        replicas = []
        for index in range(len(self.devices)):
            (self.scratch / f"replica-{index}").mkdir()
            box = Box(self, target, index)
            self._stack.callback(box.loopback.close)
            replicas.append(
                Replica(
                    target=target,
                    index=index,
                    command=command_of(target, lifetime_ms),
                    values=values(target, index, lifetime_ms),
                    log=log_dir / f"replica-{index}.log",
                    launch=box.launched,
                    host=box.loopback,
                    port=PORT,
                )
            )
        fleet = Fleet(replicas)
        fleet.secret = secret_file.read_bytes()
        return fleet


class Box:
    """One replica's container. It is made at the first start and started again after a death."""

    def __init__(self, ground: Boxes, target: Target, index: int) -> None:
        self.loopback = Loopback()
        self._ground = ground
        self._target = target
        self._index = index
        self._where = ground.devices[index].where
        self._container = ""

    async def launched(self, order: Order) -> Running:
        """Have it run. UnavailableStorage where the daemon cannot show it the mount."""
        daemon = self._ground.daemon
        image = await target_image(daemon, self._target)
        try:
            if not self._container:
                self._container = await call(self._created, order, image)
            log = await call(logging, daemon, self._container, order.log)
            pid = await call(started, daemon, self._container)
        except EngineError as error:
            if str(self._where) in str(error):
                raise UnavailableStorage(f"{NOT_SEEN} ({error})") from None
            raise TargetError(
                f"{order.name}: its container does not start: {error}. {REMEDY}"
            ) from None
        if not shows(pid, ROOT, mounts_of("self")[str(self._where)].device):
            raise UnavailableStorage(NOT_SEEN)
        self.loopback.moves_to(pid)
        return ContainerProcess(daemon, self._container, pid, log)

    def _created(self, order: Order, image: str) -> str:
        with told():
            from docker.types import Mount

        program, *arguments = order.command
        mounts = [
            Mount(ROOT, str(self._where), type="bind"),
            Mount(OWN, str(self._ground.scratch), type="bind"),
        ]
        if any(HERE in part for part in order.command):
            mounts.append(Mount(HERE, self._target.here, type="bind", read_only=True))
        role = f"replica-{self._index}"
        return self._ground.daemon.create(
            image,
            name=f"{self._ground.run}-{role}-{secrets.token_hex(2)}",
            labels=labels(self._ground.run, role),
            hostname=role,
            entrypoint=[program],
            command=arguments,
            environment={"PYTHONUNBUFFERED": "1", **order.environment},
            user=user(),
            working_dir=order.scratch,
            host={"mounts": mounts, "network_mode": "none"},
        )
