"""The composite GitHub Action: its steps run as GitHub runs them, each in a shell, with the inputs given."""

from __future__ import annotations

import os
import re
import site
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

TOP = Path(__file__).resolve().parents[2]
FILE = TOP / "ci" / "action" / "action.yml"
ACTION = yaml.safe_load(FILE.read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]


@dataclass(frozen=True)
class Ran:
    code: int
    said: str
    summary: str
    outputs: dict[str, str]


def filled(text: str, known: dict[str, str]) -> str:
    """``text`` with its expressions replaced; KeyError for one that GitHub would not know here."""
    return re.sub(r"\$\{\{ *([\w.-]+) *\}\}", lambda match: known[match[1]], text)


def act(folder: Path, wheel: Path, **inputs: str) -> Ran:
    """Run the shell steps in order, as far as they succeed."""
    given = {name: row.get("default", "") for name, row in ACTION["inputs"].items()}
    given |= {"package": str(wheel), "python": sys.executable, **inputs}
    known = {f"inputs.{name}": value for name, value in given.items()}
    known |= {"github.action_path": str(FILE.parent), "runner.temp": str(folder / "temp")}
    output, summary = folder / "output", folder / "summary"
    (work := folder / "work").mkdir()
    code, said = 0, ""
    for step in STEPS:
        if "run" not in step or code:
            continue
        environment = {
            **os.environ,
            "PIP_NO_DEPS": "1",  # they are here already
            "PIP_IGNORE_INSTALLED": "1",  # and so may Patchstorm be, without its command in this environment
            "PYTHONPATH": os.pathsep.join(site.getsitepackages()),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(summary),
            **{name: filled(value, known) for name, value in step["env"].items()},
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]],
            cwd=work, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        code, said = done.returncode, said + done.stdout + done.stderr
    told = output.read_text() if output.exists() else ""
    return Ran(
        code=code,
        said=said,
        summary=summary.read_text() if summary.exists() else "",
        outputs=dict(line.split("=", 1) for line in told.splitlines()),
    )


def test_it_is_a_composite_action_whose_expressions_all_mean_something() -> None:
    assert ACTION["runs"]["using"] == "composite"
    assert all(step.get("shell") == "bash" for step in STEPS if "run" in step)
    text = FILE.read_text(encoding="utf-8")
    used = set(re.findall(r"inputs\.([\w-]+)", text))
    assert used == set(ACTION["inputs"])
    assert all("${{" not in step.get("run", "") for step in STEPS), "inputs are data, never code"


@pytest.mark.slow
def test_a_safe_server_passes_and_the_summary_says_so(tmp_path: Path, wheel: Path) -> None:
    ran = act(
        tmp_path, wheel, target="reference", scenarios="sequential replaying", world="sim",
        options="--schedules=1\n--jobs=1",
    )  # fmt: skip
    assert (ran.code, ran.outputs) == (0, {"verdict": "safe"}), ran.said
    assert "Patchstorm: 2 safe" in ran.summary
    assert (tmp_path / "work" / "patchstorm.xml").is_file()


@pytest.mark.slow
def test_a_wrong_server_fails_the_job_and_its_failure_is_kept(tmp_path: Path, wheel: Path) -> None:
    ran = act(
        tmp_path, wheel, target="bug:chunks-left", scenarios="sequential", world="sim",
        options="--schedules=1", out="found here",
    )  # fmt: skip
    assert (ran.code, ran.outputs) == (1, {"verdict": "violated"}), ran.said
    assert list((tmp_path / "work" / "found here").rglob("failure.json"))


@pytest.mark.slow
def test_what_was_asked_wrongly_is_an_error_and_no_input_is_code(
    tmp_path: Path, wheel: Path
) -> None:
    ran = act(tmp_path, wheel, target="$(touch oops)", scenarios="sequential", world="sim")
    assert (ran.code, ran.outputs) == (2, {"verdict": "error"}), ran.said
    assert not (tmp_path / "work" / "oops").exists()
