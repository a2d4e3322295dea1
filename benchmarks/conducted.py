"""Storms a minute in the world ``fuse``, and where their time goes: ``conducted.py [--apart] [TARGET ...]``.

Three replicas, two clients that send different bytes for the same three chunks, or, with ``--apart``, an
upload each. Every call that is held waits until all replicas are proved to be at rest, as in an order that a
strategy draws at every step. On a busy machine read the processor time, which is that of the harness and of
the servers: what threads waited for a processor is given beside it, and is in the rate.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from patchstorm.campaign.conducted import JOBS, JOBS_MAX
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
APART = "--apart"
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
OWN_UPLOADS = """
title = "Two writers, each with an upload"
why = "What a storm costs."
[fleet]
replicas = 3
[[upload]]
id = "u0"
size = "48KiB"
chunk = "16KiB"
[[upload]]
id = "u1"
size = "48KiB"
chunk = "16KiB"
[[client]]
kind = "sequential"
uploads = ["u0"]
[[client]]
kind = "sequential"
uploads = ["u1"]
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


class Spent(NamedTuple):
    """Seconds on a processor and seconds of waiting for one."""

    ran: float
    waited: float

    def since(self, other: Spent) -> Spent:
        return Spent(self.ran - other.ran, self.waited - other.waited)


def main() -> None:
    spent: dict[str, float] = defaultdict(float)
    for owner, name, stage in STAGES:
        setattr(owner, name, _timed(getattr(owner, name), spent, stage))
    words = [word for word in sys.argv[1:] if word != APART] or ["reference"]
    for word in words:
        _measure(word, OWN_UPLOADS if APART in sys.argv else STORM, spent)


def _measure(word: str, storm: str, spent: dict[str, float]) -> None:
    target = resolve(word)
    scenario = parse(storm, name="two-writers", file="two-writers.toml")
    plan = draw_plan(scenario, seed=1, index=0, capabilities=target.capabilities)
    fresh, kept = (
        msgspec.structs.replace(
            target, start=msgspec.structs.replace(target.start, stateless=keeps)
        )
        for keeps in (False, True)
    )
    for aim, fleets in ((fresh, 1), (kept, 1), (kept, JOBS), (kept, JOBS_MAX)):
        keeping = Keeping()
        try:
            if aim is kept:  # what is started once, and the proof
                _runs(keeping, plan, aim, 2)
                _at_once(keeping, plan, aim, fleets, 1)
            spent.clear()
            children, servers = _children(), _servers(keeping)
            began = time.perf_counter()
            made = _at_once(keeping, plan, aim, fleets, RUNS)
            took = time.perf_counter() - began
            theirs = _servers(keeping).since(servers)
            theirs = theirs._replace(ran=theirs.ran + _children() - children)
        finally:
            keeping.close()
        how = f"servers kept, {fleets} at once" if aim is kept else "servers started for each storm"
        _tell(f"{target.name}, {how}", took, fleets * RUNS, made, theirs)
        for _, _, stage in STAGES if fleets == 1 else ():
            print(f"    {stage:24} {spent[stage] / RUNS * 1e3:6.1f} ms")
        if keeping.refused is not None:
            print(f"    {keeping.refused}")


def _at_once(
    keeping: Keeping, plan: Plan, target: Target, fleets: int, count: int
) -> list[tuple[int, Spent]]:
    """Steps, and what the harness spent, in as many threads."""

    def one(_: int) -> tuple[int, Spent]:
        before = _of_thread("/proc/thread-self")
        return _runs(keeping, plan, target, count), _of_thread("/proc/thread-self").since(before)

    with ThreadPoolExecutor(fleets) as pool:
        return list(pool.map(one, range(fleets)))


def _runs(keeping: Keeping, plan: Plan, target: Target, count: int) -> int:
    steps = 0
    for index in range(count):
        chooser = Asked(RandomWalk(Prng("bench", index)))
        with tempfile.TemporaryDirectory() as folder:
            steps += keeping.run(plan, target, chooser, out_dir=Path(folder)).steps
    return steps


def _of_thread(folder: str) -> Spent:
    ran, waited, _ = Path(folder, "schedstat").read_text().split()
    return Spent(int(ran) / 1e9, int(waited) / 1e9)


def _servers(keeping: Keeping) -> Spent:
    """What the threads of kept servers have spent so far."""
    ran = waited = 0.0
    for pid in [pid for one in keeping.idle for pid in one.ground.pids]:
        for folder in Path(f"/proc/{pid}/task").glob("*"):
            thread = _of_thread(str(folder))
            ran, waited = ran + thread.ran, waited + thread.waited
    return Spent(ran, waited)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _tell(name: str, took: float, runs: int, made: list[tuple[int, Spent]], servers: Spent) -> None:
    steps = sum(one for one, _ in made) / runs
    ran, waited = (sum(one[at] for _, one in made) for at in (0, 1))
    harness, theirs, waited, theirs_waited = (
        f"{one / runs * 1e3:.0f}" for one in (ran, servers.ran, waited, servers.waited)
    )
    print(
        f"{name}: {60 * runs / took:.0f} storms a minute, {took / runs * 1e3:.0f} ms and {steps:.0f} steps "
        f"each; processor time {harness} ms of the harness, {theirs} of the servers; "
        f"waited for one {waited} and {theirs_waited} ms"
    )


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
