"""Start-up stays cheap: what a command does not need is not imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("aiohttp", "numpy", "rich.table", "jinja2", "patchstorm.live.run", "chunkstore.server")


def imported_by(*arguments: str) -> set[str]:
    """The modules that the command has imported when it is done."""
    return modules_of(f"from patchstorm.cli import main\nmain({list(arguments)!r})\n")


def modules_of(code: str) -> set[str]:
    """The modules that a program has imported when it is done."""
    code += "import sys\nsys.stderr.write('\\n'.join(sys.modules))\n"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stderr.splitlines())


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["list", "scenarios"], ["list", "faults"]]
)
def test_help_and_lists_import_nothing_heavy(arguments: list[str]) -> None:
    assert imported_by(*arguments).isdisjoint(HEAVY)


def test_who_only_hands_a_search_to_its_workers_makes_no_payload(tmp_path: Path) -> None:
    found = imported_by(
        "run", "sequential", "--world", "sim", "--schedules", "1", "--out", str(tmp_path)
    )
    assert "patchstorm.scenario.payload" in found
    assert "numpy" not in found


def test_the_measure_works() -> None:
    assert "patchstorm.scenario.faults" in imported_by("list", "faults")


def test_a_search_in_the_simulator_imports_nothing_of_real_servers() -> None:
    found = modules_of(
        "from patchstorm import api\n"
        "api.explore('sequential', 'reference', schedules=1, jobs=1, shrinks=False)\n"
    )
    assert "patchstorm.worlds.sim.run" in found
    assert not {name for name in found if name.startswith("patchstorm.live.")}
    assert "numpy" in found
    others = {name for name in found if name.startswith("patchstorm.worlds.")}
    others -= {name for name in others if name.startswith("patchstorm.worlds.sim")}
    assert others == {"patchstorm.worlds.base", "patchstorm.worlds.registry"}
