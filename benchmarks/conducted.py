"""Storms a minute in the world ``fuse``, and what a step costs: ``python benchmarks/conducted.py [TARGET]``.

Two clients send different bytes for the same place; runs in the plain order, and in orders that a random walk
draws, in which a call waits until all replicas are at rest.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from patchstorm.choice.prng import Prng
from patchstorm.choice.random_walk import RandomWalk
from patchstorm.choice.strategy import Dull
from patchstorm.scenario.draw import draw_plan
from patchstorm.scenario.library import load
from patchstorm.target.registry import resolve
from patchstorm.worlds.fuse.choosing import Deciding
from patchstorm.worlds.fuse.run import run_conducted

RUNS = 6


def main() -> None:
    target = resolve(sys.argv[1] if len(sys.argv) > 1 else "reference")
    plan = draw_plan(load("conflicting"), seed=1, index=0, capabilities=target.capabilities)
    for name in ("plain", "random walk"):
        took, calls = [], []
        for index in range(RUNS):
            strategy = Dull() if name == "plain" else RandomWalk(Prng("bench", index))
            with tempfile.TemporaryDirectory() as folder:
                began = time.perf_counter()
                ran = run_conducted(plan, target, Deciding(strategy), out_dir=Path(folder))
                took.append(time.perf_counter() - began)
                calls.append(ran.steps)
        mean_s, steps = statistics.mean(took), statistics.mean(calls)
        print(
            f"{target.name}, {name}: {60 / mean_s:.0f} storms a minute, {steps:.0f} steps each, "
            f"{mean_s / steps * 1e3:.1f} ms a step with start and end"
        )


if __name__ == "__main__":
    main()
