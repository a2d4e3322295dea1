"""Runs in threads of their own: how many there may be, and one that is called off."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from patchstorm.scenario.draw import draw_plan
from patchstorm.scenario.schema import parse
from patchstorm.target.registry import resolve
from patchstorm.worlds.fuse.world import FUSE
from scenario.storm_texts import TINY

AT_ONCE = 80
"""More than an event loop has threads, on however many processors."""


async def run(out_dir: Path, conducted: Any) -> None:
    target = resolve("reference")
    plan = draw_plan(
        parse(TINY, name="tiny", file="tiny.toml"), seed=1, index=0,
        capabilities=target.capabilities,
    )  # fmt: skip
    shared: Any = SimpleNamespace(
        strategy="random-walk", length=None, keeping=SimpleNamespace(run=conducted)
    )
    await FUSE.run(plan, target, out_dir=out_dir, shared=shared)


def test_who_calls_a_run_off_finds_it_ended(tmp_path: Path) -> None:
    began, told = threading.Event(), tmp_path / "told"

    def conducted(*_: Any, stop: threading.Event, **__: Any) -> None:
        began.set()
        stop.wait()
        told.touch()

    async def called_off() -> None:
        task = asyncio.create_task(run(tmp_path, conducted))
        while not began.is_set():
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert told.exists()

    asyncio.run(called_off())


def test_as_many_runs_go_on_as_are_begun(tmp_path: Path) -> None:
    everybody = threading.Barrier(AT_ONCE, timeout=60)

    def conducted(*_: Any, **__: Any) -> None:
        everybody.wait()
        raise LookupError("all are here")

    async def begun() -> list[Any]:
        runs = [run(tmp_path, conducted) for _ in range(AT_ONCE)]
        return await asyncio.gather(*runs, return_exceptions=True)

    assert {type(one) for one in asyncio.run(begun())} == {LookupError}
