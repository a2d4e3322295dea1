"""A failure of real processes is made smaller by running smaller plans; what cannot be done is said."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from patchstorm.campaign.concluded import StormResult
from patchstorm.campaign.failure import Failure, read_failure, write_failure
from patchstorm.campaign.live_shrinking import FIRST_TRIES, TRIES, LiveSearch
from patchstorm.check.model import Finding
from patchstorm.cli import main
from patchstorm.errors import InconclusiveError
from patchstorm.history import read_history
from patchstorm.report.model import RunReport
from patchstorm.scenario.draw import draw_plan
from patchstorm.scenario.library import load
from patchstorm.scenario.plan import Plan
from patchstorm.target.registry import resolve

BUG = "bug:no-offset"
CAUSE = Finding(checker="protocol", summary="")


def failure_of(storm: str, target: str = BUG) -> Failure:
    plan = draw_plan(load(storm), seed=1, index=0, capabilities=resolve(target).capabilities)
    return Failure(
        world="processes", scenario=storm, target=target, seed=1, index=0, replicas=plan.replicas,
        storage=plan.storage, plan=plan, findings=(CAUSE,), command="",
    )  # fmt: skip


class Runs:
    """Stands for the fleet: a plan fails at every ``every``-th run, as long as ``needs`` holds of it."""

    def __init__(self, every: int, needs: int) -> None:
        self.every, self.needs, self.count = every, needs, 0

    async def __call__(self, plan: Plan) -> StormResult:
        self.count += 1
        fails = self.count % self.every == 0 and len(plan.clients) >= self.needs
        report = RunReport(
            scenario=plan.scenario, target=BUG, world="processes", seed=1,
            verdict="violated" if fails else "safe", findings=(CAUSE,) if fails else (),
        )  # fmt: skip
        return StormResult(report=report, plan=plan)


def test_a_race_that_comes_back_now_and_then_keeps_what_it_needs() -> None:
    failure = failure_of("parallel")
    runs = Runs(TRIES, needs=1)
    search = LiveSearch(failure, runs, runs_max=10_000, seconds_max=1e9)
    small = asyncio.run(search.shrink())
    assert small.complete and small.runs == runs.count
    assert len(small.after.clients) == 1
    assert small.after.replicas == 1
    assert sum(one.size for one in small.after.uploads) < sum(
        one.size for one in small.before.uploads
    )


def test_one_that_does_not_come_back_is_not_shrunk() -> None:
    runs = Runs(1, needs=100)
    search = LiveSearch(failure_of("parallel"), runs)
    with pytest.raises(InconclusiveError, match=f"did not come back in {FIRST_TRIES} runs"):
        asyncio.run(search.shrink())
    assert runs.count == FIRST_TRIES


def test_the_bound_on_runs_holds_and_is_told() -> None:
    runs = Runs(1, needs=1)
    small = asyncio.run(LiveSearch(failure_of("parallel"), runs, runs_max=2).shrink())
    assert not small.complete and runs.count == 2


@pytest.mark.slow
def test_the_command_says_what_it_cannot_and_does_what_it_can(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failure = failure_of("sequential")
    assert failure.replicas > 1
    real, small = tmp_path / "real.json", tmp_path / "small.json"
    write_failure(real, msgspec.structs.replace(failure, command=f"patchstorm replay {real}"))
    assert main(["shrink", str(real), "-o", str(small)]) == 1
    said = capsys.readouterr()
    assert "no choice can be left out" in said.err
    assert said.out.splitlines()[-1] == f"patchstorm replay {small}"
    assert read_failure(small).replicas == 1
    assert read_history(tmp_path / "small.jsonl").operations
