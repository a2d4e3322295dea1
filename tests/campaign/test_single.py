"""One storm, judged: what the report says, what is kept on disk, and how a failure is replayed."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import msgspec
import pytest

from patchstorm.campaign import single
from patchstorm.campaign.failure import Failure, read_failure, write_failure
from patchstorm.campaign.single import replay_live, run_storm, storm
from patchstorm.errors import TargetError, UsageError
from patchstorm.scenario.model import Scenario
from patchstorm.scenario.schema import parse

pytestmark = pytest.mark.usefixtures("reports_end_with_the_test")

SMALL = """
title = "Every PATCH reaches several replicas"
why = "A retrying load balancer does it."
[fleet]
replicas = 3
[[upload]]
size = "256KiB"
chunk = "16KiB"
[[client]]
kind = "replaying"
times = 3
"""

DEAD = """
name = "dead"
capabilities = ["offset-addressed", "creation"]
[start]
command = ["{python}", "-c", "raise SystemExit('no licence')", "{port}"]
[wire]
path = "/"
"""


def small() -> Scenario:
    return parse(SMALL, name="small", file="small.toml")


@pytest.fixture(scope="module")
def convicted(tmp_path_factory: pytest.TempPathFactory) -> Failure:
    """A failure of a store that is wrong in every run, so that no test here waits for a race."""
    folder = tmp_path_factory.mktemp("runs")
    result = run_storm("sequential", "bug:no-offset", seed=1, replicas=1, out_dir=folder)
    assert result.failure is not None
    return read_failure(result.failure)


def test_a_safe_run_says_so_and_keeps_nothing_unless_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    result = run_storm(small(), "reference", seed=3, replicas=1)
    report = result.report
    assert (report.verdict, report.schedules, report.digest) == ("safe", 1, None)
    assert (report.world, report.target, report.scenario) == ("processes", "reference", "small")
    assert report.steps == len(result.history.operations) if result.history else False
    assert list(tmp_path.iterdir()) == []


def test_two_runs_of_one_name_do_not_mix(tmp_path: Path) -> None:
    for _ in range(2):
        run_storm(small(), "reference", seed=3, replicas=1, out_dir=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "small-reference-3",
        "small-reference-3.2",
    ]


def test_a_failure_file_holds_the_whole_storm(convicted: Failure, tmp_path: Path) -> None:
    assert (convicted.world, convicted.target) == ("processes", "bug:no-offset")
    assert convicted.plan.scenario == "sequential"
    assert {one.checker for one in convicted.findings} == {"protocol"}
    path = tmp_path / "failure.json"
    write_failure(path, convicted)
    kept = read_failure(path)
    assert kept.command == f"patchstorm replay {path}", "it lies elsewhere now"
    assert kept == msgspec.structs.replace(convicted, command=kept.command)


def test_a_replay_tells_how_often_the_failure_came_back(convicted: Failure) -> None:
    replayed = replay_live(convicted, repeats=2)
    assert replayed.repeats == len(replayed.results) == replayed.reproduced == 2
    innocent = msgspec.structs.replace(convicted, target="reference")
    assert replay_live(innocent, repeats=1).reproduced == 0


def test_a_target_that_does_not_start_leaves_the_question_open(tmp_path: Path) -> None:
    (tmp_path / "dead.toml").write_text(DEAD)
    result = run_storm(small(), str(tmp_path / "dead.toml"), seed=1, out_dir=tmp_path / "runs")
    assert result.report.verdict == "unknown"
    assert "no licence" in (result.report.unknown or "")
    assert "replica-" in (result.report.unknown or "")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read"),
        ("{", "is not a failure file"),
        ("[]", "is not a failure file"),
        ('{"format": "patchstorm-failure", "version": 99}', "version 99"),
        ('{"format": "patchstorm-failure", "version": 1}', "is not a failure file"),
    ],
)
def test_what_is_no_failure_file_is_told_so(content: str | None, says: str, tmp_path: Path) -> None:
    path = tmp_path / "failure.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UsageError, match=says) as error:
        read_failure(path)
    assert str(path) in str(error.value)


def test_an_interrupted_run_whose_replicas_died_first_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dying(*_: object) -> None:
        asyncio.current_task().cancel()  # type: ignore[union-attr]
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            raise TargetError("replica 0 ended") from None

    monkeypatch.setattr(single, "_lived", dying)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(storm("sequential", "reference", seed=1, out_dir=tmp_path))
    assert list(tmp_path.iterdir()) == []
