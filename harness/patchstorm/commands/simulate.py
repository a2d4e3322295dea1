"""Simulated storms for ``patchstorm run``: whole explorations on all cores, one storm a process at a time."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from patchstorm.report.model import RunReport
from patchstorm.scenario.model import Scenario

WORLD = "sim"
SCHEDULES_DEFAULT = 30
"""Schedules of each storm when nobody says how many: together a good half of a minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """One storm to explore; everything a worker process needs to know."""

    scenario: Scenario
    target: str
    seed: int
    schedules: int
    storage: str | None
    replicas: int | None
    unclaimed: bool
    out_dir: Path


def simulate(asked: Simulation) -> RunReport:
    """Explore one storm in this process. UsageError for a target that cannot be simulated."""
    from patchstorm.campaign.explore import explore

    return explore(
        asked.scenario,
        asked.target,
        seed=asked.seed,
        schedules=asked.schedules,
        jobs=1,
        storage=asked.storage,
        replicas=asked.replicas,
        claimed_only=not asked.unclaimed,
        out_dir=asked.out_dir,
    ).report


@dataclass(slots=True)
class Pool:
    """Worker processes for simulations, started when first needed; a context manager."""

    _workers: ProcessPoolExecutor | None = field(default=None, init=False)

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._workers is None:
            return
        if kind is not None:
            for process in list(self._workers._processes.values()):
                process.kill()
        self._workers.shutdown(wait=True, cancel_futures=True)

    async def play(self, asked: Simulation) -> RunReport:
        """Explore in a worker."""
        if self._workers is None:
            self._workers = ProcessPoolExecutor(
                len(os.sched_getaffinity(0)),
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_ignore_interrupts,
            )
        return await asyncio.get_running_loop().run_in_executor(self._workers, simulate, asked)


def _ignore_interrupts() -> None:
    """Ctrl-C reaches the whole process group; the parent is the one that acts on it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
