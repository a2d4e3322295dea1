"""The table of planted bugs is in order, and the document tells the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from patchstorm.catalog.model import Bug
from patchstorm.catalog.table import BUGS, BY_NAME
from patchstorm.check import CHECKERS
from patchstorm.scenario.library import load
from patchstorm.target.registry import resolve

DOCUMENT = Path(__file__).parents[2] / "docs" / "bugs.md"
NAMES = {checker.name for checker in CHECKERS}

each_bug = pytest.mark.parametrize("bug", BUGS, ids=[bug.name for bug in BUGS])


def code(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(BUGS)


@each_bug
def test_a_bug_names_what_there_is(bug: Bug) -> None:
    assert [load(storm).name for storm in bug.storms] == list(bug.storms)
    assert resolve(f"bug:{bug.name}").name == f"bug:{bug.name}"
    assert bug.caught_by and {*bug.caught_by, *bug.also} <= NAMES
    assert not set(bug.caught_by) & set(bug.also)


@each_bug
def test_the_document_has_its_row(bug: Bug) -> None:
    row = (
        f"| `{bug.name}` | {bug.says} | {bug.stands_for} | {code(bug.storms)} | {code(bug.caught_by)}"
        f" | {code(bug.also)} |"
    )
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()

    assert row in lines
    assert (f"| `{bug.name}` | {bug.sim_only} |" in lines) == bool(bug.sim_only)


def test_the_document_has_no_other_rows() -> None:
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    rows = [line.split("`")[1] for line in lines if line.startswith("| `")]

    assert rows == [bug.name for bug in BUGS] + [bug.name for bug in BUGS if bug.sim_only]
