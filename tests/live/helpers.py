"""What the tests of the live world share: toy targets, and what is left of a process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from patchstorm.dialect.exchange import Head
from patchstorm.live.fleet import Fleet, running
from patchstorm.live.http import Client, Delivery
from patchstorm.live.storage import opened
from patchstorm.target.load import parse_target
from patchstorm.target.model import Target

PATIENCE_S = 60.0  # only what never comes takes that long
TOY = Path(__file__).with_name("toy.py")


def toy(mood: str = "plain", ready: str = 'by = "http"', stop_ms: int = 500) -> Target:
    return parse_target(
        f"""
        name = "toy"
        capabilities = ["sequential"]
        [start]
        command = ["{{python}}", "-S", "{{here}}/toy.py", "{{port}}", "{mood}"]
        stop_ms = {stop_ms}
        missing = "Nobody sells it."
        [ready]
        {ready}
        [wire]
        path = "/files"
        """,
        source="toy.toml",
        here=str(TOY.parent),
    )


@asynccontextmanager
async def fleet_of(target: Target, log_dir: Path, count: int = 1) -> AsyncIterator[Fleet]:
    async with (
        opened() as storage,
        running(target, storage, count, log_dir=log_dir) as fleet,
    ):
        yield fleet


async def ask(fleet: Fleet, index: int = 0, timeout_ms: int = 3_000) -> Delivery:
    port = fleet.replicas[index].port
    assert port is not None
    head = Head(method="OPTIONS", path="/files", headers=())
    return await Client(timeout_ms=timeout_ms).deliver(port, head)


def is_alive(pid: int) -> bool:
    """Whether ``pid`` runs; a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def gone_soon(pid: int, within_s: float = PATIENCE_S) -> bool:
    """Wait until ``pid`` is gone; False if it never goes."""
    deadline = time.monotonic() + within_s
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not is_alive(pid)


async def until(condition: object, within_s: float = PATIENCE_S) -> None:
    """Wait until ``condition()`` holds; an error if it never does."""
    assert callable(condition)
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        await asyncio.sleep(0.005)
