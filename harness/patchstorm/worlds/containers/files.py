"""A ground whose replicas share a directory over NFS: a file server in a container, volumes of type nfs.

Docker mounts such a volume in the first network namespace of this machine, for all replicas from the same
host. So that each has caches, leases and locks of its own, as on a machine of its own, the server has an
address for each, and each a volume. To a server of version 4.1 and later all mounts of one host are one
client all the same, unless the host goes by another name when it mounts (``nfs_client/identifier`` in sysfs);
so it does, until the storm is over.

What is exported is the tmpfs volume that replicas share otherwise. There the harness looks: it is the truth.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final
from weakref import WeakKeyDictionary

import msgspec

from patchstorm.live.docker.engine import Engine, EngineError, call, told
from patchstorm.live.docker.images import files_image, own_image
from patchstorm.live.docker.inside import OWN, SHARED
from patchstorm.live.docker.labels import FILES, labels
from patchstorm.live.nfs.mounts import DEFAULT, Mounting, parse_mounting
from patchstorm.live.storage import UnavailableStorage
from patchstorm.scenario.plan import Plan
from patchstorm.target.model import Target
from patchstorm.worlds.containers.fileserver import Serving
from patchstorm.worlds.containers.ground import IDLE, Ground, laid, laid_for, volume
from patchstorm.worlds.containers.machine import kernel_lacks

SOCKET: Final = "files.sock"
FIRST_ADDRESS: Final = 128  # Docker's own are below
START_S_MAX: Final = 60.0
ANSWER_S_MAX: Final = 60.0
POLL_S: Final = 0.05
IDENTIFIER: Final = "/sys/fs/nfs/net/nfs_client/identifier"
_RENAME: Final = f'cat {IDENTIFIER} && echo "$0" >{IDENTIFIER}'
UNNAMED: Final = "(null)"
"""What the kernel shows where nobody has named this host."""
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


@dataclass(slots=True, kw_only=True)
class NfsGround(Ground):
    """A ground with a file server, which takes orders at ``door``.

    ``clerk`` is a container that may name this machine; empty where nobody has to. ``before`` is what it was
    called before.
    """

    mounting: Mounting
    door: Path
    clerk: str = ""
    before: str = ""

    def mounts(self, replica: int) -> dict[str, dict[str, str]]:
        return {
            _nfs_volume(self.run, replica): {"bind": SHARED, "mode": "rw,nocopy"},
            volume(self.run, OWN): {"bind": OWN, "mode": "rw"},
        }

    def held(self, replica: int) -> dict[str, dict[str, str]]:
        """Its mount: a replica that dies leaves a host behind whose caches are as they were."""
        return {_nfs_volume(self.run, replica): {"bind": SHARED, "mode": "rw,nocopy"}}

    async def start_pod(self, pod: str, replica: int) -> None:
        try:
            if not self.clerk:
                await self.start(pod)
                return
            async with _turns.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
                before = await self._renamed(called(self.run, replica))
                self.before = self.before or before
                await self.start(pod)
        except EngineError as error:
            raise UnavailableStorage(_not_mounted(self.mounting, str(error))) from None

    async def _renamed(self, name: str) -> str:
        """Give this machine a name as a client of NFS; the one it had."""
        code, said = await call(self.daemon.run, self.clerk, ["sh", "-c", _RENAME, name])
        if code:
            raise UnavailableStorage(
                f"this kernel cannot tell clients of NFS {self.mounting.version} apart ({said}); use nfs4.0"
            )
        return said

    async def name_back(self) -> None:
        """This machine goes by its old name again; by its host's name where it had none, which cannot be had
        back: the kernel takes no empty one."""
        if self.before:
            await self._renamed(os.uname().nodename if self.before == UNNAMED else self.before)

    def order(self, do: str, **more: object) -> Any:
        """Have the server do something, now."""
        with contextlib.closing(self._connected()) as line:
            line.sendall(json.dumps({"do": do, **more}).encode() + b"\n")
            with line.makefile("rb") as answers:
                answer = json.loads(answers.readline() or '{"failed": "the file server is gone"}')
        if "failed" in answer:
            raise EngineError(f"file server: {do}: {answer['failed']}")
        return answer["done"]

    def _connected(self) -> socket.socket:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.settimeout(ANSWER_S_MAX)
        try:
            line.connect(str(self.door))
        except OSError:
            line.close()
            raise
        return line

    @contextlib.contextmanager
    def staying(self) -> Any:
        """As long as this lasts the server may be disturbed; then it is in order again."""
        with contextlib.closing(self._connected()) as line:
            line.sendall(b'{"do": "stay"}\n')
            yield


def called(run: str, replica: int) -> str:
    """What this machine goes by when it mounts for that replica."""
    return f"{run}-{replica}"


def marked(run: str, replica: int, address: str, mounting: Mounting) -> str:
    """What the name that a replica's client tells the server contains, and no other's.

    Version 4.0 puts the server's address there (RFC 7530, 9.1.1), later ones what the machine goes by.
    """
    return f"{called(run, replica)}/" if mounting.one_client else f'/{address}"'


def _nfs_volume(run: str, replica: int) -> str:
    return volume(run, f"{SHARED}-{replica}")


def _not_mounted(mounting: Mounting, says: str) -> str:
    daemons = ""
    if mounting.locks_by_daemon:
        daemons = (
            "; version 3 has its locks from rpcbind and rpc.statd, which have to run on this machine "
            "(apt-get install nfs-common rpcbind)"
        )
    return f"{mounting.flavour}: Docker cannot mount it here: {says}{daemons}"


@contextlib.asynccontextmanager
async def opened(spec: str, plan: Plan, target: Target) -> AsyncIterator[Ground]:
    """The ground of one storm on NFS, gone afterwards. UnavailableStorage, with the reason."""
    mounting = parse_mounting(spec)
    lacks = kernel_lacks()
    if lacks is not None:
        raise UnavailableStorage(f"{spec}: {lacks}")
    async with (
        laid_for(plan, mounting.size_bytes) as plain,
        served(plain, mounting, plan.replicas) as ground,
    ):
        yield ground


@contextlib.asynccontextmanager
async def served(plain: Ground, mounting: Mounting, replicas: int) -> AsyncIterator[NfsGround]:
    """``plain``, over NFS."""
    image = await files_image(plain.daemon)
    known = {each.name: getattr(plain, each.name) for each in fields(Ground)}
    ground = NfsGround(**known, mounting=mounting, door=plain.own / SOCKET)
    ground.flavour, ground.dated = mounting.flavour, not mounting.dates_later
    addresses = await call(_addresses, ground, replicas)
    server = await _started(ground, image, addresses)
    await call(_volumes, ground, addresses)
    if mounting.one_client:
        ground.clerk = await ground.container(
            "clerk",
            ground.image,
            entrypoint=list(IDLE),
            host={"network_mode": "host", "privileged": True},
        )
        await ground.start(ground.clerk)
    await _answering(ground, server)
    with ground.staying():
        try:
            yield ground
        finally:
            await ground.name_back()


async def try_out(daemon: Engine) -> None:
    """Mount the storage of one replica as a storm would. UnavailableStorage or EngineError where it fails."""
    image = await own_image(daemon)
    mounting = parse_mounting(DEFAULT)
    async with (
        laid(daemon, image, mounting.size_bytes) as plain,
        served(plain, mounting, 1) as ground,
    ):
        pod = await ground.container(
            "pod",
            image,
            entrypoint=list(IDLE),
            host={"binds": ground.held(0), "network_mode": "none"},
        )
        await ground.start_pod(pod, 0)


def _addresses(ground: Ground, count: int) -> tuple[str, ...]:
    """One for each replica, in the half of the network that Docker leaves alone."""
    with told():
        found = ground.daemon.api.inspect_network(ground.network)
    prefix = str(found["IPAM"]["Config"][0]["Subnet"]).rpartition(".")[0]
    return tuple(f"{prefix}.{FIRST_ADDRESS + index}" for index in range(count))


async def _started(ground: NfsGround, image: str, addresses: tuple[str, ...]) -> str:
    serving = Serving(
        socket=f"{OWN}/{SOCKET}",
        lease_s=ground.mounting.lease_s,
        stable=ground.mounting.stable,
        addresses=addresses,
        marks=tuple(
            marked(ground.run, index, address, ground.mounting)
            for index, address in enumerate(addresses)
        ),
    )
    order = msgspec.json.encode(serving).decode()
    server = await ground.container(
        FILES,
        image,
        entrypoint=["python3", "-m", "patchstorm.worlds.containers.fileserver", order],
        hostname="files",
        host={
            "binds": Ground.mounts(ground, 0),
            "network_mode": ground.run,
            "privileged": True,  # mounts what tells the kernel's server what to do
        },
    )
    await ground.start(server)
    return server


def _volumes(ground: NfsGround, addresses: tuple[str, ...]) -> None:
    path = SHARED if ground.mounting.version == "3" else "/"
    for replica, address in enumerate(addresses):
        with told():
            ground.daemon.api.create_volume(
                _nfs_volume(ground.run, replica),
                driver="local",
                driver_opts=volume_options(ground.mounting, address, path),
                labels=labels(ground.run, "volume"),
            )


def volume_options(mounting: Mounting, address: str, path: str) -> dict[str, str]:
    """What ``docker volume create --opt`` is given."""
    return {"type": "nfs", "o": f"addr={address},{mounting.options}", "device": f":{path}"}


async def _answering(ground: NfsGround, server: str) -> None:
    """Wait until the server serves; UnavailableStorage, with its words, where it ends before."""
    deadline = time.monotonic() + START_S_MAX
    while not ground.door.exists():
        state = (await call(ground.daemon.inspect, server))["State"]
        if not state["Running"] or time.monotonic() > deadline:
            with told():
                said = ground.daemon.api.logs(server, tail=5).decode("utf-8", "replace").strip()
            raise UnavailableStorage(
                f"the kernel's NFS server does not start in a container: {said}"
            )
        await asyncio.sleep(POLL_S)
