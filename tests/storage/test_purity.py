"""The model touches no machine and draws no chance of its own."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import patchstorm.storage

PACKAGE = Path(patchstorm.storage.__file__).parent
FORBIDDEN = {"os", "time", "random", "socket", "threading", "fcntl", "secrets", "uuid", "datetime"}


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def test_no_module_imports_the_machine() -> None:
    modules = list(PACKAGE.rglob("*.py"))
    assert len(modules) > 30
    for module in modules:
        assert not _imports(module) & FORBIDDEN, module.name


def test_no_module_uses_hash_or_id() -> None:
    for module in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("hash", "id"), module.name


SCRIPT = """
from patchstorm.storage.litmus.catalogue import PROGRAMS
from patchstorm.storage.litmus.runner import run_model
for name in ("replaced", "rename-gap", "power-append", "counter-by-rename"):
    program = PROGRAMS[name]
    for flavour in program.runs_on[:8]:
        for outcome, story in run_model(program, flavour).outcomes.values():
            print(name, flavour, outcome, story)
"""


def test_exploration_does_not_depend_on_the_hash_seed() -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4711")
    }
    assert len(outputs) == 1
    assert "nfs.name" in outputs.pop()
