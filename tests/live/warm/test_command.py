"""Which commands are understood as the start of a Python server."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from patchstorm.live.warm.command import PythonStart, python_start

PYTHON = sys.executable
TITLE = Path(PYTHON).name


def started(*command: str, **environment: str) -> PythonStart | None:
    return python_start(command, {"PATH": "/usr/bin:/bin", **environment})


def test_a_module_with_options_of_the_interpreter() -> None:
    start = started(PYTHON, "-I", "-W", "error", "-m", "server", "--port", "1")
    assert start == PythonStart(PYTHON, ("-I", "-W", "error"), "server", "", ("--port", "1"), TITLE)
    assert start.argv == (PYTHON, "-I", "-W", "error", "-m", "server", "--port", "1")


def test_a_script_that_names_its_interpreter(tmp_path: Path) -> None:
    script = tmp_path / "serve"
    script.write_text(f"#!{PYTHON} -s\npass\n")
    script.chmod(0o755)
    start = started(str(script), "x")
    assert start == PythonStart(PYTHON, ("-s",), "", str(script), ("x",), "serve")


@pytest.mark.parametrize(
    "words", [["-c", "pass"], ["-X", "dev", "-m", "a"], ["-"], [], ["-m"], ["nowhere.py"], ["-i", "-m", "a"]]
)  # fmt: skip
def test_what_else_an_interpreter_can_be_asked_is_not(words: list[str]) -> None:
    assert started(PYTHON, *words) is None


@pytest.mark.parametrize("first", ["#!/bin/sh", "#!/usr/bin/env python3", "import this"])
def test_programs_that_are_no_python_or_look_for_one_are_not(first: str, tmp_path: Path) -> None:
    script = tmp_path / "serve"
    script.write_text(f"{first}\n")
    script.chmod(0o755)
    assert started(str(script)) is None
    assert started("/bin/sh", "-c", "true") is None
    assert started("no-such-program") is None


def test_an_interpreter_that_is_asked_to_watch_itself_is_not() -> None:
    assert started(PYTHON, "-m", "a", PYTHONHASHSEED="1") is not None
    assert started(PYTHON, "-m", "a", PYTHONTRACEMALLOC="1") is None
