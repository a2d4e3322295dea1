"""Crash points of real servers: every one is tried and told, and a window is found where there is one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from patchstorm.cli import main
from patchstorm.report.crash_points import told, windows
from patchstorm.report.model import CrashPoint

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
    for mood in ("recorded", "locked"):
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


def test_what_the_budget_leaves_untried_is_said(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(asked(files, "locked", "--schedules", "3", "--json")) == 0
    (found,) = json.loads(capsys.readouterr().out)["runs"]
    assert [one["moment"] for one in found["crash_points"]] == ["before", "after"]
    assert any("crash points are left untried" in note for note in found["notes"])


def points(*verdicts: str) -> list[CrashPoint]:
    """Calls of one replica in their order, each with its verdict before and after."""
    return [
        CrashPoint(
            replica=0, call="write", path=f"<u{at}>.info", moment=moment, verdict=verdict,  # type: ignore[arg-type]
        )
        for at, words in enumerate(verdicts)
        for moment, verdict in zip(("before", "after"), words.split(), strict=True)
    ]  # fmt: skip


def test_harm_over_several_calls_is_one_window_and_the_same_one_twice_is_counted() -> None:
    found = points("safe violated", "violated safe", "safe violated", "violated safe")
    assert windows(found) == {"after write <upload>.info ... before write <upload>.info": 2}
    assert told(points("safe safe"))[0].endswith("no window in which a death does harm")
