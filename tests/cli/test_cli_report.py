"""``report`` tells what a command left, with ``--out`` or without; options that change nothing are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from patchstorm.cli import main
from patchstorm.commands.places import DEFAULT_OUT

FOUND = ("explore", "sequential", "--target", "bug:chunks-left", "--jobs", "1", "--schedules", "6")


def test_what_explore_left_is_told_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*FOUND, "--out", "kept"]) == 1
    capsys.readouterr()
    assert main(["report", "kept"]) == 0
    assert "sequential  violated" in capsys.readouterr().out
    assert main([*FOUND]) == 1
    capsys.readouterr()
    assert main(["report", str(DEFAULT_OUT)]) == 0
    said = capsys.readouterr()
    assert "sequential  violated" in said.out
    assert "failure.json" in said.out
    broken = DEFAULT_OUT / "another" / "failure.json"
    broken.parent.mkdir()
    broken.write_text("{}")
    assert main(["report", str(DEFAULT_OUT)]) == 0, "one file that nobody can read hides no other"
    told = capsys.readouterr()
    assert told.out == said.out and f"not told: {broken}: is not a failure file" in told.err
    assert main(["report", str(broken.parent)]) == 2


def test_options_that_change_nothing_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    innocent = ("selftest", "--only", "innocent:sequential", "--schedules", "1")
    assert main([*innocent, "--seeds", "2", "--budget", "9", "--jobs", "1"]) == 0
    said = capsys.readouterr().err
    assert "--seeds is for planted bugs" in said
    assert "--budget is for planted bugs" in said
    assert main([*innocent, "--jobs", "1"]) == 0
    assert " is for " not in capsys.readouterr().err
    assert main([*FOUND, "--out", "kept"]) == 1
    (failure,) = Path("kept").glob("*/failure.json")
    capsys.readouterr()
    assert main(["replay", str(failure), "--times", "3", "--out", "x"]) == 1
    said = capsys.readouterr().err
    assert "--times is for real processes" in said
    assert "--out takes only what is found near" in said
