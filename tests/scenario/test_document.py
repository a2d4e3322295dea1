"""docs/scenarios.md says what the registries say, and its example is a storm."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from patchstorm.commands.tables import TABLES, rewritten
from patchstorm.scenario.faults import FAULTS
from patchstorm.scenario.schema import parse
from patchstorm.scenario.words import CAPABILITIES, PHASES
from patchstorm.scenario.workloads import WORKLOADS
from patchstorm.target import vocabulary

REMEDY = "run: python -m patchstorm.commands.tables <docs/scenarios.md >new"
DOCUMENT = Path(__file__).parents[2] / "docs" / "scenarios.md"


def text() -> str:
    if not DOCUMENT.exists():
        pytest.skip("the documentation is not part of this installation")
    return DOCUMENT.read_text(encoding="utf-8")


def test_the_tables_are_those_of_the_registries() -> None:
    assert rewritten(text()) == text(), REMEDY


def test_a_table_that_has_drifted_is_noticed() -> None:
    drifted = text().replace("| `crash` |", "| `crush` |", 1)

    assert rewritten(drifted) == text() != drifted


def test_every_table_is_shown() -> None:
    assert set(re.findall(r"<!-- table: ([a-z-]+) -->", text())) == set(TABLES)


def test_every_fault_and_workload_is_named() -> None:
    for name in (*FAULTS, *WORKLOADS):
        assert f"| `{name}` |" in text()


def test_the_example_is_a_storm() -> None:
    example = re.search(r"```toml\n(.*?)```", text(), re.DOTALL)
    assert example is not None

    assert parse(example[1], name="example", file="docs/scenarios.md").faults[0].kind == "crash"


def test_targets_and_scenarios_use_the_same_words() -> None:
    assert vocabulary.CAPABILITIES == CAPABILITIES
    assert vocabulary.PHASES == PHASES
