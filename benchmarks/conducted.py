"""Storms a minute in the world ``fuse``, and where their time goes: ``python benchmarks/conducted.py [TARGET ...]``.

Three replicas, two clients that send different bytes for the same three chunks. Every call that is held waits until
all replicas are proved to be at rest, as in an order that a strategy draws at every step.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from patchstorm.choice.prng import Prng
from patchstorm.choice.random_walk import RandomWalk
from patchstorm.live.fleet import Fleet
from patchstorm.scenario.draw import draw_plan
from patchstorm.scenario.schema import parse
from patchstorm.target.registry import resolve
from patchstorm.worlds.fuse import run
from patchstorm.worlds.fuse.choosing import Deciding
from patchstorm.worlds.fuse.conductor import Conductor
from patchstorm.worlds.fuse.device import Device
from patchstorm.worlds.fuse.rest import Watch

RUNS = 10
STORM = """
title = "Two writers"
why = "What a storm costs."
[fleet]
replicas = 3
[[upload]]
size = "48KiB"
chunk = "16KiB"
[[client]]
kind = "conflicting"
writers = 2
"""
STAGES = (
    (run, "mounted", "mounting"),
    (Fleet, "start", "starting servers"),
    (Fleet, "kill", "ending servers"),
    (Device, "close", "taking mounts away"),
    (Conductor, "_settle", "waiting for rest"),
    (Watch, "at_rest", "of that: reading /proc"),
    (Conductor, "performed", "making calls"),
    (Conductor, "_late_timers", "patience with sleepers"),
    (Conductor, "_nothing_else", "timers of servers"),
    (run._FuseRun, "_until", "waiting for files to go"),
    (run._FuseRun, "_fetch", "reading what is left"),
)


class Asked(Deciding):
    """Decides about every call, so that each is proved."""

    def minds(self, name: str) -> bool:
        return True


def main() -> None:
    spent: Counter[str] = Counter()
    for owner, name, stage in STAGES:
        setattr(owner, name, _timed(getattr(owner, name), spent, stage))
    for word in sys.argv[1:] or ["reference"]:
        spent.clear()
        _measure(word, spent)


def _measure(word: str, spent: Counter[str]) -> None:
    target = resolve(word)
    scenario = parse(STORM, name="two-writers", file="two-writers.toml")
    plan = draw_plan(scenario, seed=1, index=0, capabilities=target.capabilities)
    steps, began, cpu = 0, time.perf_counter(), time.process_time()
    for index in range(RUNS):
        chooser = Asked(RandomWalk(Prng("bench", index)))
        with tempfile.TemporaryDirectory() as folder:
            steps += run.run_conducted(plan, target, chooser, out_dir=Path(folder)).steps
    took = time.perf_counter() - began
    cpu = time.process_time() - cpu
    print(
        f"{target.name}: {60 * RUNS / took:.0f} storms a minute, {steps / RUNS:.0f} steps each; "
        f"a storm takes {took / RUNS * 1e3:.0f} ms, {cpu / RUNS * 1e3:.0f} ms of them the harness's processor time"
    )
    for _, _, stage in STAGES:
        print(f"    {stage:24} {spent[stage] / RUNS * 1e3:6.1f} ms")


def _timed(call: Callable[..., Any], spent: Counter[str], stage: str) -> Callable[..., Any]:
    def timed(*args: Any, **more: Any) -> Any:
        began = time.perf_counter()
        try:
            return call(*args, **more)
        finally:
            spent[stage] += time.perf_counter() - began

    async def timed_task(*args: Any, **more: Any) -> Any:
        began = time.perf_counter()
        try:
            return await call(*args, **more)
        finally:
            spent[stage] += time.perf_counter() - began

    return timed_task if asyncio.iscoroutinefunction(call) else timed


if __name__ == "__main__":
    main()
