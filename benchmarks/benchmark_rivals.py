"""The same lost-update race under two other schedulers, for the scale of ``simulator.py``.

Two tasks each read a counter, may be interrupted, and write it back one higher, fifty times. A
scheduling step is whatever the tool itself counts as one: a bytecode operation in ``frontrun`` (counted
generously, as if each schedule were used up), a task's step in ``detangle``.
"""

from __future__ import annotations

import asyncio
import os
from time import process_time

ROUNDS = 50
OPS = 300


def frontrun_lost_update(attempts: int = 60) -> float:
    """Scheduling steps a second of processor time."""
    os.environ["FRONTRUN_ACTIVE"] = "1"  # it runs only under its own command, which sets this
    from frontrun.bytecode import explore_random

    def increment(counter: list[int]) -> None:
        for _ in range(ROUNDS):
            value = counter[0]
            counter[0] = value + 1

    began = process_time()
    explore_random(
        setup=lambda: [0], threads=[increment, increment], invariant=lambda counter: True,
        max_attempts=attempts, max_ops=OPS, seed=1, detect_io=False,
    )  # fmt: skip
    return attempts * OPS / (process_time() - began)


def detangle_lost_update(runs: int = 200) -> float:
    """Scheduling steps a second of processor time."""
    from detangle import execute
    from detangle.strategies import RandomWalk

    async def race() -> None:
        counter = [0]

        async def increment() -> None:
            for _ in range(ROUNDS):
                value = counter[0]
                await asyncio.sleep(0)
                counter[0] = value + 1

        await asyncio.gather(increment(), increment())

    steps = 0
    began = process_time()
    for seed in range(runs):
        steps += execute(race, strategy=RandomWalk(seed)).steps
    return steps / (process_time() - began)
