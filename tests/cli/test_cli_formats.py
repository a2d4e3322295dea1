"""Reports for machines: JSON, JUnit XML, HTML, and several plans as one line."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
from cli_fakes import FAILURE, finding, run_report, skipped, unknown, violated

from patchstorm.errors import UsageError
from patchstorm.report.combine import combined
from patchstorm.report.html import page
from patchstorm.report.junit import write_junit
from patchstorm.report.model import Report, RunReport, report_of
from patchstorm.report.stored import encode, read, store


def reported(*runs: RunReport) -> Report:
    return report_of(runs)


def test_the_json_object_has_the_shape_that_is_promised() -> None:
    text = encode(reported(violated())).decode()
    document = json.loads(text)
    assert text.count("\n") == 1
    assert document.keys() >= {"verdict", "runs"}
    assert document["runs"][0].keys() >= {
        "scenario", "target", "world", "seed", "verdict", "schedules", "steps", "seconds", "digest",
        "skipped", "findings", "failure",
    }  # fmt: skip
    found = document["runs"][0]["findings"][0]
    assert found.keys() >= {"checker", "summary", "upload", "ranges", "operations"}
    assert found["ranges"] == [{"offset": 65536, "length": 65536}]


def test_a_stored_report_is_read_back(tmp_path: Path) -> None:
    report = reported(run_report(), violated(), skipped())
    store(report, tmp_path)
    assert read(tmp_path) == report
    assert read(tmp_path / "report.json") == report


def test_what_is_no_report_is_refused_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text('{"verdict": "fine"}')
    with pytest.raises(UsageError, match=r"not a report.*--out DIR"):
        read(tmp_path)


def test_junit_counts_and_tells_each_kind_of_ending(tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    runs = (run_report(), violated(), unknown(scenario="late"), skipped(scenario="rivals"))
    write_junit(reported(*runs), path)
    suites = {suite.attrib["name"]: suite for suite in Xml.parse(path).getroot()}
    assert set(suites) == {
        "patchstorm.processes.reference",
        "patchstorm.processes.reference:append",
    }
    mixed = suites["patchstorm.processes.reference"]
    counts = {name: mixed.attrib[name] for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "3", "failures": "0", "errors": "1", "skipped": "1"}
    failure = suites["patchstorm.processes.reference:append"].find("testcase/failure")
    assert failure is not None and failure.text is not None
    assert failure.text.splitlines()[-1] == f"patchstorm replay {FAILURE}"


def test_junit_stays_xml_whatever_a_server_said(tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    wild = 'nul \x00, escape \x1b[0m, lone surrogate \ud800, and <tags> & quotes "'
    write_junit(reported(violated(findings=(finding(summary=wild),))), path)
    failure = Xml.parse(path).getroot().find("testsuite/testcase/failure")
    assert failure is not None and failure.text is not None
    assert 'and <tags> & quotes "' in failure.text


def test_the_page_escapes_what_servers_said_and_loads_nothing() -> None:
    html = page(reported(violated(findings=(finding(summary="<script>alert(1)</script>"),))))
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "http://" not in html and "https://" not in html
    assert f"patchstorm replay {FAILURE}" in html


def test_one_plan_is_its_own_summary() -> None:
    run = run_report(notes=("a note",))
    assert combined([run]) is run


def test_the_worst_of_several_plans_is_the_verdict() -> None:
    whole = combined([run_report(seconds=1.0), violated(seconds=2.0), unknown(seconds=4.0)])
    assert (whole.verdict, whole.schedules, whole.seconds) == ("violated", 3, 7.0)
    assert whole.failure == FAILURE
    assert "1 of 3 plans violated" in whole.notes


def test_skipped_plans_count_for_nothing_unless_all_were() -> None:
    assert combined([skipped(), run_report()]).schedules == 1
    assert combined([skipped(), run_report()]).verdict == "safe"
    assert combined([skipped(), skipped()]).verdict is None
