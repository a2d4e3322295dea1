"""One replica in a container, and the pod it lives in.

The pod is a container that does nothing but own a network: its address, its interface, and what is
done to them. The server's container joins that network, so it can die, come back and be replaced by another
image at the same address, as in an orchestrator, and be cut off while it runs.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from dataclasses import dataclass
from typing import Any, Final

from patchstorm.errors import TargetError
from patchstorm.live.docker.engine import EngineError, call, told
from patchstorm.live.docker.images import FIRST, UPDATED, target_image
from patchstorm.live.docker.inside import HERE, OWN, SHARED
from patchstorm.live.docker.process import ContainerProcess, logging, unpaused, user
from patchstorm.live.launch import Order, Running
from patchstorm.live.replica import Replica
from patchstorm.worlds.containers.ground import IDLE, Ground

NOTICE_S_MAX: Final = 5.0
"""Within which Docker notices that a container has ended."""
POLL_S: Final = 0.05

ALIAS = "replica"  # the name under which a balancer finds them all


@dataclass(slots=True, kw_only=True)
class Member(Replica):
    """A replica of a fleet in containers. ``pod`` and ``server`` are ids of containers."""

    ground: Ground
    pod: str = ""
    server: str = ""
    release: int = FIRST
    frozen: bool = False

    async def settle(self) -> None:
        """Make the pod, and learn the address."""
        self.pod = await self.ground.container(
            f"pod-{self.index}",
            self.ground.image,
            entrypoint=list(IDLE),
            hostname=f"replica-{self.index}",
            host={
                "binds": self.ground.held(self.index),
                "network_mode": self.ground.run,
                "cap_add": ["NET_ADMIN"],
            },
            networking_config={"EndpointsConfig": {self.ground.run: {"Aliases": [ALIAS]}}},
        )
        await self.ground.start_pod(self.pod, self.index)
        await self._learn_address()
        (self.ground.own / f"replica-{self.index}").mkdir()

    async def _learn_address(self) -> None:
        found = await call(self.ground.daemon.inspect, self.pod)
        self.address = found["NetworkSettings"]["Networks"][self.ground.run]["IPAddress"]

    async def run(self, order: Order) -> Running:
        """Start the server's container, made anew where there is none."""
        if not self.server:
            self.server = await self._created(order)
        log = await call(logging, self.ground.daemon, self.server, order.log)
        try:
            pid = await self.ground.start(self.server)
        except EngineError as error:
            remedy = "Correct container.command or the image."
            raise TargetError(
                f"{order.name}: its container does not start: {error}. {remedy}"
            ) from None
        return ContainerProcess(self.ground.daemon, self.server, pid, log)

    async def _created(self, order: Order) -> str:
        program, *arguments = order.command
        image = await target_image(self.ground.daemon, self.target, self.release)
        binds = self.ground.mounts(self.index)
        if any(HERE in part for part in order.command):
            binds[self.target.here] = {"bind": HERE, "mode": "ro"}
        try:
            return await self.ground.container(
                f"replica-{self.index}-{secrets.token_hex(2)}",
                image,
                entrypoint=[program],
                command=arguments,
                environment={"PYTHONUNBUFFERED": "1", **order.environment},
                user=user(),
                working_dir=order.scratch,
                volumes=[SHARED, OWN],
                host={"binds": binds, "network_mode": f"container:{self.pod}"},
            )
        except EngineError as error:
            raise TargetError(f"{order.name}: {error}") from None

    async def update(self) -> None:
        """Stop, and have the next start use a container of the next release's image."""
        await self.stop()
        old, self.server = self.server, ""
        self.release = UPDATED
        await call(self.ground.daemon.remove, "container", old)

    async def freeze(self) -> None:
        """The container's freezer stops every process where it stands."""
        if self.server and self.alive:
            with contextlib.suppress(EngineError):
                await call(_paused, self.ground, self.server)
                self.frozen = True

    async def unfreeze(self) -> None:
        """Nothing if it was not frozen, or died meanwhile."""
        if self.frozen:
            self.frozen = False
            with contextlib.suppress(EngineError):
                await call(unpaused, self.ground.daemon, self.server)

    async def disconnect(self) -> None:
        """Take the pod off the network; its connections stay open at both ends, and silent."""
        await call(_disconnected, self.ground, self.pod)

    async def connect(self) -> None:
        """Back on the network, at the address it had."""
        await call(_connected, self.ground, self.pod, self.address)
        await self._learn_address()

    async def tool(self, *command: str) -> None:
        """Run a network tool in the pod; EngineError if it fails."""
        code, said = await call(self.ground.daemon.run, self.pod, list(command))
        if code:
            raise EngineError(f"{' '.join(command)}: {said}")

    async def limit(self, memory_bytes: int | None) -> None:
        """Bound what the server may use, None for no bound."""
        await call(_limited, self.ground, self.server, memory_bytes)

    async def ran_out_of_memory(self) -> bool:
        """Whether the kernel killed it, when it last ended, for using more than its limit."""
        found = await call(self.ground.daemon.inspect, self.server)
        return bool(found["State"]["OOMKilled"])

    async def memory_used(self) -> int:
        """Bytes that count against its limit now."""
        return await call(_memory_used, self.ground, self.server)


def _paused(ground: Ground, container: str) -> None:
    with told():
        ground.daemon.api.pause(container)


def _disconnected(ground: Ground, pod: str) -> None:
    with told():
        ground.daemon.api.disconnect_container_from_network(pod, ground.network, force=True)


def _connected(ground: Ground, pod: str, address: str) -> None:
    with told():
        ground.daemon.api.connect_container_to_network(
            pod, ground.network, ipv4_address=address, aliases=[ALIAS]
        )


def _limited(ground: Ground, container: str, memory_bytes: int | None) -> None:
    """Docker cannot take a limit back; all the memory there is comes to the same.

    While a container that was just killed still counts as running, Docker refuses; then it does not.
    """
    limit = ground.daemon.info()["MemTotal"] if memory_bytes is None else memory_bytes
    deadline = time.monotonic() + NOTICE_S_MAX
    while True:
        try:
            with told():
                ground.daemon.api.update_container(container, mem_limit=limit, memswap_limit=limit)
            return
        except EngineError:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_S)


def _memory_used(ground: Ground, container: str) -> int:
    with told():
        stats: dict[str, Any] = ground.daemon.api.stats(container, stream=False, one_shot=True)
    return int(stats["memory_stats"]["usage"])
