"""Every command of the track record finds what its row tells, and names a thread where it was reported."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from patchstorm.cli import main

DOCUMENT = Path(__file__).parents[2] / "docs" / "track-record.md"
ROWS = re.findall(r"^\| (.+) \| (.+) \| `patchstorm (.+)` \|$", DOCUMENT.read_text("utf-8"), re.M)


def test_there_are_rows() -> None:
    assert len(ROWS) >= 10
    assert all(re.fullmatch(r"[\w.-]+/[\w.-]+#\d+", thread) for _, thread, _ in ROWS)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(command, marks=pytest.mark.slow if number else [])
        for number, (_, _, command) in enumerate(ROWS)
    ],
)
def test_the_command_ends_with_a_violation_and_how_to_replay_it(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main([*shlex.split(command), "--jobs", "1"]) == 1

    assert capsys.readouterr().out.splitlines()[-1].startswith("patchstorm replay ")
