"""The scenario layer is pure: no clock, no chance, no files, no sockets, but for the one library module."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import patchstorm.scenario

LAYER = Path(patchstorm.scenario.__file__).parent
IMPURE = {
    "os",
    "time",
    "random",
    "socket",
    "threading",
    "asyncio",
    "subprocess",
    "pathlib",
    "secrets",
}
MODULES = sorted(path.relative_to(LAYER).as_posix() for path in LAYER.rglob("*.py"))


def imported(module: str) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse((LAYER / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    return names


@pytest.mark.parametrize("module", [name for name in MODULES if name != "library.py"])
def test_a_module_of_the_layer_imports_nothing_impure(module: str) -> None:
    assert not imported(module) & IMPURE


def test_the_library_reads_files_and_no_more() -> None:
    assert imported("library.py") & IMPURE == {"pathlib"}
