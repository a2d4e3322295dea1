"""``run``, ``report`` and ``replay`` with real replicas: from a storm to a verdict, files and exit codes."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
from cli_fakes import patchstorm, plain_environment

from patchstorm.history import read_history

REAL = ("--world", "processes")
ALONE = (*REAL, "--replicas", "1")
"""For what does not depend on how many there are: each takes as long to start as its storm takes."""


@pytest.fixture(scope="module")
def convicted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A directory in which a store that is wrong in every run was convicted, and what the command printed."""
    folder = tmp_path_factory.mktemp("convicted")
    done = patchstorm("run", "sequential", "--target", "bug:no-offset", *ALONE, cwd=folder)
    assert done.returncode == 1, done.stderr
    return folder, done.stdout.splitlines()


def test_a_safe_run_leaves_nothing_and_says_so(tmp_path: Path) -> None:
    done = patchstorm("run", "sequential", *REAL, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[1].split()[:2] == ["sequential", "safe"]
    assert lines[-1].startswith("1 safe in ")
    assert list(tmp_path.iterdir()) == []


def test_json_is_one_object_and_nothing_else_on_standard_output(tmp_path: Path) -> None:
    asked = ("run", "sequential", "power-loss", *ALONE, "--json", "--seed", "5")
    done = patchstorm(*asked, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    ran, skipped = document["runs"]
    assert document["verdict"] == "safe"
    assert (ran["scenario"], ran["seed"], ran["schedules"]) == ("sequential", 5, 1)
    assert ran["steps"] > 0 and ran["digest"] is None
    assert skipped["verdict"] is None and "sim" in skipped["skipped"]
    assert "[1/2]" in done.stderr


def test_a_run_of_which_everything_was_skipped_is_unknown(tmp_path: Path) -> None:
    done = patchstorm("run", "power-loss", *REAL, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout.splitlines()[-1].startswith("1 skipped in ")


def test_out_and_junit_hold_what_happened(tmp_path: Path) -> None:
    out, junit = tmp_path / "out", tmp_path / "junit.xml"
    done = patchstorm(
        "run", "sequential", *REAL, "--out", str(out), "--junit", str(junit), "--replicas", "2"
    )
    assert done.returncode == 0, done.stderr
    history = read_history(out / "sequential-reference-1" / "history.jsonl")
    assert (history.header.scenario, history.header.replicas) == ("sequential", 2)
    assert (out / "sequential-reference-1" / "replica-1.log").exists()
    suite = Xml.parse(junit).getroot()[0]
    assert (suite.attrib["tests"], suite.attrib["failures"]) == ("1", "0")
    told = patchstorm("report", str(out))
    assert told.returncode == 0
    assert told.stdout.splitlines()[1].split()[:2] == ["sequential", "safe"]


@pytest.mark.slow
def test_a_scenario_of_ones_own_on_a_directory_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        'title = "two small chunks"\nwhy = "a test"\n'
        '[[upload]]\nsize = "2KiB"\nchunk = "1KiB"\n[[client]]\nkind = "sequential"\n'
    )
    shared = tmp_path / "shared"
    shared.mkdir()
    done = patchstorm("run", "mine.toml", *ALONE, "--storage", f"dir:{shared}", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(shared.iterdir()) == []


def test_a_wrong_store_is_convicted_and_the_last_line_replays_it(
    convicted: tuple[Path, list[str]],
) -> None:
    folder, lines = convicted
    assert lines[1].split()[:2] == ["sequential", "violated"]
    assert any(line.startswith("  protocol: ") for line in lines)
    assert lines[-1].startswith("patchstorm replay patchstorm-runs/sequential-bug-no-offset-1")
    done = patchstorm(*lines[-1].split()[1:], "--times", "2", cwd=folder)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.startswith("The violation came back in 2 of 2 runs")
    assert done.stdout.splitlines()[-1] == lines[-1]


def test_what_was_kept_of_a_conviction_is_judged_alike_again(
    convicted: tuple[Path, list[str]],
) -> None:
    folder, lines = convicted
    history = Path(lines[-1].split()[-1]).with_name("history.jsonl")
    done = patchstorm("check", str(history), "--json", cwd=folder)
    assert done.returncode == 1
    failure = json.loads((folder / history).with_name("failure.json").read_text())
    assert json.loads(done.stdout)["runs"][0]["findings"] == failure["findings"]


def test_a_replay_that_finds_nothing_ends_with_zero(
    convicted: tuple[Path, list[str]], tmp_path: Path
) -> None:
    folder, lines = convicted
    good = tmp_path / "good"
    patchstorm("run", "sequential", *ALONE, "--out", str(good))
    failure = json.loads((folder / lines[-1].split()[-1]).read_text())
    failure["target"] = "reference"
    failure["plan"] = json.loads((good / "sequential-reference-1" / "plan.json").read_text())
    cured = tmp_path / "cured.json"
    cured.write_text(json.dumps(failure))
    done = patchstorm("replay", str(cured), "--times", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "The violation came back in 0 of 1 runs.\n"
    assert sorted(tmp_path.iterdir()) == [cured, good]


def read_to_the_end(terminal: int) -> bytes:
    """What was written to a terminal until nobody has it open any more, which Linux tells by EIO."""
    drawn = b""
    with contextlib.suppress(OSError):
        while more := os.read(terminal, 4096):
            drawn += more
    return drawn


def test_on_a_terminal_the_bar_is_drawn_and_goes_again(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    try:
        with ThreadPoolExecutor() as pool:
            reading = pool.submit(read_to_the_end, ours)
            done = subprocess.run(
                [sys.executable, "-m", "patchstorm.cli", "run", "sequential", *REAL],
                cwd=tmp_path,
                env=plain_environment() | {"TERM": "xterm-256color", "COLUMNS": "80"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=theirs,
                check=False,
                timeout=120,
            )
            os.close(theirs)
            drawn = reading.result().decode()
    finally:
        os.close(ours)
    assert done.returncode == 0
    assert "0/1" in drawn and "sequential" in drawn
    assert drawn.endswith(("\x1b[2K", "\x1b[?25h")) or "\x1b[2K" in drawn[-40:]
    assert b"\x1b[" not in done.stdout
