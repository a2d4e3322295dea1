"""The GitLab template: its job is one that GitLab takes, and its script runs as a runner runs it."""

from __future__ import annotations

import json
import os
import site
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest
import yaml

TOP = Path(__file__).resolve().parents[2]
FILE = TOP / "ci" / "gitlab-ci.yml"
JOBS: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
KEYWORDS = {
    "image", "timeout", "variables", "script", "artifacts", "parallel", "rules", "needs", "stage",
}  # fmt: skip
SMALL = "--world sim --schedules 1 --jobs 1 --no-corpus"


@dataclass(frozen=True)
class Ran:
    code: int
    said: str
    work: Path

    @property
    def storms(self) -> list[str]:
        """Those of which the merge request shows a verdict."""
        root = Xml.parse(self.work / JOB["artifacts"]["reports"]["junit"]).getroot()
        return [one.attrib["name"].partition("[")[0] for one in root[0]]


(JOB,) = JOBS.values()


def act(folder: Path, wheel: Path, **variables: str) -> Ran:
    """Run the script in one shell, which ends at the first line that fails; variables given win."""
    (work := folder / "work").mkdir()
    (work / "Makefile").write_text("my-server:\n\t@echo built\n")
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(folder / "image")], check=True
    )
    given = {**JOB["variables"], "PATCHSTORM": str(wheel), **variables}
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CI_")}
    environment = {
        **clean,
        "PIP_NO_DEPS": "1",  # they are here already
        "PIP_IGNORE_INSTALLED": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PYTHONPATH": os.pathsep.join(site.getsitepackages()),
        "PATH": f"{folder / 'image' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        **given,
    }
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", "\n".join(JOB["script"])],
        cwd=work, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return Ran(code=done.returncode, said=done.stdout + done.stderr, work=work)


def test_it_is_one_job_of_known_keywords_whose_variables_are_all_used() -> None:
    assert JOB.keys() <= KEYWORDS
    assert all(isinstance(line, str) for line in JOB["script"]), "a colon makes a line a table"
    script = "\n".join(JOB["script"])
    assert all(f"${name}" in script for name in JOB["variables"])
    assert JOB["artifacts"]["when"] == "always", "what failed is to be looked at"
    for kept in (*JOB["artifacts"]["paths"], JOB["artifacts"]["reports"]["junit"]):
        assert kept in script


@pytest.mark.slow
def test_a_safe_server_passes_with_verdicts_and_a_badge(tmp_path: Path, wheel: Path) -> None:
    ran = act(tmp_path, wheel, TARGET="reference", OPTIONS=f"sequential replaying {SMALL}")
    assert ran.code == 0, ran.said
    assert ran.storms == ["sequential", "replaying"]
    badge = json.loads((ran.work / "patchstorm-badge.json").read_text())
    assert badge["message"] == "2 safe"


@pytest.mark.slow
def test_a_wrong_server_fails_the_job_and_what_is_kept_is_there(
    tmp_path: Path, wheel: Path
) -> None:
    ran = act(tmp_path, wheel, TARGET="bug:chunks-left", OPTIONS=f"sequential {SMALL}")
    assert ran.code == 1, ran.said
    assert all((ran.work / path).exists() for path in JOB["artifacts"]["paths"])
    assert list((ran.work / "storm-runs").rglob("failure.json"))


@pytest.mark.slow
def test_parallel_jobs_share_the_storms(tmp_path: Path, wheel: Path) -> None:
    shares = []
    for index in ("1", "2"):
        (folder := tmp_path / index).mkdir()
        asked = f"sequential replaying {SMALL}"
        ran = act(
            folder, wheel, TARGET="reference", OPTIONS=asked, CI_NODE_INDEX=index, CI_NODE_TOTAL="2"
        )
        assert ran.code == 0, ran.said
        shares += ran.storms
    assert sorted(shares) == ["replaying", "sequential"]


@pytest.mark.slow
def test_a_target_that_is_not_there_ends_the_job_before_anything_storms(
    tmp_path: Path, wheel: Path
) -> None:
    ran = act(tmp_path, wheel, TARGET="nobody.toml")
    assert ran.code == 2 and "nobody.toml" in ran.said
    assert not (ran.work / "patchstorm.xml").exists()
