"""A search over real servers shows how far it is: on a terminal, in a log, and not where that is unwanted."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path

import pytest

from cli.cli_fakes import Terminal
from patchstorm.cli import main

from .mounts import mounts
from .storms import HERE, STORM, target_text

SEARCHING = "patchstorm.report.searching"  # by name: sessions within other tests forget modules
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture(autouse=True)
def _can_mount() -> None:
    with mounts():
        pass


def searched(folder: Path, mood: str, monkeypatch: pytest.MonkeyPatch, *more: str) -> str:
    """What was shown on a terminal of 60 columns while the search ran."""
    text = STORM.format(
        kind="conflicting", replicas=2, fleet="", size="2KiB", chunk="1KiB", faults="", closing=""
    )
    (folder / "small.toml").write_text(text)
    (folder / "mini.py").write_text((HERE / "mini.py").read_text())
    (folder / "mine.toml").write_text(target_text(mood))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "60")
    file = Terminal()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", file)
        main(
            [
                "explore", "small.toml", "--world", "fuse", "--target", "mine.toml", "--no-corpus",
                "--out", str(folder / "out"), *more,
            ]
        )  # fmt: skip
    return file.getvalue()


@pytest.mark.slow
def test_it_tells_runs_violations_and_the_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_module(SEARCHING), "TERMINAL_EVERY_S", 0.0)
    told = searched(tmp_path, "bare", monkeypatch, "--schedules", "6", "--jobs", "1")
    lines = [ESCAPES.sub("", one) for one in re.split("[\r\n]+", told) if one]
    assert any(
        re.match(r"\d+/6 schedules, [01] violated, \d+ s, \d+ a second: small", one)
        for one in lines
    )
    assert any(one.startswith("violated small: conflict: ") for one in lines)
    assert any("1 violated" in one and "making it small" in one for one in lines)
    assert all(len(one) <= 60 for one in lines)
    assert told.endswith("\r\x1b[K"), "the line is gone when the search is over"


def test_quiet_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert searched(tmp_path, "locked", monkeypatch, "--schedules", "3", "-q") == ""


@pytest.mark.slow
def test_a_log_gets_whole_lines_and_a_strategy_of_deaths_tells_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Terminal, "isatty", lambda _: False)
    monkeypatch.setattr(import_module(SEARCHING), "PIPE_EVERY_S", 0.0)
    asked = ("--strategy", "crash-points", "--schedules", "4")
    lines = searched(tmp_path, "locked", monkeypatch, *asked).splitlines()
    assert re.match(r"4/4 schedules, 0 violated, \d+ s, \d+ a second: small", lines[-1])
