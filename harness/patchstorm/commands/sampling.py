"""The rows of ``patchstorm matrix`` from the simulator, for servers whose files have ``[simulate]``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from patchstorm.commands.simulate import Pool, Simulation
from patchstorm.commands.storms import Job, play_all
from patchstorm.errors import UsageError
from patchstorm.report.combine import combined
from patchstorm.report.loudness import NORMAL, Loudness
from patchstorm.report.matrix import SIMULATED, Row, cell
from patchstorm.report.model import RunReport
from patchstorm.scenario.model import Scenario
from patchstorm.target.model import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Which storms, and ``schedules`` of each; failures are kept below ``out_dir``."""

    scenarios: Sequence[Scenario]
    schedules: int
    seed: int
    replicas: int | None
    jobs: int
    allow_unreached: bool
    out_dir: Path
    loudness: Loudness = NORMAL

    def rows(self, targets: Mapping[str, Target]) -> Iterator[tuple[str, Row]]:
        """A row for each of ``targets`` that says how it is simulated, with its name."""
        if not self.schedules:
            return
        for name, target in targets.items():
            if target.simulate is not None:
                reason = _reason(target)
                runs = {} if reason else self._sampled(name)
                yield name, self._row(name, target, reason, runs)

    def _sampled(self, name: str) -> dict[str, tuple[RunReport, ...]]:
        from patchstorm.report.progress import progress

        found: dict[str, tuple[RunReport, ...]] = {}
        jobs = [Job(scenario, 0, SIMULATED) for scenario in self.scenarios]
        with Pool() as pool:

            async def play(job: Job) -> RunReport:
                runs = await pool.sample(self._simulation(name, job.scenario))
                found[job.scenario.name] = runs
                return combined(runs, allow_unreached=self.allow_unreached)

            play_all(jobs, play, at_once=self.jobs, shown=progress(len(jobs), self.loudness))
        return found

    def _simulation(self, name: str, scenario: Scenario) -> Simulation:
        from patchstorm.worlds.registry import DEFAULT_STORAGE

        return Simulation(
            scenario=scenario,
            target=name,
            seed=self.seed,
            schedules=self.schedules,
            storage=None if scenario.fleet.storages else DEFAULT_STORAGE,
            replicas=self.replicas,
            unclaimed=False,
            allow_unreached=self.allow_unreached,
            out_dir=self.out_dir,
        )

    def _row(
        self,
        name: str,
        target: Target,
        reason: str | None,
        runs: Mapping[str, tuple[RunReport, ...]],
    ) -> Row:
        """Where a cell counts runs it counts schedules."""
        return Row(
            target=name,
            world=SIMULATED,
            title=target.title,
            version=target.version,
            configuration=f"simulated, {self.schedules} schedules of each storm",
            replicas=self.replicas,
            skipped=reason,
            cells=tuple(
                cell(
                    one.name, runs[one.name], self._command(one.name, name), target.known,
                    allow_unreached=self.allow_unreached,
                )
                for one in self.scenarios
                if one.name in runs
            ),
        )  # fmt: skip

    def _command(self, storm: str, name: str) -> str:
        more = "" if self.replicas is None else f" --replicas {self.replicas}"
        return f"patchstorm explore {storm} --target {name} --seed {self.seed}{more}"


def _reason(target: Target) -> str | None:
    """Why a target cannot be simulated here, if it cannot."""
    from patchstorm.worlds.sim.app import subject_of

    try:
        subject_of(target)
    except UsageError as error:
        return str(error)
    return None
