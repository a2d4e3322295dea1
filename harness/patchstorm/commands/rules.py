"""The rules and cases of conformance as Markdown tables: what ``docs/conformance.md`` shows.

python -m patchstorm.commands.rules <docs/conformance.md >new     copies it with fresh tables
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from patchstorm.commands.tables import Tables, rewritten, table
from patchstorm.dialect.tus.conformance import CASES, RULES, Case


def rules() -> str:
    rows = ((f"`{rule.name}`", rule.level, rule.section, rule.says) for rule in RULES.values())
    return table(("rule", "level", "section", "what is demanded"), rows)


def cases() -> str:
    rows = (
        (f"`{case.name}`", case.says, ", ".join(_for_whom(case)), " ".join(_tried(case)))
        for case in CASES.values()
    )
    return table(("case", "what is asked", "of whom", "rules"), rows)


def _for_whom(case: Case) -> Iterator[str]:
    yield from (name for name in case.needs if name != "creation")
    yield from (f"without {name}" for name in case.lacks)
    if case.reading == "sequential":
        yield "sequential"
    if case.lifetime:
        yield "with a lifetime"


def _tried(case: Case) -> list[str]:
    names = (expect.rule.name for step in case.steps for expect in step.expects)
    return [f"`{name}`" for name in dict.fromkeys(names)]


TABLES: Tables = {"rules": rules, "cases": cases}


if __name__ == "__main__":
    sys.stdout.write(rewritten(sys.stdin.read(), TABLES))
