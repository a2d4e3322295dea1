"""Crash points of real servers: every one is tried and told, and a window is found where there is one."""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from patchstorm.campaign.concluded import StormResult
from patchstorm.campaign.dying import Deaths
from patchstorm.check.model import Finding
from patchstorm.check.weight import harmless
from patchstorm.cli import main
from patchstorm.report.crash_points import told, windows
from patchstorm.report.model import CrashPoint
from patchstorm.worlds.base import Conducting, Death

from .mounts import mounts
from .storms import HERE, STORM, target_text


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A storm of one upload, and servers in files."""
    with mounts():
        pass
    text = STORM.format(
        kind="sequential", replicas=2, fleet="", size="2KiB", chunk="1KiB", faults="", closing=""
    )
    (tmp_path / "small.toml").write_text(text)
    (tmp_path / "mini.py").write_text((HERE / "mini.py").read_text())
    for mood in ("recorded", "locked", "litters"):
        (tmp_path / f"{mood}.toml").write_text(target_text(mood))
    return tmp_path


def asked(files: Path, mood: str, *more: str) -> list[str]:
    storm = ["explore", str(files / "small.toml"), "--world", "fuse", "--strategy", "crash-points"]
    out = ["--out", str(files / "out")]
    return [*storm, "--target", str(files / f"{mood}.toml"), *out, *more]


@pytest.mark.long
def test_the_window_between_bytes_and_their_record_is_found_and_no_other(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(asked(files, "recorded", "--json")) == 1
    (found,) = json.loads(capsys.readouterr().out)["runs"]
    bad = [one for one in found["crash_points"] if one["verdict"] == "violated"]
    assert all(one["verdict"] in ("safe", "violated") for one in found["crash_points"])
    assert {(one["moment"], one["call"], one["path"]) for one in bad} >= {
        ("after", "write", "<u0>")
    }
    assert not any(one["path"] == "<u0>" and one["moment"] == "before" for one in bad)
    assert all(Path(one["failure"]).exists() for one in bad)


@pytest.mark.long
def test_a_store_without_a_window_has_none(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(asked(files, "locked")) == 0
    said = capsys.readouterr().out
    assert "no window in which a death does harm" in said
    assert "other way" not in said


@pytest.mark.long
def test_files_that_a_death_leaves_behind_are_told_and_make_no_window(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(asked(files, "litters")) == 1
    said = capsys.readouterr().out
    assert "no window in which a death does harm" in said
    assert "leave files behind: " in said
    assert "   after write <upload> ... before unlink <upload>.busy (residue)" in said


def test_what_the_budget_leaves_untried_is_said(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(asked(files, "locked", "--schedules", "3", "--json")) == 0
    (found,) = json.loads(capsys.readouterr().out)["runs"]
    assert [one["moment"] for one in found["crash_points"]] == ["before", "after"]
    assert any("crash points are left untried" in note for note in found["notes"])


def test_a_point_that_does_harm_stands_for_all_before_one_that_leaves_files() -> None:
    death = Death(replica=0, call="write", path="<u0>", detail="", moment="after", order=())
    deaths = Deaths.__new__(Deaths)
    deaths.results, deaths.points, deaths.found = [], {}, None
    deaths.wanted = cast(Conducting, SimpleNamespace(unmade=False))
    deaths._deaths, deaths._due = [death] * 3, deque(range(3))
    for checker in ("residue", "bytes", "durability"):
        finding = Finding(checker=checker, summary="found")
        report = SimpleNamespace(verdict="violated", findings=[finding], failure=f"{checker}.json")
        deaths.took(cast(StormResult, SimpleNamespace(report=report)))
    assert deaths.found is deaths.results[1]
    kept = [(one.checkers, one.verdict, one.harmless) for one in deaths.points.values()]
    assert kept == [
        (("residue",), "violated", True),
        (("bytes",), "violated", False),
        (("durability",), "violated", False),
    ]


def points(*verdicts: str) -> list[CrashPoint]:
    """Calls of one replica in their order, each with what was found before and after."""
    return [
        CrashPoint(
            replica=0, call="write", path=f"<u{at}>.info", moment=moment,  # type: ignore[arg-type]
            verdict="safe" if checker == "safe" else "violated",
            checkers=() if checker == "safe" else (checker,),
            harmless=checker in ("residue", "protocol"),
        )
        for at, words in enumerate(verdicts)
        for moment, checker in zip(("before", "after"), words.split(), strict=True)
    ]  # fmt: skip


def test_harm_over_several_calls_is_one_window_and_the_same_one_twice_is_counted() -> None:
    found = points("safe bytes", "bytes safe", "safe bytes", "bytes safe")
    assert windows(found) == {"after write <upload>.info ... before write <upload>.info": 2}
    assert told(points("safe safe")) == ["2 crash points, no window in which a death does harm"]


def test_a_window_ends_where_only_files_are_left_and_each_says_what_was_found() -> None:
    found = points("residue bytes", "publication residue", "safe protocol")
    assert told(found) == [
        "6 crash points, 2 violated, 1 window:",
        "   after write <upload>.info ... before write <upload>.info (bytes, publication)",
        "",
        "leave files behind: 2 points",
        "   before write <upload>.info (residue)",
        "   after write <upload>.info (residue)",
        "",
        "break a rule and harm no byte: 1 point",
        "   after write <upload>.info (protocol)",
    ]


def test_only_files_that_are_left_and_what_is_minor_do_no_harm() -> None:
    left = Finding(checker="residue", summary="a lock")
    header = Finding(checker="protocol", summary="a header", header="Tus-Resumable")
    lost = Finding(checker="bytes", summary="bytes")
    assert harmless([left, header])
    assert not harmless([left, lost])
    assert not harmless([])
