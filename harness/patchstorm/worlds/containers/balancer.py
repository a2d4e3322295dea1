"""A real balancer before a fleet: HAProxy, with retries on, in a container of its own.

What it sends again is not in the history, which tells what clients know; its log tells, and so does a
line of the report.
"""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path
from typing import Final

from patchstorm.errors import TargetError
from patchstorm.live.docker.engine import call
from patchstorm.live.docker.process import logging
from patchstorm.live.fleet import Front
from patchstorm.live.replica import answers
from patchstorm.target.model import Target
from patchstorm.worlds.containers.ground import Ground

PORT: Final = 8080
CONFIG: Final = "/opt/patchstorm/haproxy.cfg"
LOG: Final = "balancer.log"
POLL_S: Final = 0.05
_RETRIED = re.compile(rb"^retries=\+?([1-9][0-9]*) ", re.MULTILINE)


async def balancing(ground: Ground, target: Target, log_dir: Path) -> Front:
    """A started balancer that has found replicas; the ground removes it. TargetError if it finds none."""
    container = await ground.container(
        "balancer",
        ground.image,
        entrypoint=["haproxy", "-db", "-f", CONFIG],
        host={"network_mode": ground.run},
    )
    log = log_dir / LOG
    await call(logging, ground.daemon, container, log)
    await ground.start(container)
    found = await call(ground.daemon.inspect, container)
    address = found["NetworkSettings"]["Networks"][ground.run]["IPAddress"]
    deadline = time.monotonic() + target.ready.within_ms / 1_000
    while not await answers(address, PORT, target):
        if time.monotonic() > deadline:
            raise TargetError(f"target {target.name}: the balancer reaches no replica; see {log}")
        await asyncio.sleep(POLL_S)
    return Front(address=address, port=PORT, said=lambda: _said(log))


def _said(log: Path) -> list[str]:
    times = len(_RETRIED.findall(log.read_bytes()))
    return [
        f"the balancer sent {times} requests again" if times else "the balancer sent nothing again"
    ]
