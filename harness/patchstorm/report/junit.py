"""A report as JUnit XML, which every CI system reads.

One test suite per target and world, one test case per storm. A violation is a failure, unknown is
an error, and a skipped storm is skipped with its reason. Of a storm that puts the rules of a protocol, each
rule is a case as well, in a suite of the storm's own, so that the numbers of storms stay what they are. The
schema is the one that CI systems have agreed on in practice; there is no standard.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from xml.etree import ElementTree as Xml

from patchstorm.check.model import Ruled
from patchstorm.legible import legible
from patchstorm.report.model import Report, RunReport
from patchstorm.report.story import headline, rate, remark, story

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(report: Report, path: Path) -> None:
    """Write ``report`` to ``path``; OSError if that cannot be done."""
    root = Xml.Element("testsuites", name="patchstorm")
    runs = sorted(report.runs, key=_suite_of)
    for suite, members in groupby(runs, key=_suite_of):
        ran = list(members)
        root.append(_suite(suite, ran))
        root.extend(_rules(f"{suite}.{run.scenario}", run) for run in ran if run.rules)
    Xml.indent(root)
    path.write_bytes(Xml.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")


def _suite_of(run: RunReport) -> str:
    return f"patchstorm.{run.world}.{run.target}"


def _suite(name: str, runs: Sequence[RunReport]) -> Xml.Element:
    suite = Xml.Element(
        "testsuite",
        name=_clean(name),
        tests=str(len(runs)),
        failures=str(sum(run.verdict == "violated" for run in runs)),
        errors=str(sum(run.verdict == "unknown" for run in runs)),
        skipped=str(sum(run.verdict is None for run in runs)),
        time=_seconds(sum(run.seconds for run in runs)),
    )
    suite.extend(_case(name, run) for run in runs)
    return suite


def _case(suite: str, run: RunReport) -> Xml.Element:
    case = Xml.Element(
        "testcase",
        classname=_clean(suite),
        name=_clean(f"{run.scenario}[seed={run.seed}]"),
        time=_seconds(run.seconds),
    )
    properties = _properties(run)
    if properties:
        within = Xml.SubElement(case, "properties")
        for key, value in properties:
            Xml.SubElement(within, "property", name=key, value=_clean(value))
    if run.verdict is None:
        Xml.SubElement(case, "skipped", message=_clean(remark(run)))
    elif run.verdict == "violated":
        failure = Xml.SubElement(case, "failure", type="violated", message=_clean(remark(run)))
        failure.text = _clean("\n".join([headline(run), *story(run)]))
    elif run.verdict == "unknown":
        error = Xml.SubElement(case, "error", type="unknown", message=_clean(remark(run)))
        error.text = _clean(f"{headline(run)}\n{remark(run)}")
    return case


def _rules(name: str, run: RunReport) -> Xml.Element:
    suite = Xml.Element(
        "testsuite",
        name=_clean(name),
        tests=str(len(run.rules)),
        failures=str(sum(rule.violated for rule in run.rules)),
        errors="0",
        skipped="0",
        time=_seconds(0),  # the storm's own case has the time
    )
    suite.extend(_rule(name, rule) for rule in run.rules)
    return suite


def _rule(suite: str, rule: Ruled) -> Xml.Element:
    """A wish that did not hold is no failure, as it is none of the storm: its text tells of it."""
    case = Xml.Element("testcase", classname=_clean(suite), name=rule.rule, time=_seconds(0))
    within = Xml.SubElement(case, "properties")
    for key, value in _of_rule(rule):
        Xml.SubElement(within, "property", name=key, value=_clean(value))
    if rule.violated:
        message = _clean(f"{rule.level}: {rule.says}")
        failure = Xml.SubElement(case, "failure", type=rule.level, message=message)
        failure.text = _clean("\n".join(exchange(rule)))
    elif not rule.held:
        Xml.SubElement(case, "system-out").text = _clean("\n".join(exchange(rule)))
    return case


def _of_rule(rule: Ruled) -> list[tuple[str, str]]:
    """What a rule's case says of it, whatever came of it."""
    held = "yes" if rule.held else "no"
    return [
        ("level", rule.level), ("section", rule.section), ("case", rule.case), ("held", held),
    ]  # fmt: skip


def exchange(rule: Ruled) -> list[str]:
    """A rule, what was asked and answered, and whether it held, in lines."""
    came = "held" if rule.held else f"not held: {rule.complaint}"
    return [
        f"{rule.rule} ({rule.level}): {rule.says}",
        f"section: {rule.section}",
        f"case: {rule.case}",
        f"request: {rule.request}",
        f"answer: {rule.answer}",
        came,
    ]


def _properties(run: RunReport) -> list[tuple[str, str]]:
    """What bears on the verdict and is none: smaller sizes, and how often a violation came again."""
    properties = [("scaled", line) for line in run.scaled]
    if run.rate is not None:
        properties.append(("rate", rate(run.rate)))
    return properties


def _clean(text: str) -> str:
    """``text``, legible, and without characters that XML 1.0 (section 2.2) has no place for."""
    return _NOT_XML.sub("?", legible(text))


def _seconds(value: float) -> str:
    return f"{value:.3f}"
