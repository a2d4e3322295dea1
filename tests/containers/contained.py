"""What the tests of the world ``containers`` share: whether it can run here, small fleets."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

import pytest

from patchstorm.dialect.exchange import Head
from patchstorm.errors import PatchstormError
from patchstorm.live.docker.engine import Engine, engine
from patchstorm.live.docker.images import base_image
from patchstorm.live.http import Client, Delivery
from patchstorm.scenario.draw import draw_plan
from patchstorm.scenario.schema import parse
from patchstorm.target.model import Target
from patchstorm.target.registry import resolve
from patchstorm.worlds.containers.member import Member
from patchstorm.worlds.containers.stage import CONTAINERS

QUIET = """
title = "one small upload"
why = "a plan to lay a ground for"
[[upload]]
size = "64KiB"
chunk = "16KiB"
[[client]]
kind = "sequential"
"""


@cache
def reason_not_to() -> str | None:
    """Why this machine cannot run containers for a test; None if it can. Nothing is pulled for it."""
    try:
        daemon = engine()
        base = asyncio.run(base_image(daemon))
        if daemon.image_id(base) is None:
            return f"no base image {base}; ci/containers/base.sh makes one"
    except PatchstormError as error:
        return str(error)
    return None


needs_containers = pytest.mark.skipif(reason_not_to() is not None, reason=reason_not_to() or "")


@asynccontextmanager
async def fleet_of(
    log_dir: Path, count: int = 1, target: Target | None = None, faults: str = ""
) -> AsyncIterator[list[Member]]:
    """A started fleet, as a storm would have it."""
    aim = target or resolve("reference")
    scenario = parse(QUIET + faults, name="quiet", file="quiet.toml")
    plan = draw_plan(scenario, seed=1, index=0, capabilities=aim.capabilities)
    await CONTAINERS.prepare(plan, aim)
    async with (
        CONTAINERS.opened("tmpfs", plan, aim) as ground,
        CONTAINERS.running(aim, ground, count, log_dir=log_dir) as fleet,
    ):
        yield [member for member in fleet.replicas if isinstance(member, Member)]


async def ask(member: Member, timeout_ms: int = 5_000) -> Delivery:
    assert member.port is not None
    head = Head(method="OPTIONS", path="/upload", headers=())
    return await Client(timeout_ms=timeout_ms).deliver(member.port, head, address=member.address)


async def answers(member: Member, timeout_ms: int = 5_000) -> bool:
    return (await ask(member, timeout_ms)).reply is not None


def things(daemon: Engine, mark: Callable[[dict[str, str]], bool]) -> list[str]:
    """What is there with our labels, as far as ``mark`` holds of them."""
    return [f"{kind} {ident}" for kind, ident, labels in daemon.labelled() if mark(labels)]


def patchstorm(*arguments: str, folder: Path) -> subprocess.Popen[str]:
    """The command in a process group of its own."""
    command = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from patchstorm.cli import main; sys.exit(main())"
    )
    return subprocess.Popen(
        [sys.executable, "-c", command, *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
