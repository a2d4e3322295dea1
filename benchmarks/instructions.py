"""Instructions of a simulated schedule, counted by valgrind: the same on a busy machine as on a quiet one.

Run: ``python benchmarks/instructions.py [TARGET]``, which takes two minutes. The schedules are those of the
storm of ``simulator.py``, judged by every rule; what starting and the first of them take is subtracted. To
compare two states of the code, run it in a checkout of each.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from simulator import STORM

from patchstorm.case.layout import lay_out
from patchstorm.check.registry import RULES
from patchstorm.choice.prng import Prng
from patchstorm.choice.random_walk import RandomWalk
from patchstorm.scenario.draw import draw_plan
from patchstorm.scenario.schema import parse
from patchstorm.target.registry import resolve
from patchstorm.worlds.sim.app import subject_of
from patchstorm.worlds.sim.collector import look_seldom
from patchstorm.worlds.sim.run import run_schedule
from patchstorm.worlds.sim.scale import scaled
from patchstorm.worlds.sim.workers import pool

FEW, MANY = 2, 12


def run(target: str, schedules: int) -> None:
    subject = subject_of(resolve(target))
    scenario = parse(STORM, name="two-clients", file="benchmark")
    look_seldom()  # as workers do; a collection more or less would be a tenth of the whole
    for index in range(schedules):
        plan = draw_plan(scenario, seed=1, index=index, capabilities=subject.target.capabilities)
        outcome = run_schedule(scaled(plan), subject, RandomWalk(Prng(1, index)), pool())
        case = lay_out(outcome.history)
        for rule in RULES:
            rule.judge(case)


def counted(target: str, schedules: int) -> int:
    """Instructions of a process that does nothing else."""
    own = [sys.executable, str(Path(__file__)), target, "--schedules", str(schedules)]
    told = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *own],
        env={**os.environ, "PYTHONHASHSEED": "0"}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    found = re.search(r"Collected : (\d+)", told.stderr)
    assert found is not None, told.stderr
    return int(found[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("target", nargs="?", default="reference")
    parser.add_argument("--schedules", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.schedules is not None:
        run(asked.target, asked.schedules)
        return
    if shutil.which("valgrind") is None:
        sys.exit("valgrind counts them: apt-get install valgrind")
    few, many = counted(asked.target, FEW), counted(asked.target, MANY)
    print(
        f"{asked.target}: {(many - few) / (MANY - FEW) / 1e6:.2f} million instructions a schedule"
    )
    print(f"{asked.target}: {few / 1e6:.0f} million to start and for the first {FEW}")


if __name__ == "__main__":
    main()
