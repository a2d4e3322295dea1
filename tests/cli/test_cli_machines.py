"""Machines that lack what Linux has, stores that end the program, debuggers that are quit: no verdict."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cli_fakes import plain_environment

from patchstorm.cli import main
from sampled import one_in

MAIN = "import sys; from patchstorm.cli import main; sys.exit(main())"


def ended(folder: Path, before: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in a process in which ``before`` was run first."""
    return subprocess.run(
        [sys.executable, "-c", f"{before}\n{MAIN}", *arguments], cwd=folder, env=plain_environment(),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_a_system_that_cannot_tell_its_free_cores_runs_as_any_other(tmp_path: Path) -> None:
    lacking = "import os; del os.sched_getaffinity"
    done = ended(tmp_path, lacking, "run", "sequential", "--world", "sim", "--schedules", "1")
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr


@pytest.mark.parametrize("module", ["fcntl"])
def test_a_system_that_is_not_linux_is_told_so(module: str, tmp_path: Path) -> None:
    lacking = f"import sys; sys.modules[{module!r}] = None"
    done = ended(tmp_path, lacking, "run", "sequential", "--world", "processes")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"patchstorm: Linux is needed: this Python has no module `{module}`"
    ]


@pytest.mark.parametrize(
    ("raising", "said"),
    one_in(
        3,
        [
            ("import bdb; raise bdb.BdbQuit", "not finished (a debugger was quit)"),
            ("raise SystemExit(1)", "the store ended the program"),
            ("raise SystemExit(0)", "the store ended the program"),
        ],
    ),
    ids=["debugger", "exit 1", "exit 0"],
)
def test_a_replay_that_is_not_finished_says_neither_fixed_nor_violated(
    raising: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = (
        "explore",
        "sequential",
        "--target",
        "bug:chunks-left",
        "--jobs",
        "1",
        "--schedules",
        "6",
    )
    assert main([*found, "--out", str(tmp_path)]) == 1
    capsys.readouterr()
    (failure,) = tmp_path.glob("*/failure.json")
    stop = f"""
from chunkstore import store
def begin(*given, **named):
    {raising}
store.Store.begin = begin
from chunkstore import variants
for one in variants.VARIANTS.values():
    one.begin = begin
"""
    done = ended(tmp_path, stop, "replay", str(failure))
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in done.stderr.splitlines()[-1]
    assert done.stdout == ""
