"""Storms a minute in the world ``fuse``, and where their time goes: ``conducted.py [TARGET ...]``.

Three replicas, two clients that send different bytes for the same three chunks. Every call that is held waits
until all replicas are proved to be at rest, as in an order that a strategy draws at every step.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from patchstorm.choice.prng import Prng
from patchstorm.choice.random_walk import RandomWalk
from patchstorm.live.fleet import Fleet
from patchstorm.scenario.draw import draw_plan
from patchstorm.scenario.plan import Plan
from patchstorm.scenario.schema import parse
from patchstorm.target.model import Target
from patchstorm.target.registry import resolve
from patchstorm.worlds.fuse import ground, run
from patchstorm.worlds.fuse.choosing import Deciding
from patchstorm.worlds.fuse.conductor import Conductor
from patchstorm.worlds.fuse.device import Device
from patchstorm.worlds.fuse.keeping import Keeping
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
    (ground, "mounted", "mounting"),
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
    spent: dict[str, float] = defaultdict(float)
    for owner, name, stage in STAGES:
        setattr(owner, name, _timed(getattr(owner, name), spent, stage))
    for word in sys.argv[1:] or ["reference"]:
        spent.clear()
        _measure(word, spent)


def _measure(word: str, spent: dict[str, float]) -> None:
    target = resolve(word)
    scenario = parse(STORM, name="two-writers", file="two-writers.toml")
    plan = draw_plan(scenario, seed=1, index=0, capabilities=target.capabilities)
    stateless = msgspec.structs.replace(target.start, stateless=True)
    kept = msgspec.structs.replace(target, start=stateless)
    fresh = msgspec.structs.replace(
        target, start=msgspec.structs.replace(target.start, stateless=False)
    )
    for aim, how in ((fresh, "servers started for each storm"), (kept, "servers kept")):
        keeping = Keeping()
        try:
            if aim is kept:  # what is started once, and the proof
                _runs(keeping, plan, aim, 2)
            spent.clear()
            began, cpu = time.perf_counter(), time.process_time()
            steps = _runs(keeping, plan, aim, RUNS)
            took, cpu = time.perf_counter() - began, time.process_time() - cpu
        finally:
            keeping.close()
        _tell(f"{target.name}, {how}", took, cpu, steps, spent)
        if keeping.refused is not None:
            print(f"    {keeping.refused}")


def _runs(keeping: Keeping, plan: Plan, target: Target, count: int) -> int:
    steps = 0
    for index in range(count):
        chooser = Asked(RandomWalk(Prng("bench", index)))
        with tempfile.TemporaryDirectory() as folder:
            steps += keeping.run(plan, target, chooser, out_dir=Path(folder)).steps
    return steps


def _tell(name: str, took: float, cpu: float, steps: int, spent: dict[str, float]) -> None:
    print(
        f"{name}: {60 * RUNS / took:.0f} storms a minute, {steps / RUNS:.0f} steps each; "
        f"{took / RUNS * 1e3:.0f} ms, {cpu / RUNS * 1e3:.0f} ms of the harness's processor time"
    )
    for _, _, stage in STAGES:
        print(f"    {stage:24} {spent[stage] / RUNS * 1e3:6.1f} ms")


def _timed(call: Callable[..., Any], spent: dict[str, float], stage: str) -> Callable[..., Any]:
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
