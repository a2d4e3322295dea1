"""docs/mutation.md: the commands it shows work, and the mutant it shows is one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip(
    "mutmut", reason="mutants are made by mutmut: pip install 'patchstorm[mutation]'"
)

ROOT = Path(__file__).parents[2]
PREFIX = "python -m benchmarks.mutation "
DOCUMENT = (ROOT / "docs" / "mutation.md").read_text(encoding="utf-8")
COMMANDS = [line.removeprefix(PREFIX) for line in DOCUMENT.splitlines() if line.startswith(PREFIX)]
SMALL = {
    "run": ["--modules", "cleanup", "--sample", "1", "--storms", "sequential", "--schedules", "1"],
    "report": ["--modules", "cleanup"],
    "show": [],
    "stale": [],
}


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_shown_command_works(command: str, tmp_path: Path) -> None:
    name, *arguments = command.split()
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.mutation", name, *arguments, "--out", str(tmp_path), *SMALL[name]],
        cwd=ROOT, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout or name == "stale"


def test_all_four_are_shown() -> None:
    assert {command.split()[0] for command in COMMANDS} == set(SMALL)
