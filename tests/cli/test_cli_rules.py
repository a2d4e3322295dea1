"""``--junit``: each rule of the protocol that a storm put is a case of its own, beside the storms'."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from patchstorm.check.model import Ruled
from patchstorm.cli import main
from patchstorm.report.junit import write_junit
from patchstorm.report.model import Report, RunReport

CORE = """
title = "the core of tus, asked"
why   = "a test"
[[upload]]
size = "1KiB"
[[client]]
kind    = "conformance"
chapter = "core"
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a storm of its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "core.toml").write_text(CORE)
    return tmp_path


def suites(file: str = "junit.xml") -> dict[str, Xml.Element]:
    return {one.attrib["name"]: one for one in Xml.parse(file).getroot().iter("testsuite")}


def properties(case: Xml.Element) -> dict[str, str]:
    return {one.attrib["name"]: one.attrib["value"] for one in case.iter("property")}


def failed(suite: Xml.Element) -> list[str]:
    return [case.attrib["name"] for case in suite if case.find("failure") is not None]


def ran(target: str, verdict: int) -> tuple[Xml.Element, Xml.Element]:
    """The suite of storms, and that of the rules of the only one."""
    asked = ("core.toml", "--target", target, "--world", "sim", "--schedules", "1", "--jobs", "1")
    assert main(["run", *asked, "--junit", "junit.xml", "--no-corpus", "--json"]) == verdict
    storms, rules = suites().values()
    assert rules.attrib["name"] == f"{storms.attrib['name']}.core"
    assert [case.attrib["name"] for case in storms] == ["core[seed=1]"]
    return storms, rules


def test_a_broken_must_fails_with_its_section_and_the_exchange(
    capsys: pytest.CaptureFixture[str],
) -> None:
    storms, rules = ran("bug:head-cacheable", 1)
    report = json.loads(capsys.readouterr().out)
    assert failed(storms) == ["core[seed=1]"] and failed(rules) == ["head.no-store"]
    assert rules.attrib["tests"] == str(len(rules)) == str(len(report["runs"][0]["rules"]))
    assert rules.attrib["failures"] == "1"
    (case,) = (one for one in rules if one.attrib["name"] == "head.no-store")
    told = properties(case)
    assert (told["level"], told["section"], told["held"]) == (
        "must", "tus 1.0.0, Requests, HEAD", "no",
    )  # fmt: skip
    failure = case.find("failure")
    assert failure is not None and failure.text is not None and failure.attrib["type"] == "must"
    lines = failure.text.splitlines()
    assert lines[0].startswith("head.no-store (must): ")
    assert any(line.startswith("request: HEAD ") for line in lines)
    assert any(line.startswith("answer: 200; ") for line in lines)
    assert lines[-1] == "not held: was answered 200 without Cache-Control"


def test_a_server_that_keeps_every_rule_has_a_passed_case_for_each() -> None:
    storms, rules = ran("reference", 0)
    assert failed(storms) == failed(rules) == [] and len(rules) > 20
    assert {properties(case)["held"] for case in rules} == {"yes"}
    assert {properties(case)["level"] for case in rules} >= {"must", "should"}


def test_a_history_that_is_judged_again_has_the_same_cases(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, rules = ran("bug:head-cacheable", 1)
    (history,) = here.rglob("history.jsonl")
    assert main(["check", str(history), "--junit", "again.xml", "--json"]) == 1
    _, again = suites("again.xml").values()
    assert failed(again) == failed(rules)
    assert [case.attrib["name"] for case in again] == [case.attrib["name"] for case in rules]
    capsys.readouterr()
    assert main(["check", str(history), "--junit", "nowhere/again.xml"]) == 2
    assert "--junit nowhere/again.xml: cannot be written" in capsys.readouterr().err


def wished(*, level: str, strict: bool) -> Ruled:
    return Ruled(
        rule="patch.content-type", level=level, section="tus 1.0.0, PATCH", says="is answered 415",
        held=False, case="patch-type", request="PATCH a; content-type: \x1b[2J<b>", answer="400",
        complaint="was answered 400", strict=strict,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("level", "strict", "fails"),
    [
        ("must", False, True),
        ("should", True, True),
        ("should", False, False),
        ("open", False, False),
        ("open", True, False),
    ],
)
def test_what_is_a_remark_to_the_storm_is_none_to_its_rule(
    level: str, strict: bool, fails: bool
) -> None:
    run = RunReport(
        scenario="core", target="t", world="sim", seed=1, verdict="violated" if fails else "safe",
        rules=(wished(level=level, strict=strict),),
    )  # fmt: skip
    write_junit(Report(verdict="safe", runs=(run,)), Path("junit.xml"))
    rules = suites()["patchstorm.sim.t.core"]
    assert failed(rules) == (["patch.content-type"] if fails else [])
    assert rules.attrib["failures"] == str(int(fails))
    told = "".join(rules[0].itertext())
    assert "request: PATCH a; content-type: " in told and "<b>" in told and "\x1b" not in told
    assert properties(rules[0])["held"] == "no"
