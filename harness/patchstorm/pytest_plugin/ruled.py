"""Each rule of a protocol that a storm put, as a case of pytest's own JUnit report.

What rules a storm puts is known when it has run, and each storm runs once, wherever pytest-xdist has it run:
so rules are no tests, which pytest would count, select and order. They travel with the report of the storm's
test to the process that writes the XML, and are told to the one that does so and to nobody else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal, TypeGuard

import msgspec
import pytest

from patchstorm.api import Ruled, explain_rule

_CARRIED: Final = "patchstorm_rules"
"""The attribute of a test's report. pytest-xdist carries attributes that are plain data."""
_WRITER: Final = "_pytest.junitxml"


def carry(rules: tuple[Ruled, ...], report: pytest.TestReport) -> None:
    """Let the report of a test take the rules along that its storm put; a fixture storms before the call."""
    if report.when == "call" or (report.when == "setup" and not report.passed):
        setattr(report, _CARRIED, msgspec.to_builtins(rules))


def tell(config: pytest.Config, report: pytest.TestReport) -> None:
    """Have every rule that ``report`` brings written down, where a JUnit report is asked for."""
    carried = getattr(report, _CARRIED, None)
    if not carried:
        return
    writers = [one for one in config.pluginmanager.get_plugins() if _writes(one)]
    for rule in msgspec.convert(carried, tuple[Ruled, ...]):
        for one in _reports(report.nodeid, rule):
            for writer in writers:
                writer.pytest_runtest_logreport(one)


def _writes(plugin: object) -> TypeGuard[Any]:
    """Whether it is what ``--junitxml`` registers, whose hook is the only way in that it offers."""
    return type(plugin).__module__ == _WRITER and hasattr(plugin, "pytest_runtest_logreport")


def _reports(storm: str, rule: Ruled) -> Iterator[pytest.TestReport]:
    """As of a test that ran: what came of it, and its end, which is when it is written."""
    yield _report(storm, rule, "call")
    yield _report(storm, rule, "teardown")


def _report(storm: str, rule: Ruled, when: Literal["call", "teardown"]) -> pytest.TestReport:
    test, bracket, parameters = storm.partition("[")  # which the writer wants to stand last
    fails = rule.violated and when == "call"
    told = explain_rule(rule)
    properties = [
        ("level", rule.level),
        ("section", rule.section),
        ("case", rule.case),
        ("held", "yes" if rule.held else "no"),
    ]
    if not rule.held and not rule.violated:
        properties.append(
            ("remark", told)
        )  # what tests print is left out unless pytest is told otherwise
    return pytest.TestReport(
        nodeid=f"{test}::{rule.rule}{bracket}{parameters}",
        location=("", None, rule.rule),
        keywords={},
        outcome="failed" if fails else "passed",
        longrepr=told if fails else None,
        when=when,
        duration=0,
        start=0,
        stop=0,
        user_properties=properties,
    )
