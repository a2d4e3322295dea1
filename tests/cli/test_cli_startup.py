"""Start-up stays cheap: what a command does not need is not imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("aiohttp", "numpy", "rich.table", "jinja2", "patchstorm.live.run", "chunkstore.server")


def imported_by(*arguments: str) -> set[str]:
    """The modules that the command has imported when it is done."""
    code = (
        "import sys\n"
        "from patchstorm.cli import main\n"
        f"main({list(arguments)!r})\n"
        "sys.stderr.write('\\n'.join(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stderr.splitlines())


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["list", "scenarios"], ["list", "faults"]]
)
def test_help_and_lists_import_nothing_heavy(arguments: list[str]) -> None:
    assert imported_by(*arguments).isdisjoint(HEAVY)


def test_the_measure_works() -> None:
    assert "patchstorm.scenario.faults" in imported_by("list", "faults")
