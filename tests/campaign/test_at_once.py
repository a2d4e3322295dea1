"""How many runs of a search are under way at once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from patchstorm.campaign import conducted
from patchstorm.campaign.concluded import StormResult
from patchstorm.campaign.conducted import JOBS_MAX, Asked, Search
from patchstorm.campaign.cores import cores
from patchstorm.check.model import Finding
from patchstorm.report.model import RunReport
from patchstorm.scenario.schema import parse
from patchstorm.target.registry import resolve
from scenario.storm_texts import TINY


class Busy(Search):
    """Runs that take as many turns of the loop as is said, of which a server's timers have a part."""

    def __init__(
        self, asked: Asked, *, slept: float, turns: list[int], bad: int | None = None
    ) -> None:
        super().__init__(asked)
        self.part, self.turns, self.bad = slept, turns, bad
        self.going: set[int] = set()
        self.beside: dict[int, int] = {}

    async def _run(self, plan: Any, schedule: Any) -> Any:
        self.going.add(plan.index)
        self.beside[plan.index] = len(self.going)
        for _ in range(self.turns[plan.index % len(self.turns)]):
            await asyncio.sleep(0)
        self.going.remove(plan.index)
        folder = self.asked.out_dir / str(plan.index)
        folder.mkdir(parents=True)
        violated = self.bad is not None and plan.index >= self.bad
        report = RunReport(
            scenario="tiny", target="reference", world="fuse", seed=plan.index,
            verdict="violated" if violated else "safe",
            findings=(Finding(checker="bytes", summary="Lost.", operations=()),) if violated else (),
        )  # fmt: skip
        result = StormResult(report=report, folder=folder, failure=folder / "failure.json")
        return result, SimpleNamespace(slept=self.part, close=lambda: None)


def searched(
    tmp_path: Path,
    *,
    slept: float,
    turns: list[int],
    jobs: int | None = None,
    runs: int | None = 60,
    seconds: float | None = None,
    bad: int | None = None,
) -> Busy:
    asked = asked_in(tmp_path, jobs=jobs, runs=runs, seconds=seconds)
    search = Busy(asked, slept=slept, turns=turns, bad=bad)
    asyncio.run(search.go())
    return search


def asked_in(
    tmp_path: Path, *, jobs: int | None = None, runs: int | None = 60, seconds: float | None = None
) -> Asked:
    return Asked(
        scenario=parse(TINY, name="tiny", file="tiny.toml"), target=resolve("reference"),
        world="fuse", strategy="random-walk", runs=runs, seconds=seconds, jobs=jobs, out_dir=tmp_path,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("slept", "most"), [(0.0, min(2, cores())), (0.5, 2 * min(2, cores())), (0.9999, JOBS_MAX)]
)
def test_where_servers_sleep_more_runs_are_under_way(
    tmp_path: Path, slept: float, most: int
) -> None:
    assert max(searched(tmp_path, slept=slept, turns=[3]).beside.values()) == most


def test_what_is_asked_for_is_what_is_under_way(tmp_path: Path) -> None:
    assert max(searched(tmp_path, slept=0.9999, turns=[3], jobs=3).beside.values()) == 3


def test_a_long_run_keeps_no_other_from_beginning_and_results_come_in_their_order(
    tmp_path: Path,
) -> None:
    search = searched(tmp_path, slept=0.0, turns=[400, *[2] * 59], jobs=3)
    assert [one.report.seed for one in search.results] == list(range(60))
    assert list(search.beside) == list(range(60))
    assert min([search.beside[index] for index in range(3, 60)]) >= 2


def test_of_two_budgets_the_first_that_is_spent_ends_the_search(tmp_path: Path) -> None:
    assert len(searched(tmp_path, slept=0.0, turns=[3], runs=5, seconds=1e9).results) == 5
    assert len(searched(tmp_path / "2", slept=0.0, turns=[3], runs=500, seconds=0.0).results) < 500


def test_who_is_through_when_the_time_is_up_counts(tmp_path: Path) -> None:
    search = searched(tmp_path, slept=0.0, turns=[9, 2, 2], jobs=3, runs=None, seconds=0.0, bad=2)
    assert search.found is not None
    assert search.found.report.seed == 2


def test_of_runs_that_came_after_the_one_that_failed_nothing_is_kept(tmp_path: Path) -> None:
    search = searched(tmp_path, slept=0.0, turns=[9, 2, 2], jobs=3, bad=0)
    assert [one.report.seed for one in search.results] == [0]
    assert [one.name for one in tmp_path.iterdir()] == ["0"]


def test_what_was_found_is_told_though_its_shrinking_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(conducted, "read_failure", read)
    came = conducted.searched(
        asked_in(tmp_path), lambda asked: Busy(asked, slept=0.0, turns=[1], bad=1)
    )
    assert came.interrupted
    assert came.report.verdict == "violated"
    assert [one.summary for one in came.report.findings] == ["Lost."]
