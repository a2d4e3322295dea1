"""The conformance rules and cases of a dialect as Markdown tables: what ``docs/conformance.md`` shows of tus.

python -m patchstorm.commands.rules [DIALECT] <docs/conformance.md >new     copies it with fresh tables
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial

from patchstorm.commands.tables import Tables, rewritten, table
from patchstorm.dialect.cases.model import Case
from patchstorm.dialect.cases.suite import Suite
from patchstorm.dialect.registry import dialect_of
from patchstorm.errors import UsageError

USUAL = "tus"


def tables(dialect: str = USUAL) -> Tables:
    """The tables of one dialect. Raises UsageError for one that nobody knows, or that brings no cases."""
    suite = dialect_of(dialect).suite
    if suite is None:
        raise UsageError(f"dialect {dialect}: it brings no conformance cases")
    return {"rules": partial(rules, suite), "cases": partial(cases, suite)}


def rules(suite: Suite) -> str:
    rows = (
        (f"`{rule.name}`", rule.level, rule.section, rule.says) for rule in suite.rules.values()
    )
    return table(("rule", "level", "section", "what is demanded"), rows)


def cases(suite: Suite) -> str:
    rows = (
        (f"`{case.name}`", case.says, ", ".join(_for_whom(case)), " ".join(_tried(case)))
        for case in suite.cases.values()
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


if __name__ == "__main__":
    try:
        sys.stdout.write(rewritten(sys.stdin.read(), tables(*sys.argv[1:2])))
    except UsageError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
