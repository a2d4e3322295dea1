"""docs/conformance.md says what the rules and cases say, and its example is a storm."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from patchstorm.commands.rules import tables
from patchstorm.commands.tables import rewritten
from patchstorm.dialect.tus.conformance import CASES, RULES
from patchstorm.scenario.schema import parse
from patchstorm.scenario.workloads.conformance import chapters

DOCUMENT = Path(__file__).parents[2] / "docs" / "conformance.md"
REMEDY = "run: python -m patchstorm.commands.rules <docs/conformance.md >new"


def text() -> str:
    if not DOCUMENT.exists():
        pytest.skip("the documentation is not part of this installation")
    return DOCUMENT.read_text(encoding="utf-8")


def test_the_tables_are_those_of_the_code() -> None:
    assert rewritten(text(), tables()) == text(), REMEDY


@pytest.mark.parametrize("name", RULES)
def test_a_rule_that_has_drifted_is_noticed(name: str) -> None:
    rule = RULES[name]
    drifted = text().replace(f"| `{name}` | {rule.level} | {rule.section} |", "| `?` | ? | ? |")

    assert drifted != text()
    assert rewritten(drifted, tables()) == text()


def test_every_rule_and_case_is_in_its_table() -> None:
    rows = re.findall(r"^\| `([a-z0-9.-]+)` \|", text(), re.MULTILINE)

    assert {*RULES, *CASES} <= set(rows)


def test_the_example_is_a_storm() -> None:
    example = re.search(r"```toml\n(.*?)```", text(), re.DOTALL)
    assert example is not None
    storm = parse(example[1], name="strict", file="docs/conformance.md")

    assert storm.clients[0].options["strict"].values == (True,)


def test_every_chapter_can_be_asked_for_and_is_documented() -> None:
    named = {case.chapter for case in CASES.values()}

    assert {"all", *named} == set(chapters())
    assert all(f"`{chapter}`" in text() for chapter in named)
