"""The public face is what its document says, every example runs, and who may use nothing else does not."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from patchstorm import api

TOP = Path(__file__).resolve().parents[2]
DOCUMENT = (TOP / "docs" / "api.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)


@pytest.mark.slow
def test_the_examples_run_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in BLOCKS:
        exec(compile(block, "docs/api.md", "exec"), names)
    told = capsys.readouterr().out
    assert "replaying against reference:append in sim, seed 1: violated" in told
    assert told.rstrip().splitlines()[-1].startswith("patchstorm replay ")


def test_the_document_names_all_that_is_promised_and_nothing_else() -> None:
    named = set(re.findall(r"`([A-Za-z_]+)(?:\([a-z, ]*\))?`", DOCUMENT))
    used = set(re.findall(r"\bapi\.([A-Za-z_]+)", "\n".join(BLOCKS)))
    assert used <= set(api.__all__)
    assert not set(api.__all__) - named
    assert {name for name in api.__all__ if inspect.isfunction(getattr(api, name))} <= used | {
        "scenarios"
    }


@pytest.mark.parametrize("name", api.__all__)
def test_every_name_is_documented_and_typed(name: str) -> None:
    thing = getattr(api, name)
    if inspect.isfunction(thing):
        assert thing.__doc__
        signature = inspect.signature(thing)
        assert signature.return_annotation is not inspect.Signature.empty
        for parameter in signature.parameters.values():
            assert parameter.annotation is not inspect.Parameter.empty, parameter.name
    elif inspect.isclass(thing):
        assert thing.__doc__


def imported(text: str) -> set[str]:
    """The modules of patchstorm that Python source imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("patchstorm"):
            module = node.module or ""
            found |= (
                {f"{module}.{one.name}" for one in node.names}
                if module == "patchstorm"
                else {module}
            )
        elif isinstance(node, ast.Import):
            found |= {one.name for one in node.names if one.name.startswith("patchstorm")}
    return found


def test_the_plugin_and_the_document_for_store_authors_use_nothing_else() -> None:
    modules = sorted((TOP / "harness" / "patchstorm" / "pytest_plugin").glob("*.py"))
    plugin = {name for one in modules for name in imported(one.read_text(encoding="utf-8"))}
    adapting = (TOP / "docs" / "adapting-a-store.md").read_text(encoding="utf-8")
    own = {name for name in plugin if name.startswith("patchstorm.pytest_plugin")}
    assert plugin - own == {"patchstorm.api"}
    blocks = re.findall(r"```python\n(.*?)```", adapting, re.DOTALL)
    assert imported("\n".join(blocks)) == {"patchstorm.api"}
    assert set(re.findall(r"`(patchstorm\.[\w.]+)`", adapting)) <= {"patchstorm.api"}
