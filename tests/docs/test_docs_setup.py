"""The README's two set-up commands are single lines, and CI runs the second one as it stands."""

from __future__ import annotations

import os
import re
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
SET_UP = [
    line
    for line in (TOP / "README.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("python3 -m venv ")
]


def test_there_are_two_commands_and_each_makes_its_own_environment() -> None:
    main, tests = SET_UP
    shape = r"python3 -m venv \.venv && \.venv/bin/pip install -q {what} && \.venv/bin/{then}"
    assert re.fullmatch(shape.format(what=r"\.", then="patchstorm run"), main)
    assert re.fullmatch(shape.format(what=r"'\.\[dev\]'", then=r"pytest -q -n \d+"), tests)


def test_ci_takes_the_test_command_from_the_readme() -> None:
    script = TOP / ".ci" / "run"
    assert os.access(script, os.X_OK)
    pattern = re.search(r'grep -E "(.*)" README.md', script.read_text(encoding="utf-8"))
    assert pattern is not None
    assert [line for line in SET_UP if re.search(pattern[1], line)] == [SET_UP[1]]
