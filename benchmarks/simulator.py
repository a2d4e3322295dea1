"""How fast the simulator is, beside what can be compared with it. Run: ``python benchmarks/simulator.py``.

One run prints every figure, so that figures of one machine and one moment stand together:

* the storm: two clients, three PATCHes each, every one delivered twice, two replicas, the real reference,
  all checkers but the linearizability search; storage steps and whole schedules a second of processor time;
* a loop that does nothing but switch between greenlets, for scale;
* an equivalent lost-update race under ``frontrun`` and ``detangle``, if they are installed;
* virtual seconds a real second in a storm whose requests time out;
* shrinking a typical failure;
* the cost of a step in a run a hundred times as long.

Processor time is used wherever nothing waits, since benchmarks share their machine.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Callable
from time import perf_counter, process_time

from greenlet import getcurrent, greenlet

from patchstorm.campaign.ran import replayed
from patchstorm.campaign.schedules import Search, Session
from patchstorm.campaign.shrinking import shrink
from patchstorm.case.layout import lay_out
from patchstorm.check.registry import RULES
from patchstorm.choice.prng import Prng
from patchstorm.choice.random_walk import RandomWalk
from patchstorm.choice.strategy import Dull
from patchstorm.scenario.draw import draw_plan
from patchstorm.scenario.library import load
from patchstorm.scenario.schema import parse
from patchstorm.target.registry import resolve
from patchstorm.worlds.sim.app import subject_of
from patchstorm.worlds.sim.collector import look_seldom
from patchstorm.worlds.sim.kernel import Kernel
from patchstorm.worlds.sim.run import run_schedule
from patchstorm.worlds.sim.scale import scaled
from patchstorm.worlds.sim.workers import Workers

STORM = """
title = "Two clients, three PATCHes each, delivered twice"
why = "A storm of a usual size, to measure with."
[fleet]
replicas = 2
[[upload]]
id = "a"
size = 768
chunk = 256
[[upload]]
id = "b"
size = 768
chunk = 256
[[client]]
name = "one"
kind = "replaying"
uploads = ["a"]
times = 2
[[client]]
name = "two"
kind = "replaying"
uploads = ["b"]
times = 2
"""

TIMEOUTS = """
title = "A replica stands still for longer than clients wait"
why = "Time has to pass quickly when nobody can run."
[fleet]
replicas = 2
[[upload]]
size = 1024
chunk = 256
[[client]]
kind = "sequential"
[[fault]]
kind = "pause"
whom = "all"
when = { after_requests = 2 }
for = "30s"
"""


def line(what: str, figure: str) -> None:
    print(f"{what:<58} {figure}")


def storm(schedules: int) -> float:
    """Steps a second of processor time."""
    subject = subject_of(resolve("reference"))
    scenario = parse(STORM, name="two-clients", file="benchmark")
    workers = Workers()
    steps = 0
    began = process_time()
    for index in range(schedules):
        plan = scaled(
            draw_plan(scenario, seed=1, index=index, capabilities=subject.target.capabilities)
        )
        outcome = run_schedule(plan, subject, RandomWalk(Prng(1, index)), workers)
        case = lay_out(outcome.history)
        assert not any(rule.judge(case).findings for rule in RULES)
        steps += outcome.steps
    seconds = process_time() - began
    line("storm: steps of storage and network a second a core", f"{steps / seconds:12,.0f}")
    line("storm: whole schedules a second a core, checkers on", f"{schedules / seconds:12,.0f}")
    line("storm: steps a schedule", f"{steps / schedules:12,.0f}")
    return steps / seconds


def bare_switches(count: int = 1_000_000) -> float:
    """Switches a second between two greenlets that do nothing else."""
    hub = getcurrent()

    def loop() -> None:
        while True:
            hub.switch()

    other = greenlet(loop)
    began = process_time()
    for _ in range(count // 2):
        other.switch()
    return count / (process_time() - began)


def lost_update(rounds: int) -> float:
    """Scheduling steps a second where two tasks read, then write, one counter."""
    steps = 0
    workers = Workers()
    began = process_time()
    for index in range(rounds):
        kernel = Kernel(RandomWalk(Prng(index)), workers, steps_max=10_000, patience_ns=0)
        counter = [0]

        def increment(kernel: Kernel = kernel, counter: list[int] = counter) -> None:
            for _ in range(50):
                kernel.step()
                value = counter[0]
                kernel.step()
                counter[0] = value + 1

        kernel.spawn("a", increment)
        kernel.spawn("b", increment)
        kernel.run()
        steps += kernel.steps
        kernel.close()
    return steps / (process_time() - began)


def compare(name: str, mine: float, run: Callable[[], float]) -> None:
    if importlib.util.find_spec(name) is None:
        line(f"{name}: not installed", "skipped")
        return
    theirs = run()
    line(f"{name}: scheduling steps a second, same race", f"{theirs:12,.0f}")
    line(f"ratio to {name}", f"{mine / theirs:12.1f}")


def frontrun_steps() -> float:
    from benchmark_rivals import frontrun_lost_update

    return frontrun_lost_update()


def detangle_steps() -> float:
    from benchmark_rivals import detangle_lost_update

    return detangle_lost_update()


def virtual_time(schedules: int) -> None:
    subject = subject_of(resolve("reference"))
    scenario = parse(TIMEOUTS, name="timeouts", file="benchmark")
    workers = Workers()
    virtual_ns = 0
    began = process_time()
    for index in range(schedules):
        plan = scaled(
            draw_plan(scenario, seed=1, index=index, capabilities=subject.target.capabilities)
        )
        virtual_ns += run_schedule(plan, subject, RandomWalk(Prng(index)), workers).virtual_ns
    ratio = virtual_ns / 1e9 / (process_time() - began)
    line("virtual seconds a second, a storm with timeouts", f"{ratio:12,.0f}")


def shrinking() -> None:
    session = Session.of(Search(scenario=load("replaying"), target="reference:append", seed=1))
    index = next(i for i in range(1000) if session.tell(i).verdict == "violated")
    ran = session.recorded(index)
    began = perf_counter()
    small = shrink(ran.plan, ran.schedule, session.subject, session.workers)
    line("shrinking a typical failure, seconds", f"{perf_counter() - began:12.2f}")
    line("shrinking: runs", f"{small.runs:12,d}")
    line(
        "shrinking: choices that were not dull, before and after",
        f"{len(ran.schedule.choices):6d} {len(small.schedule.choices):5d}",
    )
    again = replayed(small.plan, session.subject, small.schedule, session.workers)
    assert again.digest == small.schedule.digest


def linear_cost() -> None:
    """Microseconds a step in a run, and in one a hundred times as long."""
    subject = subject_of(resolve("reference"))
    figures = []
    for chunks in (16, 2_000):
        text = STORM.split("[[upload]]", maxsplit=1)[0] + (
            f'[[upload]]\nid = "a"\nsize = {chunks * 64}\nchunk = 64\n'
            '[[client]]\nkind = "sequential"\n'
        )
        plan = draw_plan(
            parse(text, name="long", file="benchmark"), seed=1,
            capabilities=subject.target.capabilities,
        )  # fmt: skip
        began = process_time()
        outcome = run_schedule(plan, subject, Dull(), Workers())
        figures.append((outcome.steps, 1e6 * (process_time() - began) / outcome.steps))
    for steps, micros in figures:
        line(f"a run of {steps:,d} steps: microseconds a step", f"{micros:12.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--schedules", type=int, default=400)
    schedules = parser.parse_args().schedules
    look_seldom()  # as workers do
    storm(20)
    print()
    mine = storm(schedules)
    bare = bare_switches()
    line("bare greenlet switches a second", f"{bare:12,.0f}")
    line("storm's steps a second, as a share of bare switches", f"{mine / bare:12.3f}")
    race = lost_update(300)
    line("lost-update race: scheduling steps a second", f"{race:12,.0f}")
    compare("frontrun", race, frontrun_steps)
    compare("detangle", race, detangle_steps)
    virtual_time(schedules // 4)
    shrinking()
    linear_cost()


if __name__ == "__main__":
    sys.exit(main())
