"""Simulated storms for ``patchstorm run``: whole explorations on all cores, one storm a process at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import msgspec

from patchstorm.campaign.mishap import reason_of
from patchstorm.errors import UsageError, WorkerDiedError
from patchstorm.report.model import RunReport
from patchstorm.scenario.model import Scenario

if TYPE_CHECKING:
    from patchstorm.campaign.crew import Crew


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
    allow_unreached: bool
    out_dir: Path
    before: tuple[Path, ...] = ()
    """Failures of this storm that are tried first."""


def simulate(asked: Simulation) -> RunReport:
    """Explore one storm in this process. UsageError for a target that cannot be simulated."""
    from patchstorm.campaign.explore import explore
    from patchstorm.campaign.retrying import retry_simulated

    again = retry_simulated(
        asked.before,
        asked.scenario,
        asked.target,
        claimed_only=not asked.unclaimed,
        out_dir=asked.out_dir,
    )
    explored = again or explore(
        asked.scenario,
        asked.target,
        seed=asked.seed,
        schedules=asked.schedules,
        jobs=1,
        storage=asked.storage,
        replicas=asked.replicas,
        claimed_only=not asked.unclaimed,
        allow_unreached=asked.allow_unreached,
        out_dir=asked.out_dir,
    )
    return explored.report


def _simulated(asked: Simulation) -> tuple[RunReport, ...]:
    return (simulate(asked),)


def sample(asked: Simulation) -> tuple[RunReport, ...]:
    """Every schedule of one storm, in this process. UsageError as with :func:`simulate`."""
    from patchstorm.campaign.sampling import sampled
    from patchstorm.campaign.schedules import Search

    search = Search(
        scenario=asked.scenario, target=asked.target, seed=asked.seed, storage=asked.storage,
        replicas=asked.replicas,
    )  # fmt: skip
    return sampled(search, asked.schedules, asked.out_dir)


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A report for each schedule of a storm, as a worker of a cluster hands them over."""

    runs: tuple[RunReport, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling(Simulation):
    """A storm of which every schedule counts, for whoever is to run it."""

    def run(self) -> Sample:
        """As :meth:`Pool.sample`, in this process."""
        try:
            return Sample(runs=sample(self))
        except (UsageError, WorkerDiedError):
            raise
        except Exception as error:
            return Sample(runs=(_broken_off(self, error),))


def _broken_off(asked: Simulation, error: Exception) -> RunReport:
    return RunReport(
        scenario=asked.scenario.name, target=asked.target, world="sim", seed=asked.seed,
        verdict="unknown", unknown=reason_of(error),
    )  # fmt: skip


@dataclass(slots=True)
class Pool:
    """Worker processes for simulations, started when first needed; a context manager."""

    _crew: Crew | None = field(default=None, init=False)

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    async def play(self, asked: Simulation) -> RunReport:
        """Explore in a worker. A search that is given up ends the workers; nobody waits for them."""
        return (await self._done(_simulated, asked))[0]

    async def sample(self, asked: Simulation) -> tuple[RunReport, ...]:
        """Run all schedules of it, each with a report of its own."""
        return await self._done(sample, asked)

    async def _done(
        self, work: Callable[[Simulation], tuple[RunReport, ...]], asked: Simulation
    ) -> tuple[RunReport, ...]:
        from patchstorm.campaign.cores import cores
        from patchstorm.campaign.crew import Crew, told_of_deaths

        if self._crew is None:
            self._crew = Crew(cores())
        try:
            with told_of_deaths():
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._crew, work, asked)
        except asyncio.CancelledError:
            self._end()
            raise
        except (UsageError, WorkerDiedError):
            raise  # the others would have no workers either
        except Exception as error:
            return (_broken_off(asked, error),)

    def _end(self) -> None:
        if self._crew is not None:
            self._crew.kill()
