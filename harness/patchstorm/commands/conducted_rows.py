"""The rows of ``patchstorm matrix`` from the world ``fuse``: after how many runs a search finds something."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from patchstorm.commands.sampling import Sampled
from patchstorm.report.loudness import NORMAL, Loudness
from patchstorm.report.matrix import Cell, Row, cell
from patchstorm.report.model import RunReport
from patchstorm.report.shared import shared
from patchstorm.report.story import found_in_brief, in_brief
from patchstorm.scenario.model import Scenario
from patchstorm.target.model import Target

WORLD: Final = "fuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conducted:
    """Which storms, and at most ``runs`` of each; failures are kept below ``out_dir``."""

    scenarios: Sequence[Scenario]
    runs: int
    seed: int
    replicas: int | None
    allow_unreached: bool
    out_dir: Path
    loudness: Loudness = NORMAL

    def searched(self, targets: Mapping[str, Target]) -> Sampled:
        """A row for each of ``targets``, one search after the other: each keeps the processors busy."""
        from patchstorm.report.progress import progress

        found: dict[str, list[RunReport]] = {name: [] for name in targets} if self.runs else {}
        with progress(len(found) * len(self.scenarios), self.loudness) as shown:
            for name, scenario in self._storms(found):
                said = f"{name}: {scenario.name} in {WORLD}"
                shown.began(said)
                report, interrupted = self._search(scenario, targets[name])
                found[name].append(report)
                shown.ended(said, in_brief(report), found=found_in_brief(report))
                if interrupted:
                    return self._sampled(targets, found, interrupted=True)
        return self._sampled(targets, found, interrupted=False)

    def _storms(self, names: Mapping[str, object]) -> Iterator[tuple[str, Scenario]]:
        for name in names:
            for scenario in self.scenarios:
                yield name, scenario

    def _search(self, scenario: Scenario, target: Target) -> tuple[RunReport, bool]:
        from patchstorm.campaign.conducted import Asked, search

        searched = search(
            Asked(
                scenario=scenario, target=target, world=WORLD, seed=self.seed, runs=self.runs,
                replicas=self.replicas, allow_unreached=self.allow_unreached,
                jobs=None, out_dir=self.out_dir,
            )
        )  # fmt: skip
        return searched.report, searched.interrupted

    def _sampled(
        self,
        targets: Mapping[str, Target],
        found: Mapping[str, Sequence[RunReport]],
        *,
        interrupted: bool,
    ) -> Sampled:
        return Sampled(
            rows={name: self._row(name, targets[name], runs) for name, runs in found.items()},
            reports=tuple(run for runs in found.values() for run in runs),
            interrupted=interrupted,
        )

    def _row(self, name: str, target: Target, runs: Sequence[RunReport]) -> Row:
        return Row(
            target=name,
            world=WORLD,
            title=target.title,
            version=target.version,
            configuration=f"{target.configuration}; at most {self.runs} runs of each storm, until one fails",
            replicas=self.replicas,
            cells=tuple(self._cell(name, target, run) for run in runs),
            **shared([[run] for run in runs])._asdict(),
        )

    def _cell(self, name: str, target: Target, run: RunReport) -> Cell:
        """A search ends with the first run that fails, so that is one of as many as there were."""
        more = "" if self.replicas is None else f" --replicas {self.replicas}"
        command = (
            f"patchstorm explore {run.scenario} --world {WORLD} --target {name} --seed {self.seed}"
        )
        whole = cell(
            run.scenario, [run], command + more, target.known, allow_unreached=self.allow_unreached
        )
        if whole.verdict is None:
            return whole
        came_back = [note for note in run.notes if "came back" in note]
        return msgspec.structs.replace(
            whole, runs=run.schedules, story=(*whole.story, *came_back),
            undecided=run.schedules if whole.verdict == "unknown" else 0,
        )  # fmt: skip
