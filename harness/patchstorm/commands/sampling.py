"""The rows of ``patchstorm matrix`` from the simulator, for servers whose files have ``[simulate]``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from patchstorm.commands import simulate
from patchstorm.commands.simulate import Pool
from patchstorm.commands.storms import Job, Played, play_all, play_away
from patchstorm.errors import UsageError
from patchstorm.report.combine import combined
from patchstorm.report.loudness import NORMAL, Loudness
from patchstorm.report.matrix import SIMULATED, Row, cell
from patchstorm.report.model import RunReport
from patchstorm.report.shared import shared
from patchstorm.scenario.model import Scenario
from patchstorm.target.model import Target
from patchstorm.target.registry import anywhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """The rows, each by its target's name, and each storm of theirs as a report. ``interrupted``: not all."""

    rows: Mapping[str, Row]
    reports: tuple[RunReport, ...]
    interrupted: bool


@dataclass(frozen=True, slots=True)
class _Storm(Job):
    """One storm of one row."""

    server: str = ""

    @property
    def name(self) -> str:
        return f"{self.server}: {self.scenario.name} in {self.world}"


_Runs = dict[str, tuple[RunReport, ...]]
"""The schedules of each storm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Which storms, and ``schedules`` of each; failures are kept below ``out_dir``."""

    scenarios: Sequence[Scenario]
    schedules: int
    seed: int
    replicas: int | None
    jobs: int
    cluster: str | None = None
    allow_unreached: bool
    out_dir: Path
    loudness: Loudness = NORMAL

    def sampled(self, targets: Mapping[str, Target]) -> Sampled:
        """A row for each of ``targets`` that says how it is simulated, by this machine or by the cluster."""
        asked = {} if not self.schedules else targets
        reasons = {
            name: _reason(target) for name, target in asked.items() if target.simulate is not None
        }
        found: dict[str, _Runs] = {name: {} for name in reasons}
        storms = [
            _Storm(scenario, 0, SIMULATED, name)
            for name, reason in reasons.items()
            if reason is None
            for scenario in self.scenarios
        ]
        played = self._played(storms, found) if storms else Played(reports=(), interrupted=False)
        return Sampled(
            rows={
                name: self._row(name, targets[name], reason, found[name])
                for name, reason in reasons.items()
            },
            reports=(*(run for _, run in played.reports), *self._skipped(targets, reasons)),
            interrupted=played.interrupted,
        )

    def _played(self, storms: Sequence[_Storm], found: Mapping[str, _Runs]) -> Played:
        """Run them all. ``found`` is filled with the schedules of each."""
        from patchstorm.report.progress import progress

        def report_of(job: Job, runs: tuple[RunReport, ...]) -> RunReport:
            assert isinstance(job, _Storm)
            found[job.server][job.scenario.name] = runs
            return combined(runs, allow_unreached=self.allow_unreached)

        def asked(job: Job) -> simulate.Sampling:
            assert isinstance(job, _Storm)
            return self._simulation(job.server, job.scenario)

        if self.cluster is not None:
            shown = progress(len(storms), self.loudness)
            return play_away(
                storms, asked, self.cluster, shown, lambda job, away: report_of(job, away.runs)
            )
        ended: list[tuple[Job, RunReport]] = []
        # Processes of its own for each server, so that none meets what another one has imported.
        for _, group in groupby(storms, key=lambda job: job.server):
            of_one = list(group)
            with Pool() as pool:

                async def play(job: Job, pool: Pool = pool) -> RunReport:
                    return report_of(job, await pool.sample(asked(job)))

                shown = progress(len(of_one), self.loudness)
                played = play_all(of_one, play, at_once=self.jobs, shown=shown)
            ended += played.reports
            if played.interrupted:
                return Played(reports=tuple(ended), interrupted=True)
        return Played(reports=tuple(ended), interrupted=False)

    def _skipped(
        self, targets: Mapping[str, Target], reasons: Mapping[str, str | None]
    ) -> Iterator[RunReport]:
        for name, reason in reasons.items():
            if reason is not None:
                for scenario in self.scenarios:
                    yield RunReport(
                        scenario=scenario.name, target=targets[name].name, world=SIMULATED,
                        seed=self.seed, verdict=None, skipped=reason,
                    )  # fmt: skip

    def _simulation(self, name: str, scenario: Scenario) -> simulate.Sampling:
        from patchstorm.worlds.registry import DEFAULT_STORAGE

        return simulate.Sampling(
            scenario=scenario,
            target=name if self.cluster is None else anywhere(name),
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
            **shared([runs[one.name] for one in self.scenarios if one.name in runs])._asdict(),
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
