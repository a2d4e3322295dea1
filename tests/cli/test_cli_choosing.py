"""Which storms are played, when enough was played, and what a CI system is told of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from cli_fakes import FAILURE, finding, run_report, skipped, unknown, violated

from patchstorm.commands.choosing import Enough, chosen, shard
from patchstorm.commands.storms import Job
from patchstorm.errors import UsageError
from patchstorm.report.github import log_lines, summary
from patchstorm.report.model import Report, report_of
from patchstorm.scenario import library

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"


def names(asked: Sequence[str], excluded: Sequence[str] = ()) -> list[str]:
    return [one.name for one in chosen(asked, excluded)]


def jobs() -> list[Job]:
    return [Job(one, 0, world) for world in ("sim", "processes") for one in library.load_all()]


def test_patterns_choose_and_leave_out() -> None:
    every = list(library.names())
    assert names(()) == every
    crashes = names(["crash-*"])
    assert crashes == [one for one in every if one.startswith("crash-")] and len(crashes) > 3
    assert names(["replaying", "crash-*", "replaying"], ["crash-c*", "crash-r*"]) == [
        "replaying",
        *(one for one in crashes if one[6] not in "cr"),
    ]


def test_a_file_is_a_path_even_where_it_looks_like_a_pattern(tmp_path: Path) -> None:
    path = tmp_path / "my[1].toml"
    path.write_text((SCENARIOS / "replaying.toml").read_text())
    assert names([str(path)]) == ["my[1]"]


@pytest.mark.parametrize(
    ("asked", "excluded", "says"),
    [
        (["crush-*"], [], "crush-"),
        ([], ["replayng"], "replaying"),
        (["replaying"], ["replay*"], "nothing is left"),
    ],
)
def test_what_matches_nothing_is_an_error(asked: list[str], excluded: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        chosen(asked, excluded)


def test_shards_are_a_partition_and_even() -> None:
    parts = [shard(jobs(), f"{number}/4") for number in (1, 2, 3, 4)]
    assert sorted(job.name for part in parts for job in part) == sorted(one.name for one in jobs())
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("share", ["0/4", "5/4", "1", "1/0", "a/b", "1/4/2", "-1/4", "99999/99999"])
def test_a_shard_that_is_none_is_an_error(share: str) -> None:
    with pytest.raises(UsageError, match="--shard"):
        shard(jobs(), share)


def test_a_share_beyond_the_last_storm_is_empty() -> None:
    assert shard(jobs(), "9999/9999") == []


def test_enough_is_a_violation_or_a_time() -> None:
    both = Enough(None, first=True)
    both.saw(run_report())
    both.saw(unknown())
    assert both.reason() is None
    both.saw(violated())
    assert both.reason() == "not begun: replaying in processes was violated, and -x stops there"
    patient = Enough(1e6, first=False)
    patient.saw(violated())
    assert patient.reason() is None
    assert Enough(1e-9, first=False).reason() == "not begun: the 1e-09 seconds were over"
    with pytest.raises(UsageError, match="--seconds"):
        Enough(0.0, first=False)


def ran(folder: Path, *arguments: str, **environment: str) -> tuple[int, Any, str]:
    done = subprocess.run(
        [sys.executable, "-m", "patchstorm", "run", "--world", "sim", "--json", *arguments],
        cwd=folder, capture_output=True, text=True, check=False, env={**_clean(), **environment},
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout), done.stderr


def _clean() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("GITHUB_")}


@pytest.mark.slow
def test_the_first_violation_ends_a_run_and_github_is_told(tmp_path: Path) -> None:
    file = tmp_path / "summary.md"
    file.write_text("# before\n")
    code, said, errors = ran(
        tmp_path, "sequential", "parallel", "-x", "--jobs", "1", "--target", "bug:chunks-left",
        GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(file),
    )  # fmt: skip
    first, second = said["runs"]
    assert (code, first["verdict"], second["verdict"]) == (1, "violated", None)
    assert second["skipped"] == "not begun: sequential in sim was violated, and -x stops there"
    assert [line for line in errors.splitlines() if line.startswith("::error title=sequential ")]
    text = file.read_text()
    assert text.startswith("# before\n## ❌ Patchstorm: 1 violated, 1 skipped\n")
    assert f"patchstorm replay {first['failure']}" in text


def test_time_that_is_over_leaves_the_rest_and_says_so(tmp_path: Path) -> None:
    code, said, errors = ran(tmp_path, "replaying", "sequential", "--seconds", "0.000001")
    assert code == 2 and said["verdict"] == "unknown"  # nothing ran: that is not safe
    assert {one["skipped"] for one in said["runs"]} == {"not begun: the 1e-06 seconds were over"}
    assert "::" not in errors


def reported(*runs: Any) -> Report:
    return report_of(runs)


def test_markup_that_servers_said_stays_text() -> None:
    wild = "<script>alert(1)</script> | `x` \x1b[0m ~~~~~~~~"
    text = summary(reported(violated(findings=(finding(summary=wild),)), skipped()))
    table = text.partition("| | storm")[2]
    fence = next(line for line in text.splitlines() if line.startswith("~~~"))
    inside = text.partition(f"\n{fence}\n")[2].partition(f"\n{fence}\n")[0]
    assert len(fence) > 8 and wild.replace("\x1b", "\\x1b") in inside
    assert "<script>" not in text.replace(inside, "") and "\x1b" not in text
    assert "⚪" in table and "safe" not in table


def test_annotations_are_one_line_each() -> None:
    said = list(log_lines(reported(run_report(), violated(), unknown(), skipped())))
    assert [line.partition(" ")[0] for line in said] == ["::error", "::warning"]
    assert all("\n" not in line for line in said)
    title, _, text = said[0].removeprefix("::error title=").partition("::")
    assert ":" not in title and "," not in title
    assert text.endswith(f"%0Apatchstorm replay {FAILURE}")
